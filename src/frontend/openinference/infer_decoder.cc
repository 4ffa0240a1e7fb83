#include "frontend/openinference/infer_decoder.h"

#include <cstring>
#include <limits>

#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/openinference/json_object.h"
#include "frontend/openinference/json_value.h"
#include "frontend/openinference/output_selection.h"
#include "frontend/openinference/request_parameters.h"
#include "frontend/openinference/shared_tensor.h"
#include "tensor/json_number_scanner.h"

namespace slipway::frontend::openinference {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Status;
using base::StrCat;
using tensor::DType;
using tensor::JsonReader;
using tensor::Shape;
using tensor::TensorSpec;
using tensor::TensorView;

Status ReadShape(JsonReader& reader, Shape& shape) {
  if (!reader.BeginArray()) return reader.status();
  while (reader.NextElement()) {
    int64_t dim = 0;
    if (!reader.ReadInt64(dim)) return reader.status();
    if (dim < 0) {
      return InvalidArgument(
          StrCat("shape: expected dimension ", shape.rank(), " to be at least 0, got ", dim));
    }
    if (!shape.Append(dim)) {
      return InvalidArgument(StrCat("shape: expected at most ", tensor::kMaxRank, " dimensions"));
    }
  }
  return reader.status();
}

}  // namespace

void InferDecoder::Reset() {
  inputs_.clear();
  strings_.clear();
  arena_.Reset();
}

Status InferDecoder::Decode(const InferBody& body, const tensor::Signature& signature,
                            InferRequest& request, std::vector<TensorView>& inputs) {
  Reset();
  signature_ = &signature;
  request_ = &request;
  matcher_.Begin(signature);
  inputs.assign(signature.inputs.size(), TensorView());
  if (body.raw) return DecodeRaw(body.tail, inputs);
  JsonReader reader({reinterpret_cast<char*>(body.json.data()), body.json.size()});
  SLIPWAY_RETURN_IF_ERROR(ReadTop(reader));
  SLIPWAY_RETURN_IF_ERROR(TakeBinary(body.tail));
  return Place(inputs);
}

Status InferDecoder::ReadTop(JsonReader& reader) {
  OutputWishes wishes(*signature_, *request_);
  bool has_inputs = false;
  SLIPWAY_RETURN_IF_ERROR(ReadObject(reader, [&](std::string_view key) -> Status {
    if (key == "inputs") {
      has_inputs = true;
      return ReadInputs(reader);
    }
    if (key == "outputs") return wishes.Read(reader);
    if (key == "parameters") {
      return ReadObject(reader, [&](std::string_view name) {
        return ReadRequestParameter(reader, name, *request_, &wishes);
      });
    }
    if (key == "id") {
      reader.ReadString(request_->id);
      return reader.status();
    }
    // KServe's client repeats the model of the URL here.
    if (key != "model_name" && key != "model_version") request_->Ignore("field", key);
    reader.SkipValue();
    return reader.status();
  }));
  if (!reader.Finish()) return reader.status();
  if (!has_inputs) return InvalidArgument(StrCat("'inputs' is missing; ", matcher_.Expected()));
  return wishes.Finish();
}

Status InferDecoder::ReadInputs(JsonReader& reader) {
  if (!reader.BeginArray()) return reader.status();
  while (reader.NextElement()) {
    Input& input = inputs_.emplace_back();
    const Status status = ReadInput(reader, input);
    if (!status.ok())
      return input.name ? status.WithContext(InputMatcher::Quoted(*input.name)) : status;
  }
  return reader.status();
}

Status InferDecoder::ReadInput(JsonReader& reader, Input& input) {
  SLIPWAY_RETURN_IF_ERROR(
      ReadObject(reader, [&](std::string_view key) { return ReadInputKey(reader, key, input); }));
  return FinishInput(input);
}

Status InferDecoder::ReadInputKey(JsonReader& reader, std::string_view key, Input& input) {
  std::string_view text;
  if (key == "name") {
    if (reader.ReadString(text)) input.name = text;
  } else if (key == "datatype") {
    if (reader.ReadString(text)) input.dtype_name = text;
  } else if (key == "shape") {
    return ReadShape(reader, input.shape.emplace());
  } else if (key == "data") {
    return ReadData(reader, input);
  } else if (key == "parameters") {
    return ReadInputParameters(reader, input);
  } else {
    request_->Ignore("input field", key);
    reader.SkipValue();
  }
  return reader.status();
}

Status InferDecoder::ReadInputParameters(JsonReader& reader, Input& input) {
  return ReadObject(reader, [&](std::string_view key) -> Status {
    if (key == "binary_data_size") {
      uint64_t size = 0;
      if (reader.ReadUint64(size)) input.binary_size = size;
      return reader.status();
    }
    if (IsAboutSharedMemory(key)) {
      JsonValue value(reader);
      return ReadSharedMemoryParameter(key, value, input.place);
    }
    request_->Ignore("input parameter", key);
    reader.SkipValue();
    return reader.status();
  });
}

// Scans the data at once when name, datatype and shape came before it, as they do from every client
// we know; else remembers where it is and passes it.
Status InferDecoder::ReadData(JsonReader& reader, Input& input) {
  input.data = reader;
  if (input.described()) {
    SLIPWAY_RETURN_IF_ERROR(Match(input));
    return DecodeData(reader, input);
  }
  return tensor::MeasureJsonArray(reader).status();
}

Status InferDecoder::FinishInput(Input& input) {
  if (!input.name) return InvalidArgument("'inputs': each element needs a 'name'");
  if (!input.dtype_name) return InvalidArgument("'datatype' is missing");
  if (!input.shape) return InvalidArgument("'shape' is missing");
  if (input.place.asked) return FinishShared(input);
  if (input.data.has_value() == input.binary_size.has_value()) {
    return InvalidArgument(
        StrCat("expected either 'data' or the parameter 'binary_data_size', got ",
               input.data ? "both" : "neither"));
  }
  if (input.decoded) return OkStatus();
  SLIPWAY_RETURN_IF_ERROR(Match(input));
  return input.data ? DecodeData(*input.data, input) : OkStatus();
}

// NOLINTBEGIN(bugprone-unchecked-optional-access): what follows runs for described() inputs only.
Status InferDecoder::Match(Input& input) {
  return matcher_.Match(*input.name, *input.dtype_name, *input.shape, input.match);
}

Status InferDecoder::FinishShared(Input& input) {
  if (input.data || input.binary_size) {
    return InvalidArgument(StrCat("expected shared memory or ",
                                  input.data ? "'data'" : "the parameter 'binary_data_size'",
                                  ", got both"));
  }
  SLIPWAY_RETURN_IF_ERROR(Match(input));
  SLIPWAY_ASSIGN_OR_RETURN(input.view, ReadSharedInput(input.place, input.match, *input.shape,
                                                       request_->regions, arena_));
  input.decoded = true;
  return OkStatus();
}

Status InferDecoder::DecodeData(JsonReader& reader, Input& input) {
  if (input.match.dtype == DType::kBytes) {
    std::vector<std::byte>& strings = strings_.emplace_back();
    SLIPWAY_RETURN_IF_ERROR(tensor::ScanJsonStrings(reader, input.match.count, strings));
    SLIPWAY_ASSIGN_OR_RETURN(input.view,
                             TensorView::Create(input.match.dtype, *input.shape, strings));
  } else {
    // Each element takes a digit and a comma: a shape that promises more than the text can hold is
    // found out before memory is set aside for it.
    const auto text_left = static_cast<uint64_t>(reader.end() - reader.at());
    if (static_cast<uint64_t>(input.match.count) > text_left / 2 + 1) {
      SLIPWAY_ASSIGN_OR_RETURN(const Shape got, tensor::MeasureJsonArray(reader));
      SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, tensor::ElementCount(got));
      return InvalidArgument(StrCat("expected ", input.match.count, " elements, got ", count));
    }
    const std::span<std::byte> memory =
        arena_.Allocate(static_cast<size_t>(input.match.count) * tensor::SizeOf(input.match.dtype));
    SLIPWAY_RETURN_IF_ERROR(
        tensor::ScanJsonNumbers(reader, input.match.dtype, input.match.count, memory));
    SLIPWAY_ASSIGN_OR_RETURN(input.view,
                             TensorView::Create(input.match.dtype, *input.shape, memory));
  }
  input.decoded = true;
  return OkStatus();
}

Status InferDecoder::TakeBinary(std::span<std::byte> tail) {
  BinaryTail binary(tail);
  for (Input& input : inputs_) {
    if (!input.binary_size) continue;
    const auto take = [&]() -> Status {
      SLIPWAY_ASSIGN_OR_RETURN(const auto bytes, binary.Take(*input.binary_size));
      SLIPWAY_ASSIGN_OR_RETURN(input.view,
                               TensorView::Create(input.match.dtype, *input.shape, bytes));
      return OkStatus();
    };
    if (const Status status = take(); !status.ok())
      return status.WithContext(InputMatcher::Quoted(*input.name));
  }
  return binary.Finish();
}
// NOLINTEND(bugprone-unchecked-optional-access)

Status InferDecoder::Place(std::vector<TensorView>& inputs) {
  for (const Input& input : inputs_) inputs[input.match.index] = input.view;
  return matcher_.CheckComplete(inputs);
}

// The body is the model's one input, of batch size 1; every output comes back binary.
Status InferDecoder::DecodeRaw(std::span<std::byte> body, std::vector<TensorView>& inputs) {
  constexpr std::string_view kRaw = "a raw binary request (header length 0) needs a model with ";
  if (inputs.size() != 1) return InvalidArgument(StrCat(kRaw, "one input; ", matcher_.Expected()));
  const TensorSpec& spec = signature_->inputs[0];
  Shape shape = spec.shape;
  size_t element_bytes = tensor::SizeOf(spec.dtype);
  std::span<std::byte> bytes = body;
  if (spec.dtype == DType::kBytes) {  // one string: the server puts its length in front
    if (body.size() > std::numeric_limits<uint32_t>::max()) {
      return InvalidArgument(StrCat(InputMatcher::Quoted(spec.name), ": expected less than 4 GiB"));
    }
    bytes = arena_.Allocate(sizeof(uint32_t) + body.size());
    const auto length = static_cast<uint32_t>(body.size());
    std::memcpy(bytes.data(), &length, sizeof(length));
    std::memcpy(bytes.data() + sizeof(length), body.data(), body.size());
    element_bytes = bytes.size();
  }
  std::optional<size_t> free_dim;
  size_t known = element_bytes;
  const bool batched = signature_->batched();
  for (size_t i = 0; i < shape.rank(); ++i) {
    if (i == 0 && batched) shape.set_dim(0, 1);
    if (shape[i] == -1 && free_dim) {
      return InvalidArgument(StrCat(kRaw, "at most one free dimension, but ", matcher_.Expected()));
    }
    if (shape[i] == -1) {
      free_dim = i;
    } else if (__builtin_mul_overflow(known, static_cast<size_t>(shape[i]), &known)) {
      return InvalidArgument(StrCat(InputMatcher::Quoted(spec.name), ": ", spec, " is too large"));
    }
  }
  if (free_dim) {
    shape.set_dim(*free_dim, known == 0 ? 0 : static_cast<int64_t>(bytes.size() / known));
  }
  const base::Result<TensorView> view = TensorView::Create(spec.dtype, shape, bytes);
  if (!view.ok()) return view.status().WithContext(InputMatcher::Quoted(spec.name));
  inputs[0] = *view;
  AddAllOutputs(*signature_, /*binary=*/true, *request_);
  return OkStatus();
}

}  // namespace slipway::frontend::openinference
