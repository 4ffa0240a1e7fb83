// NPY and NPZ files as inputs of a model.
#include <utility>

#include "app/predict/input.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "tensor/npy.h"
#include "tensor/npy_header.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::NamedTensor;
using tensor::NpyLimits;
using tensor::Signature;
using tensor::Tensor;
using tensor::TensorView;

constexpr uint64_t kMaxTensorBytes = uint64_t{64} << 30;

// The array where it lies, when its bytes are as ours are; an absent view when it has to be read.
// So a file larger than memory can be predicted from.
TensorView ViewInPlace(std::span<const std::byte> file) {
  const auto header = tensor::ReadNpyHeader(file, NpyLimits().max_header_bytes);
  if (!header.ok()) return {};
  const bool number = header->kind == 'i' || header->kind == 'u' || header->kind == 'f';
  const bool plain = number && !header->big_endian && !header->fortran_order &&
                     header->item_bytes == tensor::SizeOf(header->dtype);
  if (!plain || header->data_offset > file.size()) return {};
  const auto view =
      TensorView::Create(header->dtype, header->shape, file.subspan(header->data_offset));
  return view.ok() ? *view : TensorView();
}

}  // namespace

Result<PredictInputs> ReadNpyInputs(std::span<const std::byte> content, const Signature& signature,
                                    const InputOptions&) {
  if (signature.inputs.size() != 1) {
    return InvalidArgument(StrCat("NPY holds one array, but the model has ",
                                  signature.inputs.size(), " inputs: ", DescribeInputs(signature),
                                  "; put the arrays into an NPZ under these names"));
  }
  PredictInputs inputs;
  inputs.views.resize(1);
  TensorView view = ViewInPlace(content);
  if (view.absent()) {
    SLIPWAY_ASSIGN_OR_RETURN(Tensor tensor,
                             tensor::ReadNpy(content, {.max_tensor_bytes = kMaxTensorBytes}));
    inputs.tensors.push_back(std::move(tensor));
    view = inputs.tensors.back().view();
  }
  SLIPWAY_RETURN_IF_ERROR(SetInput(signature, 0, view, inputs));
  return inputs;
}

Result<PredictInputs> ReadNpzInputs(std::span<const std::byte> content, const Signature& signature,
                                    const InputOptions& options) {
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<NamedTensor> arrays,
                           tensor::ReadNpz(content, {.max_tensor_bytes = kMaxTensorBytes}));
  PredictInputs inputs;
  inputs.views.resize(signature.inputs.size());
  InputMatcher matcher(signature, options);
  std::vector<std::pair<size_t, Tensor*>> matched;
  for (NamedTensor& array : arrays) {
    const std::optional<size_t> index = matcher.Find(array.name);
    if (index) matched.emplace_back(*index, &array.tensor);
  }
  SLIPWAY_RETURN_IF_ERROR(matcher.Finish(inputs.notes));
  for (const auto& [index, tensor] : matched) {
    if (!inputs.views[index].absent()) {
      return InvalidArgument(StrCat("input '", signature.inputs[index].name, "' is there twice"));
    }
    SLIPWAY_RETURN_IF_ERROR(SetInput(signature, index, tensor->view(), inputs));
    inputs.tensors.push_back(std::move(*tensor));
  }
  return inputs;
}

}  // namespace slipway::app
