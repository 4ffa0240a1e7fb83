#include "engine/onnxruntime/signature_reader.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "engine/onnxruntime/ort_status.h"
#include "graph/element_type.h"
#include "graph/tabular_metadata.h"
#include "tensor/shape.h"

namespace slipway::engine {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::Signature;
using tensor::TensorSpec;

namespace {

// One list of a session: its inputs, its inputs with defaults, or its outputs.
struct List {
  decltype(OrtApi::SessionGetInputCount) count;
  decltype(OrtApi::SessionGetInputName) name;
  decltype(OrtApi::SessionGetInputTypeInfo) type;
};

struct Named {
  std::string name;
  TypeInfoPtr type;
};

Result<std::vector<Named>> ReadList(const Runtime& runtime, const OrtSession* session,
                                    const List& list) {
  std::vector<Named> all;
  size_t count = 0;
  SLIPWAY_RETURN_IF_ORT_ERROR(list.count(session, &count));
  for (size_t i = 0; i < count; ++i) {
    char* name = nullptr;
    OrtTypeInfo* type = nullptr;
    SLIPWAY_RETURN_IF_ORT_ERROR(list.type(session, i, &type));
    TypeInfoPtr owned_type(type);
    SLIPWAY_RETURN_IF_ORT_ERROR(list.name(session, i, runtime.allocator, &name));
    all.push_back({name, std::move(owned_type)});
    runtime.allocator->Free(runtime.allocator, name);
  }
  return all;
}

// What a value that is no tensor is called; nullopt for a tensor.
Result<std::optional<std::string_view>> NotATensor(const OrtTypeInfo* type) {
  ONNXType kind = ONNX_TYPE_UNKNOWN;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().GetOnnxTypeFromTypeInfo(type, &kind));
  switch (kind) {
    case ONNX_TYPE_TENSOR:
      return std::optional<std::string_view>();
    case ONNX_TYPE_SEQUENCE:
      return std::optional<std::string_view>("a sequence");
    case ONNX_TYPE_MAP:
      return std::optional<std::string_view>("a map");
    case ONNX_TYPE_OPTIONAL:
      return std::optional<std::string_view>("an optional value");
    case ONNX_TYPE_SPARSETENSOR:
      return std::optional<std::string_view>("a sparse tensor");
    default:
      return std::optional<std::string_view>("a value of unknown type");
  }
}

Status ReadShape(const OrtTensorTypeAndShapeInfo* info, TensorSpec& spec) {
  size_t rank = 0;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().GetDimensionsCount(info, &rank));
  std::vector<int64_t> dims(rank);
  std::vector<const char*> names(rank);
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().GetDimensions(info, dims.data(), rank));
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().GetSymbolicDimensions(info, names.data(), rank));
  for (int64_t& dim : dims) dim = std::max<int64_t>(dim, -1);
  SLIPWAY_ASSIGN_OR_RETURN(spec.shape, tensor::Shape::Create(dims));
  for (const char* name : names) spec.dim_names.emplace_back(name == nullptr ? "" : name);
  return OkStatus();
}

Status UnservableType(graph::ElementType type) {
  return InvalidArgument(StrCat("type ", graph::ElementTypeName(type),
                                " cannot be sent by the Open Inference Protocol; add a Cast to one "
                                "that it has, such as FLOAT, and export again"));
}

Status ReadTensorSpec(const OrtTypeInfo* type, TensorSpec& spec) {
  const OrtTensorTypeAndShapeInfo* info = nullptr;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().CastTypeInfoToTensorInfo(type, &info));
  ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().GetTensorElementType(info, &element));
  const auto element_type = static_cast<graph::ElementType>(element);
  const std::optional<tensor::DType> dtype = graph::ToDType(element_type);
  if (!dtype) return UnservableType(element_type);
  spec.dtype = *dtype;
  return ReadShape(info, spec);
}

// ONNX Runtime says rank 0 both for scalars and for tensors without any shape; the file tells them
// apart, unless the runtime has inferred a shape.
void MarkFreeRank(const std::vector<graph::OnnxValue>& declared, TensorSpec& spec) {
  const auto value = std::ranges::find(declared, spec.name, &graph::OnnxValue::name);
  spec.any_rank = spec.shape.rank() == 0 && value != declared.end() && !value->has_shape;
}

Status ReadInput(const Named& input, bool optional, const graph::OnnxSummary& summary,
                 Signature& signature) {
  TensorSpec spec;
  spec.name = input.name;
  spec.optional = optional;
  SLIPWAY_ASSIGN_OR_RETURN(const auto not_a_tensor, NotATensor(input.type.get()));
  Status status = not_a_tensor
                      ? InvalidArgument(StrCat("expected a tensor, got ", *not_a_tensor,
                                               "; export the model with tensors as inputs"))
                      : ReadTensorSpec(input.type.get(), spec);
  if (!status.ok()) return status.WithContext(StrCat("input '", Printable(input.name), "'"));
  MarkFreeRank(summary.inputs, spec);
  signature.inputs.push_back(std::move(spec));
  return OkStatus();
}

Status ReadInputs(const Runtime& runtime, const OrtSession* session,
                  const graph::OnnxSummary& summary, Signature& signature) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto required,
                           ReadList(runtime, session,
                                    {Api().SessionGetInputCount, Api().SessionGetInputName,
                                     Api().SessionGetInputTypeInfo}));
  SLIPWAY_ASSIGN_OR_RETURN(const auto defaulted,
                           ReadList(runtime, session,
                                    {Api().SessionGetOverridableInitializerCount,
                                     Api().SessionGetOverridableInitializerName,
                                     Api().SessionGetOverridableInitializerTypeInfo}));
  std::map<std::string_view, std::pair<const Named*, bool>> by_name;
  for (const Named& input : required) by_name[input.name] = {&input, false};
  for (const Named& input : defaulted) by_name[input.name] = {&input, true};
  for (const graph::OnnxValue& declared : summary.inputs) {
    const auto found = by_name.find(declared.name);
    if (found == by_name.end()) continue;  // a mere initializer, before IR version 4
    const auto& [input, optional] = found->second;
    SLIPWAY_RETURN_IF_ERROR(ReadInput(*input, optional, summary, signature));
  }
  return OkStatus();
}

Status ReadOutputs(const Runtime& runtime, const OrtSession* session,
                   const graph::OnnxSummary& summary, Signature& signature,
                   std::vector<std::string>& dropped) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto outputs,
                           ReadList(runtime, session,
                                    {Api().SessionGetOutputCount, Api().SessionGetOutputName,
                                     Api().SessionGetOutputTypeInfo}));
  for (const Named& output : outputs) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto not_a_tensor, NotATensor(output.type.get()));
    if (not_a_tensor) {
      dropped.push_back(StrCat("output '", Printable(output.name), "' is ", *not_a_tensor));
      continue;
    }
    TensorSpec spec;
    spec.name = output.name;
    const Status status = ReadTensorSpec(output.type.get(), spec);
    if (!status.ok()) return status.WithContext(StrCat("output '", Printable(output.name), "'"));
    MarkFreeRank(summary.outputs, spec);
    signature.outputs.push_back(std::move(spec));
  }
  if (!signature.outputs.empty()) return OkStatus();
  return InvalidArgument(
      StrCat("expected at least one tensor among the outputs, but ",
             dropped.empty() ? "there is no output" : dropped.front(),
             "; export with tensors as outputs (skl2onnx: options={'zipmap': False})"));
}

}  // namespace

Status CheckDeclaredTypes(const graph::OnnxSummary& summary) {
  const auto check = [](const graph::OnnxValue& value, std::string_view side) -> Status {
    const bool known = value.kind == graph::OnnxValue::Kind::kTensor &&
                       value.element_type != graph::ElementType::kUndefined;
    if (!known || graph::ToDType(value.element_type)) return OkStatus();
    return UnservableType(value.element_type)
        .WithContext(StrCat(side, " '", Printable(value.name), "'"));
  };
  for (const auto& input : summary.inputs) SLIPWAY_RETURN_IF_ERROR(check(input, "input"));
  for (const auto& output : summary.outputs) SLIPWAY_RETURN_IF_ERROR(check(output, "output"));
  return OkStatus();
}

Result<Signature> ReadSignature(const Runtime& runtime, const OrtSession* session,
                                const graph::OnnxSummary& summary,
                                std::vector<std::string>& dropped) {
  Signature signature;
  SLIPWAY_RETURN_IF_ERROR(ReadInputs(runtime, session, summary, signature));
  SLIPWAY_RETURN_IF_ERROR(ReadOutputs(runtime, session, summary, signature, dropped));
  graph::DescribeSignature(summary.metadata, signature);
  return signature;
}

}  // namespace slipway::engine
