#include "inference/cached_answer.h"

#include <utility>

#include "base/buffer.h"

namespace slipway::inference {
namespace {

using tensor::Tensor;

// Key, list and table entries, and the allocator's own, at a guess.
constexpr size_t kEntryBytes = 320;

using Handle = std::shared_ptr<const CachedAnswer>;

void ReleaseHandle(void* handle) { delete static_cast<Handle*>(handle); }

}  // namespace

base::Result<std::shared_ptr<const CachedAnswer>> CachedAnswer::CopyOf(
    std::span<const Tensor> outputs) {
  std::vector<Tensor> copies;
  copies.reserve(outputs.size());
  for (const Tensor& output : outputs) {
    SLIPWAY_ASSIGN_OR_RETURN(Tensor copy, Tensor::CopyOf(output.view()));
    copies.push_back(std::move(copy));
  }
  return Handle(std::make_shared<const CachedAnswer>(std::move(copies)));
}

size_t CachedAnswer::BytesOf(std::span<const Tensor> outputs) {
  size_t bytes = kEntryBytes + outputs.size() * sizeof(Tensor);
  for (const Tensor& output : outputs) bytes += output.view().data().size();
  return bytes;
}

base::Status CachedAnswer::ShareWith(std::vector<Tensor>& results) const {
  results.clear();
  for (const Tensor& output : outputs_) {
    const std::span<const std::byte> data = output.view().data();
    // A Buffer can be written to, but what makes an answer of results only reads them.
    base::Buffer part(const_cast<std::byte*>(data.data()), data.size(),
                      std::make_unique<Handle>(shared_from_this()).release(), ReleaseHandle);
    SLIPWAY_ASSIGN_OR_RETURN(Tensor shared,
                             Tensor::Adopt(output.dtype(), output.shape(), std::move(part)));
    results.push_back(std::move(shared));
  }
  return base::OkStatus();
}

}  // namespace slipway::inference
