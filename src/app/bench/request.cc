#include "app/bench/request.h"

#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using nlohmann::json;
using tensor::DType;
using tensor::Shape;

constexpr int64_t kMaxElements = int64_t{1} << 28;
constexpr uint64_t kMaxBytes = uint64_t{1} << 30;

bool IsFloat(DType dtype) {
  return dtype == DType::kFp16 || dtype == DType::kBf16 || dtype == DType::kFp32 ||
         dtype == DType::kFp64;
}

// The values of one input, one after the other; both formats show the same ones.
class Values {
 public:
  explicit Values(uint64_t seed) : random_(seed) {}

  void AppendJson(DType dtype, std::string& out) {
    const uint64_t number = random_.Next() >> 33;
    if (IsFloat(dtype)) {
      char text[32];
      const double value = static_cast<double>(number % 10000) / 10000;
      out.append(text, std::to_chars(text, text + sizeof(text), value).ptr);
    } else if (dtype == DType::kBool) {
      out.append(number % 2 == 0 ? "false" : "true");
    } else if (dtype == DType::kBytes) {
      out.append(StrCat("\"text", number % 10, "\""));
    } else {
      out.push_back(static_cast<char>('0' + number % 10));
    }
  }

  void AppendBinary(DType dtype, std::string& out) {
    const uint64_t number = random_.Next() >> 33;
    const double fraction = static_cast<double>(number % 10000) / 10000;
    switch (dtype) {
      case DType::kFp64:
        return Append(fraction, out);
      case DType::kFp32:
        return Append(static_cast<float>(fraction), out);
      case DType::kFp16:
        return Append(tensor::ToFp16(fraction), out);
      case DType::kBf16:
        return Append(tensor::ToBf16(fraction), out);
      case DType::kBool:
        return out.push_back(static_cast<char>(number % 2));
      case DType::kBytes: {
        const std::string text = StrCat("text", number % 10);
        Append(static_cast<uint32_t>(text.size()), out);
        return static_cast<void>(out.append(text));
      }
      default:  // integers, little-endian
        out.push_back(static_cast<char>(number % 10));
        out.append(tensor::SizeOf(dtype) - 1, '\0');
    }
  }

 private:
  template <typename T>
  static void Append(T value, std::string& out) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  base::Random random_;
};

// The shape to send: what the user said, or the signature with its free dimensions filled in.
Result<Shape> ConcreteShape(const BenchInput& input, const BenchBodyOptions& options) {
  const auto chosen = options.shapes.find(input.name);
  if (chosen == options.shapes.end()) {
    Shape shape = input.shape;
    for (size_t i = 0; i < shape.rank(); ++i) {
      if (shape[i] < 0) shape.set_dim(i, i == 0 ? options.batch : 1);
    }
    return shape;
  }
  const Shape& shape = chosen->second;
  bool fits = shape.rank() == input.shape.rank();
  for (size_t i = 0; fits && i < shape.rank(); ++i) {
    fits = input.shape[i] < 0 || input.shape[i] == shape[i];
  }
  if (!fits) {
    return InvalidArgument(StrCat("--shape of input '", Printable(input.name), "': expected ",
                                  input.shape, ", got ", shape));
  }
  return shape;
}

Status CheckShapeNames(const std::vector<BenchInput>& inputs, const BenchBodyOptions& options) {
  for (const auto& [name, shape] : options.shapes) {
    bool known = false;
    std::string names;
    for (const BenchInput& input : inputs) {
      known = known || input.name == name;
      names += StrCat(names.empty() ? "'" : ", '", Printable(input.name), "'");
    }
    if (!known) {
      return InvalidArgument(StrCat("--shape names input '", Printable(name),
                                    "', which the model does not have; it has ", names));
    }
  }
  return base::OkStatus();
}

Result<int64_t> CheckedCount(const BenchInput& input, const Shape& shape) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, tensor::ElementCount(shape));
  if (count <= kMaxElements) return count;
  return base::ResourceExhausted(StrCat("input '", Printable(input.name), "' of shape ", shape,
                                        " has more than ", kMaxElements, " elements"));
}

Status TooLarge() { return base::ResourceExhausted("the request would be larger than 1 GiB"); }

// Appends one element of "inputs", with its data in place, or in `tail` when that is not null.
Status AppendInput(const BenchInput& input, const Shape& shape, uint64_t seed, std::string& out,
                   std::string* tail) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, CheckedCount(input, shape));
  Values values(seed);
  out += StrCat("{\"name\":", base::JsonString(input.name), ",\"shape\":", shape,
                ",\"datatype\":\"", input.dtype, "\",");
  if (tail != nullptr) {
    const size_t before = tail->size();
    for (int64_t i = 0; i < count; ++i) values.AppendBinary(input.dtype, *tail);
    out += StrCat(R"("parameters":{"binary_data_size":)", tail->size() - before, "}}");
    return base::OkStatus();
  }
  out += "\"data\":[";
  for (int64_t i = 0; i < count; ++i) {
    if (i > 0) out.push_back(',');
    values.AppendJson(input.dtype, out);
  }
  out += "]}";
  return base::OkStatus();
}

Result<BenchInput> ReadInput(const json& input) {
  const auto bad = [&](std::string_view what) {
    return base::DataLoss(
        StrCat("model metadata: ", what, " in input ",
               Printable(input.dump(-1, ' ', false, json::error_handler_t::replace))));
  };
  if (!input.is_object() || !input.value("name", json()).is_string()) return bad("no name");
  if (!input.value("datatype", json()).is_string()) return bad("no datatype");
  const auto dtype = tensor::ParseDType(input["datatype"].get<std::string>());
  if (!dtype) return bad("unknown datatype");
  if (!input.value("shape", json()).is_array()) return bad("no shape");
  Shape shape;
  for (const json& dim : input["shape"]) {
    const bool good = dim.is_number_integer() || dim.is_string();  // some servers quote int64
    int64_t size = -1;
    if (dim.is_string()) {
      const std::string text = dim.get<std::string>();
      std::from_chars(text.data(), text.data() + text.size(), size);
    } else if (good) {
      size = dim.get<int64_t>();
    }
    if (!good || !shape.Append(size)) return bad("unreadable shape");
  }
  return BenchInput{.name = input["name"].get<std::string>(), .dtype = *dtype, .shape = shape};
}

}  // namespace

Result<std::vector<BenchInput>> ReadBenchInputs(const json& metadata) {
  if (!metadata.is_object() || !metadata.value("inputs", json()).is_array()) {
    return base::DataLoss("model metadata has no 'inputs'");
  }
  std::vector<BenchInput> inputs;
  for (const json& input : metadata["inputs"]) {
    SLIPWAY_ASSIGN_OR_RETURN(BenchInput one, ReadInput(input));
    inputs.push_back(std::move(one));
  }
  return inputs;
}

Status ParseShapeOption(std::string_view text, std::map<std::string, Shape>& shapes) {
  const auto bad = [&] {
    return InvalidArgument(
        StrCat("--shape '", Printable(text), "': expected NAME:D,D,... such as image:1,3,224,224"));
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return bad();
  Shape shape;
  std::string_view dims = text.substr(colon + 1);
  while (!dims.empty()) {
    const std::string_view dim = dims.substr(0, dims.find(','));
    dims.remove_prefix(std::min(dims.size(), dim.size() + 1));
    int64_t size = 0;
    const auto [end, error] = std::from_chars(dim.data(), dim.data() + dim.size(), size);
    if (error != std::errc() || end != dim.data() + dim.size() || size < 0) return bad();
    if (!shape.Append(size)) return bad();
  }
  shapes[std::string(text.substr(0, colon))] = shape;
  return base::OkStatus();
}

Result<BenchBody> MakeBenchBody(const std::vector<BenchInput>& inputs,
                                const BenchBodyOptions& options) {
  SLIPWAY_RETURN_IF_ERROR(CheckShapeNames(inputs, options));
  std::string tail;
  BenchBody body{.bytes = "{"};
  if (options.binary) body.bytes += R"("parameters":{"binary_data_output":true},)";
  body.bytes += "\"inputs\":[";
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (i > 0) body.bytes.push_back(',');
    SLIPWAY_ASSIGN_OR_RETURN(const Shape shape, ConcreteShape(inputs[i], options));
    SLIPWAY_RETURN_IF_ERROR(AppendInput(inputs[i], shape, options.seed + i, body.bytes,
                                        options.binary ? &tail : nullptr));
    if (body.bytes.size() + tail.size() > kMaxBytes) return TooLarge();
  }
  body.bytes += "]}";
  if (options.binary) body.json_bytes = body.bytes.size();
  body.bytes += tail;
  return body;
}

Result<std::vector<BenchTensor>> MakeBenchTensors(const std::vector<BenchInput>& inputs,
                                                  const BenchBodyOptions& options) {
  SLIPWAY_RETURN_IF_ERROR(CheckShapeNames(inputs, options));
  std::vector<BenchTensor> tensors;
  uint64_t bytes = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(Shape shape, ConcreteShape(inputs[i], options));
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, CheckedCount(inputs[i], shape));
    BenchTensor tensor{
        .name = inputs[i].name, .dtype = inputs[i].dtype, .shape = shape, .data = {}};
    Values values(options.seed + i);
    for (int64_t k = 0; k < count; ++k) values.AppendBinary(tensor.dtype, tensor.data);
    bytes += tensor.data.size();
    if (bytes > kMaxBytes) return TooLarge();
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::string SerializeRequest(const BenchHttpRequest& request) {
  std::string out =
      StrCat(request.method, " ", request.target, " HTTP/1.1\r\nHost: ", request.host, "\r\n");
  for (const std::string& header : request.headers) out += header + "\r\n";
  if (request.method != "GET") out += StrCat("Content-Length: ", request.body.size(), "\r\n");
  out += "\r\n";
  out += request.body;
  return out;
}

}  // namespace slipway::app
