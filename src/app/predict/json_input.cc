#include <memory>
#include <utility>

#include "app/predict/input.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/openinference/infer_decoder.h"
#include "tensor/json_number_scanner.h"
#include "tensor/json_reader.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using frontend::openinference::InferBody;
using frontend::openinference::InferDecoder;
using frontend::openinference::InferRequest;
using tensor::JsonReader;
using tensor::Shape;
using tensor::Signature;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

// The text of the file, which readers decode in place, and what has views into it.
struct JsonMemory {
  std::string text;  // with the padding
  size_t size = 0;   // without it
  InferDecoder decoder;
  InferRequest request;

  std::span<char> span() { return {text.data(), size}; }
};

// {"inputs": [{...}, ...]}: an infer request, and not a model whose input is called "inputs".
bool IsInferRequest(JsonReader reader) {
  std::string_view key;
  if (reader.Peek() != JsonReader::Kind::kObject || !reader.BeginObject()) return false;
  while (reader.NextKey(key)) {
    if (key == "inputs") {
      return reader.Peek() == JsonReader::Kind::kArray && reader.BeginArray() &&
             reader.NextElement() && reader.Peek() == JsonReader::Kind::kObject;
    }
    reader.SkipValue();
  }
  return false;
}

// Whether the signature wants one list more around what came: a row without its batch.
bool IsOneRow(const TensorSpec& spec, const Shape& shape) {
  if (spec.any_rank || spec.shape.rank() != shape.rank() + 1 || spec.shape.rank() < 2) return false;
  return spec.shape[0] == -1 || spec.shape[0] == 1;
}

Shape WithOneRow(const Shape& shape) {
  Shape row = {1};
  for (const int64_t dim : shape.dims()) row.Append(dim);
  return row;
}

Result<Tensor> ScanTensor(JsonReader& reader, const TensorSpec& spec, const Shape& shape) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, tensor::ElementCount(shape));
  if (spec.dtype == tensor::DType::kBytes) {
    std::vector<std::byte> elements;
    SLIPWAY_RETURN_IF_ERROR(tensor::ScanJsonStrings(reader, count, elements));
    SLIPWAY_ASSIGN_OR_RETURN(const TensorView view,
                             TensorView::Create(spec.dtype, shape, elements));
    return Tensor::CopyOf(view);
  }
  SLIPWAY_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(spec.dtype, shape));
  SLIPWAY_RETURN_IF_ERROR(
      tensor::ScanJsonNumbers(reader, spec.dtype, count, tensor.mutable_data()));
  return tensor;
}

// The nested list that comes next, for the input at `index`.
Status ReadNested(JsonReader& reader, const Signature& signature, size_t index,
                  PredictInputs& inputs) {
  const TensorSpec& spec = signature.inputs[index];
  const auto read = [&]() -> Status {
    if (reader.Peek() != JsonReader::Kind::kArray) {
      return InvalidArgument(StrCat("expected a list for ", spec));
    }
    JsonReader measure = reader;
    SLIPWAY_ASSIGN_OR_RETURN(Shape shape, tensor::MeasureJsonArray(measure));
    if (IsOneRow(spec, shape)) shape = WithOneRow(shape);
    if (!spec.Accepts(spec.dtype, shape)) {
      return InvalidArgument(StrCat("expected ", spec, ", got lists of the shape ", shape));
    }
    SLIPWAY_ASSIGN_OR_RETURN(Tensor tensor, ScanTensor(reader, spec, shape));
    inputs.tensors.push_back(std::move(tensor));
    inputs.views[index] = inputs.tensors.back().view();
    return base::OkStatus();
  };
  return read().WithContext(StrCat("input '", spec.name, "'"));
}

Status ReadNamed(JsonReader& reader, const Signature& signature, const InputOptions& options,
                 PredictInputs& inputs) {
  InputMatcher matcher(signature, options);
  std::string_view key;
  reader.BeginObject();
  while (reader.NextKey(key)) {
    const std::optional<size_t> index = matcher.Find(key);
    if (!index) {
      reader.SkipValue();
    } else if (!inputs.views[*index].absent()) {
      return InvalidArgument(StrCat("input '", base::Printable(key), "' is there twice"));
    } else {
      SLIPWAY_RETURN_IF_ERROR(ReadNested(reader, signature, *index, inputs));
    }
  }
  if (!reader.Finish()) return reader.status();
  return matcher.Finish(inputs.notes);
}

Status ReadOnly(JsonReader& reader, const Signature& signature, PredictInputs& inputs) {
  if (signature.inputs.size() != 1) {
    return InvalidArgument(
        StrCat("a list without a name needs a model with one input, this one has ",
               signature.inputs.size(), ": ", DescribeInputs(signature),
               R"(; write {"NAME": [...], ...})"));
  }
  SLIPWAY_RETURN_IF_ERROR(ReadNested(reader, signature, 0, inputs));
  reader.Finish();
  return reader.status();
}

Status ReadAny(JsonMemory& memory, const Signature& signature, const InputOptions& options,
               PredictInputs& inputs) {
  JsonReader reader(memory.span());
  if (IsInferRequest(reader)) {
    const InferBody body{.json = std::as_writable_bytes(memory.span()), .tail = {}};
    return memory.decoder.Decode(body, signature, memory.request, inputs.views);
  }
  switch (reader.Peek()) {
    case JsonReader::Kind::kObject:
      return ReadNamed(reader, signature, options, inputs);
    case JsonReader::Kind::kArray:
      return ReadOnly(reader, signature, inputs);
    default:
      return InvalidArgument("expected a JSON object or a list");
  }
}

}  // namespace

Result<PredictInputs> ReadJsonInputs(std::string content, const Signature& signature,
                                     const InputOptions& options) {
  const auto memory = std::make_shared<JsonMemory>();
  memory->text = std::move(content);
  memory->size = memory->text.size();
  memory->text.append(JsonReader::kPadding, '\0');
  PredictInputs inputs;
  inputs.views.resize(signature.inputs.size());
  inputs.memory = memory;
  SLIPWAY_RETURN_IF_ERROR(ReadAny(*memory, signature, options, inputs));
  return inputs;
}

}  // namespace slipway::app
