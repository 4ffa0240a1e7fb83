#include "frontend/openinference/generate.h"

#include <algorithm>
#include <cstring>

#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/http_answer.h"
#include "frontend/openinference/json_object.h"
#include "frontend/openinference/json_text.h"
#include "frontend/openinference/request_parameters.h"
#include "tensor/json_number_scanner.h"
#include "tensor/json_writer.h"

namespace slipway::frontend::openinference {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::DType;
using tensor::JsonReader;
using tensor::Shape;
using tensor::TensorSpec;
using tensor::TensorView;

// The shape that `count` elements of this input have.
Result<Shape> ShapeFor(const TensorSpec& spec, int64_t count) {
  if (spec.any_rank) return Shape{count};
  Shape shape = spec.shape;
  int64_t fixed = 1;
  std::optional<size_t> innermost;
  bool overflow = false;
  for (size_t i = 0; i < shape.rank(); ++i) {
    if (shape[i] == -1) {
      innermost = i;
      shape.set_dim(i, 1);
    } else {
      overflow = overflow || __builtin_mul_overflow(fixed, shape[i], &fixed);
    }
  }
  if (innermost && fixed > 0) shape.set_dim(*innermost, count / fixed);
  const int64_t taken = innermost ? fixed * (fixed > 0 ? count / fixed : 1) : fixed;
  if (overflow || taken != count) {
    return InvalidArgument(StrCat("expected ", spec, ", got ", count, " elements"));
  }
  return shape;
}

Status ReadStrings(JsonReader& reader, bool list, int64_t count, std::vector<std::byte>& out) {
  if (list) return tensor::ScanJsonStrings(reader, count, out);
  std::string_view text;
  if (!reader.ReadString(text)) return reader.status();
  const auto length = static_cast<uint32_t>(text.size());
  out.resize(sizeof(length) + text.size());
  std::memcpy(out.data(), &length, sizeof(length));
  if (!text.empty()) std::memcpy(out.data() + sizeof(length), text.data(), text.size());
  return OkStatus();
}

// Reads a scalar or a list of this input's elements.
Result<TensorView> ReadTensor(JsonReader& reader, const TensorSpec& spec, InferDecoder& decoder) {
  int64_t count = 1;
  const bool list = reader.Peek() == JsonReader::Kind::kArray;
  if (list) {
    JsonReader ahead = reader;
    SLIPWAY_ASSIGN_OR_RETURN(const Shape nesting, tensor::MeasureJsonArray(ahead));
    if (nesting.rank() != 1) return InvalidArgument("expected a scalar or a list without nesting");
    count = nesting[0];
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Shape shape, ShapeFor(spec, count));
  if (spec.dtype == DType::kBytes) {
    std::vector<std::byte>& strings = decoder.NewStrings();
    SLIPWAY_RETURN_IF_ERROR(ReadStrings(reader, list, count, strings));
    return TensorView::Create(spec.dtype, shape, strings);
  }
  const std::span<std::byte> memory =
      decoder.arena().Allocate(static_cast<size_t>(count) * tensor::SizeOf(spec.dtype));
  SLIPWAY_RETURN_IF_ERROR(list ? tensor::ScanJsonNumbers(reader, spec.dtype, count, memory)
                               : tensor::ScanJsonScalar(reader, spec.dtype, memory));
  return TensorView::Create(spec.dtype, shape, memory);
}

// One key of the body, or of its "parameters".
class GenerateReader {
 public:
  GenerateReader(const tensor::Signature& signature, InferRequest& request, InferDecoder& decoder,
                 std::vector<TensorView>& inputs)
      : signature_(signature), request_(request), decoder_(decoder), inputs_(inputs) {}

  Status Read(JsonReader& reader) {
    return ReadObject(reader, [&](std::string_view key) -> Status {
      if (key == "id") {
        reader.ReadString(request_.id);
        return reader.status();
      }
      if (key != "parameters") return ReadKey(reader, key);
      return ReadObject(reader, [&](std::string_view name) { return ReadKey(reader, name); });
    });
  }

 private:
  Status ReadKey(JsonReader& reader, std::string_view key) {
    const std::optional<size_t> index = signature_.FindInput(key);
    if (!index && signature_.FindStateInput(key)) {
      return InvalidArgument(
          StrCat("input '", key, "': it is a state, which the server keeps for each sequence"));
    }
    if (!index) return ReadRequestParameter(reader, key, request_, nullptr);
    const std::string where = StrCat("input '", key, "'");
    if (!inputs_[*index].absent()) return InvalidArgument(StrCat(where, " is there twice"));
    Result<TensorView> view = ReadTensor(reader, signature_.inputs[*index], decoder_);
    if (!view.ok()) return view.status().WithContext(where);
    inputs_[*index] = *view;
    return OkStatus();
  }

  const tensor::Signature& signature_;
  InferRequest& request_;
  InferDecoder& decoder_;
  std::vector<TensorView>& inputs_;
};

}  // namespace

Status DecodeGenerate(std::span<std::byte> body, const tensor::Signature& signature,
                      InferRequest& request, InferDecoder& decoder,
                      std::vector<TensorView>& inputs) {
  decoder.Reset();
  inputs.assign(signature.inputs.size(), TensorView());
  JsonReader reader({reinterpret_cast<char*>(body.data()), body.size()});
  SLIPWAY_RETURN_IF_ERROR(GenerateReader(signature, request, decoder, inputs).Read(reader));
  if (!reader.Finish()) return reader.status();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = signature.inputs[i];
    if (inputs[i].absent() && !spec.optional) {
      return InvalidArgument(
          StrCat("input '", spec.name, "' is missing: the model expects ", spec));
    }
  }
  for (size_t i = 0; i < signature.outputs.size(); ++i) {
    request.outputs.push_back({.index = i, .binary = false, .classes = 0});
  }
  return OkStatus();
}

Status EncodeGenerate(const lifecycle::LoadedModel& model, const InferRequest& request,
                      const std::vector<tensor::Tensor>& results, bool stream,
                      net::HttpResponse& response) {
  using tensor::NotFinite;
  std::string& out = response.body;
  out.append(stream ? "data: {" : "{");
  if (!request.id.empty()) {
    out.append("\"id\":");
    base::AppendJsonString(out, request.id);
    out.push_back(',');
  }
  out.append("\"model_name\":");
  base::AppendJsonString(out, model.id().name);
  out.append(",\"model_version\":\"");
  AppendNumber(model.id().version, out);
  out.push_back('"');
  const NotFinite not_finite =
      request.literal_not_finite ? NotFinite::kLiteral : NotFinite::kRefuse;
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    const std::string& name = model.engine().signature().outputs[request.outputs[i].index].name;
    out.push_back(',');
    base::AppendJsonString(out, name);
    out.push_back(':');
    const TensorView& view = results[i].view();
    const Status status = view.element_count() == 1
                              ? tensor::AppendJsonElements(view, 0, 1, not_finite, out)
                              : tensor::AppendJsonArray(view, not_finite, out);
    if (!status.ok()) return status.WithContext(StrCat("output '", name, "'"));
  }
  out.append(stream ? "}\n\n" : "}");
  response.content_type = stream ? "text/event-stream; charset=utf-8" : kJsonType;
  return OkStatus();
}

}  // namespace slipway::frontend::openinference
