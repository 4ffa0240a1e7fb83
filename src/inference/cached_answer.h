#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "tensor/tensor.h"

namespace slipway::inference {

// The outputs of one run, which the answers of several calls view: the last that holds them frees
// them, be it the cache or an answer on its way to the socket. Immutable, so thread-safe.
class CachedAnswer : public std::enable_shared_from_this<CachedAnswer> {
 public:
  explicit CachedAnswer(std::vector<tensor::Tensor> outputs) : outputs_(std::move(outputs)) {}

  // Memory of its own and no more than it needs: what a run returns may be a part of a whole
  // batch's outputs.
  static base::Result<std::shared_ptr<const CachedAnswer>> CopyOf(
      std::span<const tensor::Tensor> outputs);
  // Bytes that a copy of `outputs` takes, with what is needed to find it again.
  static size_t BytesOf(std::span<const tensor::Tensor> outputs);

  // Makes `results` tensors that view these outputs and keep them alive. Nobody may write to them.
  base::Status ShareWith(std::vector<tensor::Tensor>& results) const;
  size_t bytes() const { return BytesOf(outputs_); }

 private:
  const std::vector<tensor::Tensor> outputs_;
};

}  // namespace slipway::inference
