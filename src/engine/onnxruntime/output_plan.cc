#include "engine/onnxruntime/output_plan.h"

#include <string_view>

namespace slipway::engine {

using tensor::Shape;
using tensor::Signature;
using tensor::TensorSpec;
using tensor::TensorView;

OutputPlan::OutputPlan(const Signature& signature) {
  for (const TensorSpec& output : signature.outputs) {
    outputs_.push_back(Resolve(output, signature));
  }
}

std::optional<OutputPlan::Dims> OutputPlan::Resolve(const TensorSpec& output,
                                                    const Signature& signature) {
  if (output.dtype == tensor::DType::kBytes || output.any_rank) return std::nullopt;
  const auto find = [&](std::string_view name) -> std::optional<Dim> {
    if (name.empty()) return std::nullopt;
    for (size_t i = 0; i < signature.inputs.size(); ++i) {
      const TensorSpec& input = signature.inputs[i];
      for (size_t d = 0; d < input.shape.rank(); ++d) {
        if (input.dim_names[d] == name) return Dim{.fixed = -1, .input = i, .dim = d};
      }
    }
    return std::nullopt;
  };
  Dims dims;
  for (size_t d = 0; d < output.shape.rank(); ++d) {
    const std::optional<Dim> dim =
        output.shape[d] >= 0 ? Dim{.fixed = output.shape[d]} : find(output.dim_names[d]);
    if (!dim) return std::nullopt;
    dims.push_back(*dim);
  }
  return dims;
}

std::optional<Shape> OutputPlan::ShapeOf(size_t output, std::span<const TensorView> inputs) const {
  const std::optional<Dims>& dims = outputs_[output];
  if (!dims) return std::nullopt;
  Shape shape;
  for (const Dim& dim : *dims) {
    if (dim.fixed < 0 && inputs[dim.input].absent()) return std::nullopt;
    shape.Append(dim.fixed >= 0 ? dim.fixed : inputs[dim.input].shape()[dim.dim]);
  }
  return shape;
}

}  // namespace slipway::engine
