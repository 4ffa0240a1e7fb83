#include "engine/onnxruntime/external_weights.h"

#include <algorithm>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "engine/onnxruntime/ort_status.h"

namespace slipway::engine {

using base::InvalidArgument;
using base::OkStatus;
using base::PermissionDenied;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using base::Unimplemented;
using graph::ExternalTensor;
using Place = ExternalTensor::Place;

namespace {

std::string_view PlaceName(Place place) {
  switch (place) {
    case Place::kInitializer:
      return "a weight of the graph";
    case Place::kSubgraph:
      return "a weight of a subgraph";
    case Place::kAttribute:
      return "an attribute of a node";
    case Place::kSparse:
      return "a sparse weight";
    case Place::kFunction:
      return "a constant of a function";
  }
  return "a tensor";
}

Status CheckPlace(const ExternalTensor& tensor) {
  if (tensor.place != Place::kInitializer) {
    return Unimplemented(StrCat("external data for ", PlaceName(tensor.place),
                                ": only weights of the main graph may lie in other files; save the "
                                "model again without external data, or with "
                                "convert_attribute=False"));
  }
  // The runtime takes this location for an address in memory.
  if (tensor.location.find("_ORT_MEM_ADDR_") != std::string::npos) {
    return PermissionDenied(StrCat("external data in '", Printable(tensor.location),
                                   "': expected a file inside the model's directory"));
  }
  return OkStatus();
}

Result<std::span<const std::byte>> Piece(const ExternalTensor& tensor,
                                         std::span<const std::byte> file) {
  uint64_t end = 0;
  if (__builtin_add_overflow(tensor.offset, tensor.byte_size, &end) || end > file.size()) {
    return InvalidArgument(StrCat("external data in '", Printable(tensor.location), "': expected ",
                                  tensor.byte_size, " bytes from byte ", tensor.offset,
                                  ", but the file has ", file.size(),
                                  "; it is not the file that was saved with this model, or it was "
                                  "cut off"));
  }
  return file.subspan(static_cast<size_t>(tensor.offset), static_cast<size_t>(tensor.byte_size));
}

}  // namespace

Result<ExternalWeights> ExternalWeights::Open(const Runtime& runtime,
                                              const std::vector<ExternalTensor>& tensors,
                                              ModelBytes& bytes) {
  ExternalWeights weights;
  for (const ExternalTensor& tensor : tensors) {
    const Status status = weights.Add(runtime, tensor, bytes);
    if (!status.ok()) return status.WithContext(StrCat("weight '", Printable(tensor.name), "'"));
  }
  std::vector<std::string_view> names(weights.names_.begin(), weights.names_.end());
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end()) {
    return InvalidArgument(StrCat("weight '", Printable(*twice),
                                  "': expected one with external data, got two of that name"));
  }
  return weights;
}

Status ExternalWeights::Add(const Runtime& runtime, const ExternalTensor& tensor,
                            ModelBytes& bytes) {
  SLIPWAY_RETURN_IF_ERROR(CheckPlace(tensor));
  SLIPWAY_ASSIGN_OR_RETURN(const auto file, bytes.File(tensor.location));
  SLIPWAY_ASSIGN_OR_RETURN(const auto piece, Piece(tensor, file));
  OrtValue* value = nullptr;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().CreateTensorWithDataAsOrtValue(
      runtime.cpu_memory.get(), const_cast<std::byte*>(piece.data()), piece.size(),
      tensor.dims.data(), tensor.dims.size(),
      static_cast<ONNXTensorElementDataType>(tensor.element_type), &value));
  values_.emplace_back(value);
  names_.push_back(tensor.name);
  return OkStatus();
}

Status ExternalWeights::AddTo(OrtSessionOptions* options) const {
  if (values_.empty()) return OkStatus();
  std::vector<const char*> names;
  names.reserve(names_.size());
  std::vector<const OrtValue*> values;
  values.reserve(values_.size());
  for (const std::string& name : names_) names.push_back(name.c_str());
  for (const ValuePtr& value : values_) values.push_back(value.get());
  SLIPWAY_RETURN_IF_ORT_ERROR(
      Api().AddExternalInitializers(options, names.data(), values.data(), values.size()));
  return OkStatus();
}

}  // namespace slipway::engine
