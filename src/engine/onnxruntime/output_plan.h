#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "tensor/shape.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::engine {

// Foretells the shape of an output from the inputs of a run, so that its memory can be ours: each
// of its dimensions is fixed, or has the name of a dimension of an input. Made once for a
// signature; immutable, so thread-safe.
//
// What a model declares can be wrong; the runtime notices when it writes, and then the engine stops
// asking (OnnxEngine::Run).
class OutputPlan {
 public:
  explicit OutputPlan(const tensor::Signature& signature);

  // nullopt when it cannot be known: BYTES, a free rank, a dimension that no given input names.
  std::optional<tensor::Shape> ShapeOf(size_t output,
                                       std::span<const tensor::TensorView> inputs) const;

 private:
  struct Dim {
    int64_t fixed = -1;  // -1: that of an input
    size_t input = 0;
    size_t dim = 0;
  };
  using Dims = std::vector<Dim>;

  static std::optional<Dims> Resolve(const tensor::TensorSpec& output,
                                     const tensor::Signature& signature);

  std::vector<std::optional<Dims>> outputs_;
};

}  // namespace slipway::engine
