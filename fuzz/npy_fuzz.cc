// NPY files and NPZ archives: what is read fits its own shape, and is read again as the same once
// written.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "tensor/npy.h"

namespace {

using slipway::tensor::NamedTensor;
using slipway::tensor::NpyLimits;
using slipway::tensor::Tensor;

void CheckTensor(const Tensor& tensor, const NpyLimits& limits) {
  const auto written = WriteNpy(tensor.view());
  if (!written.ok())
    std::abort();  // only strings that end in zeros are refused, and reading cuts those
  const auto again = ReadNpy(std::as_bytes(std::span(*written)), limits);
  if (!again.ok()) return;  // a string that became longer than the limit
  const bool same = again->dtype() == tensor.dtype() && again->shape() == tensor.shape() &&
                    std::ranges::equal(again->view().data(), tensor.view().data());
  if (!same) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  NpyLimits limits;
  limits.max_tensor_bytes = 1 << 20;
  limits.max_entries = 50;
  const auto bytes = std::as_bytes(std::span(data, size));
  if (const auto tensor = ReadNpy(bytes, limits); tensor.ok()) CheckTensor(*tensor, limits);
  const auto archive = ReadNpz(bytes, limits);
  if (!archive.ok()) return 0;
  for (const NamedTensor& member : *archive) CheckTensor(member.tensor, limits);
  return 0;
}
