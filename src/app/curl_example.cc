#include "app/curl_example.h"

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::StrCat;

// Beyond this many values the line is no longer something to paste: the shell then makes the
// values, and curl reads the request from a pipe, because an argument may not be as long as it
// likes.
constexpr int64_t kMaxValues = 256;

std::string Value(tensor::DType dtype, int64_t index) {
  switch (dtype) {
    case tensor::DType::kBool:
      return index % 2 == 0 ? "false" : "true";
    case tensor::DType::kBytes:
      return R"("text")";
    case tensor::DType::kFp16:
    case tensor::DType::kBf16:
    case tensor::DType::kFp32:
    case tensor::DType::kFp64:
      return StrCat(index % 10, ".5");
    default:
      return StrCat(index % 10);
  }
}

tensor::Shape ExampleShape(const tensor::TensorSpec& spec) {
  tensor::Shape shape = spec.shape;
  for (size_t i = 0; i < shape.rank(); ++i) {
    if (shape[i] < 0) shape.set_dim(i, 1);
  }
  return shape;
}

// The data of one input as JSON, or a shell expression that makes as many zeros.
std::string Data(tensor::DType dtype, int64_t count) {
  if (count > kMaxValues) {
    return StrCat("'; yes '", Value(dtype, 0), "' | head -", count, " | paste -sd,; printf %s '");
  }
  std::string data;
  for (int64_t i = 0; i < count; ++i) {
    if (i > 0) data.push_back(',');
    data.append(Value(dtype, i));
  }
  return data;
}

std::string PercentEncode(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  return out;
}

// Inside single quotes of the shell.
std::string ShellQuoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out.append(R"('\'')");
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace

std::string CurlExample(std::string_view server, const lifecycle::LoadedModel& model) {
  std::string inputs;
  for (const tensor::TensorSpec& spec : model.engine().signature().inputs) {
    if (spec.optional) continue;
    if (!inputs.empty()) inputs.push_back(',');
    const tensor::Shape shape = ExampleShape(spec);
    const auto count = tensor::ElementCount(shape);
    inputs.append(StrCat(R"({"name":)", ShellQuoted(base::JsonString(spec.name)), R"(,"shape":)",
                         shape, R"(,"datatype":")", spec.dtype, R"(","data":[)",
                         Data(spec.dtype, count.ok() ? *count : 1), "]}"));
  }
  const std::string path = StrCat("/v2/models/", PercentEncode(model.id().name), "/infer");
  const std::string target = StrCat(server, path);
  const bool has_state = !model.engine().signature().states.empty();
  const std::string_view sequence =
      has_state ? R"("parameters":{"sequence_id":1,"sequence_start":true},)" : "";
  const std::string body = StrCat("'{", sequence, R"("inputs":[)", inputs, "]}'");
  if (body.find("yes '") == std::string::npos) return StrCat("curl -s ", target, " -d ", body);
  return StrCat("(printf %s ", body, ") | curl -s ", target, " -d @-");
}

}  // namespace slipway::app
