#include "app/predict/infer_body.h"

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "app/client/server_client.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "graph/tabular_metadata.h"
#include "tensor/json_number_scanner.h"

namespace slipway::app {
namespace {

using base::DataLoss;
using base::Printable;
using base::Result;
using base::StrCat;
using nlohmann::json;
using tensor::DType;
using tensor::Shape;
using tensor::Signature;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

json ShapeJson(const Shape& shape) {
  json list = json::array();
  for (const int64_t dim : shape.dims()) list.push_back(dim);
  return list;
}

Result<Shape> ReadShape(const json& list) {
  std::vector<int64_t> dims;
  if (!list.is_array()) return DataLoss("'shape' is not a list");
  for (const json& dim : list) {
    if (!dim.is_number_integer()) return DataLoss("'shape' holds something else than integers");
    dims.push_back(dim.get<int64_t>());
  }
  return Shape::Create(dims);
}

Result<DType> ReadDatatype(const json& tensor) {
  const std::string text = JsonText(tensor, "datatype");
  const auto dtype = tensor::ParseDType(text);
  if (!dtype) return DataLoss(StrCat("datatype '", Printable(text), "' is not known"));
  return *dtype;
}

Result<std::vector<TensorSpec>> ReadSpecs(const json& metadata, const char* key) {
  std::vector<TensorSpec> specs;
  const auto list = metadata.find(key);
  if (list == metadata.end() || !list->is_array())
    return DataLoss(StrCat("'", key, "' is missing"));
  for (const json& one : *list) {
    if (!one.is_object()) return DataLoss(StrCat("'", key, "' holds something else than objects"));
    TensorSpec spec;
    spec.name = JsonText(one, "name");
    SLIPWAY_ASSIGN_OR_RETURN(spec.dtype, ReadDatatype(one));
    SLIPWAY_ASSIGN_OR_RETURN(spec.shape, ReadShape(one.value("shape", json())));
    specs.push_back(std::move(spec));
  }
  return specs;
}

// "data" of the JSON, flat or nested.
Result<Tensor> ReadJsonData(const json& data, DType dtype, const Shape& shape) {
  std::string text = data.dump();
  const size_t size = text.size();
  text.append(tensor::JsonReader::kPadding, '\0');
  tensor::JsonReader reader({text.data(), size});
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, tensor::ElementCount(shape));
  if (static_cast<uint64_t>(count) > size) return DataLoss("'data' is shorter than 'shape' says");
  if (dtype == DType::kBytes) {
    std::vector<std::byte> elements;
    SLIPWAY_RETURN_IF_ERROR(tensor::ScanJsonStrings(reader, count, elements));
    SLIPWAY_ASSIGN_OR_RETURN(const TensorView view, TensorView::Create(dtype, shape, elements));
    return Tensor::CopyOf(view);
  }
  SLIPWAY_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(dtype, shape));
  SLIPWAY_RETURN_IF_ERROR(tensor::ScanJsonNumbers(reader, dtype, count, tensor.mutable_data()));
  return tensor;
}

// One element of the answer's "outputs"; takes its bytes off the front of `binary`.
Result<Tensor> ReadOutput(const json& output, std::string_view& binary) {
  SLIPWAY_ASSIGN_OR_RETURN(const DType dtype, ReadDatatype(output));
  SLIPWAY_ASSIGN_OR_RETURN(const Shape shape, ReadShape(output.value("shape", json())));
  const json parameters = output.value("parameters", json::object());
  const auto size = parameters.find("binary_data_size");
  if (size == parameters.end()) return ReadJsonData(output.value("data", json()), dtype, shape);
  if (!size->is_number_unsigned() || size->get<uint64_t>() > binary.size()) {
    return DataLoss("its binary data is cut off");
  }
  const auto bytes = binary.substr(0, size->get<size_t>());
  binary.remove_prefix(bytes.size());
  SLIPWAY_ASSIGN_OR_RETURN(const TensorView view,
                           TensorView::Create(dtype, shape, std::as_bytes(std::span(bytes))));
  return Tensor::CopyOf(view);
}

Result<size_t> JsonSize(std::string_view body, std::string_view header) {
  if (header.empty()) return body.size();
  size_t size = 0;
  const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), size);
  if (error != std::errc() || end != header.data() + header.size() || size > body.size()) {
    return DataLoss(StrCat("header inference-header-content-length: expected at most ", body.size(),
                           ", got '", Printable(header), "'"));
  }
  return size;
}

}  // namespace

InferBody WriteInferRequest(const Signature& signature, std::span<const TensorView> inputs,
                            std::span<const size_t> outputs) {
  json request = {{"inputs", json::array()}, {"outputs", json::array()}};
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].absent()) continue;
    request["inputs"].push_back({{"name", signature.inputs[i].name},
                                 {"datatype", tensor::DTypeName(inputs[i].dtype())},
                                 {"shape", ShapeJson(inputs[i].shape())},
                                 {"parameters", {{"binary_data_size", inputs[i].data().size()}}}});
  }
  for (const size_t output : outputs) {
    request["outputs"].push_back(
        {{"name", signature.outputs[output].name}, {"parameters", {{"binary_data", true}}}});
  }
  InferBody body{.bytes = request.dump(-1, ' ', false, json::error_handler_t::replace)};
  body.json_bytes = body.bytes.size();
  for (const TensorView& input : inputs) {
    body.bytes.append(reinterpret_cast<const char*>(input.data().data()), input.data().size());
  }
  return body;
}

Result<std::vector<Tensor>> ReadInferAnswer(const Signature& signature,
                                            std::span<const size_t> outputs, std::string_view body,
                                            std::string_view json_bytes) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t size, JsonSize(body, json_bytes));
  const json answer = json::parse(body.substr(0, size), nullptr, false);
  const auto list = answer.is_object() ? answer.find("outputs") : answer.end();
  if (!answer.is_object() || list == answer.end() || !list->is_array()) {
    return DataLoss("the answer is not an Open Inference answer: 'outputs' is missing");
  }
  std::string_view binary = body.substr(size);
  std::vector<Tensor> tensors(outputs.size());
  std::vector<bool> there(outputs.size());
  for (const json& output : *list) {
    if (!output.is_object()) return DataLoss("'outputs' holds something else than objects");
    const std::string name = JsonText(output, "name");
    Result<Tensor> tensor = ReadOutput(output, binary);
    if (!tensor.ok()) return tensor.status().WithContext(StrCat("output '", Printable(name), "'"));
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (signature.outputs[outputs[i]].name != name) continue;
      tensors[i] = *std::move(tensor);
      there[i] = true;
      break;
    }
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (there[i]) continue;
    return DataLoss(StrCat("the answer lacks output '", signature.outputs[outputs[i]].name, "'"));
  }
  return tensors;
}

Result<Signature> ReadMetadata(std::string_view body) {
  const json metadata = json::parse(body, nullptr, false);
  if (!metadata.is_object()) return DataLoss("the model's metadata is not a JSON object");
  Signature signature;
  SLIPWAY_ASSIGN_OR_RETURN(signature.inputs, ReadSpecs(metadata, "inputs"));
  SLIPWAY_ASSIGN_OR_RETURN(signature.outputs, ReadSpecs(metadata, "outputs"));
  for (TensorSpec& input : signature.inputs) input.optional = true;
  if (const auto properties = metadata.find("properties");
      properties != metadata.end() && properties->is_object()) {
    std::map<std::string, std::string> texts;
    for (const auto& [key, value] : properties->items()) {
      if (value.is_string()) texts.emplace(key, value.get<std::string>());
    }
    graph::DescribeSignature(texts, signature);
  }
  return signature;
}

}  // namespace slipway::app
