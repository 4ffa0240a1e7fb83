#include "tensor/signature.h"

#include <algorithm>

namespace slipway::tensor {
namespace {

std::optional<size_t> Find(const std::vector<TensorSpec>& specs, std::string_view name) {
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].name == name) return i;
  }
  return std::nullopt;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, DType dtype) { return out << DTypeName(dtype); }

bool TensorSpec::Accepts(DType got_dtype, const Shape& got_shape) const {
  if (got_dtype != dtype) return false;
  if (any_rank) return true;
  if (got_shape.rank() != shape.rank()) return false;
  for (size_t i = 0; i < shape.rank(); ++i) {
    if (shape[i] != -1 && shape[i] != got_shape[i]) return false;
  }
  return true;
}

std::ostream& operator<<(std::ostream& out, const TensorSpec& spec) {
  out << spec.dtype;
  if (spec.any_rank) return out << "[...]";
  return out << spec.shape;
}

std::optional<size_t> Signature::FindInput(std::string_view name) const {
  return Find(inputs, name);
}
std::optional<size_t> Signature::FindOutput(std::string_view name) const {
  return Find(outputs, name);
}

std::optional<size_t> Signature::FindStateInput(std::string_view name) const {
  for (size_t i = 0; i < states.size(); ++i) {
    if (states[i].input.name == name) return i;
  }
  return std::nullopt;
}
std::optional<size_t> Signature::FindStateOutput(std::string_view name) const {
  for (size_t i = 0; i < states.size(); ++i) {
    if (states[i].output_name == name) return i;
  }
  return std::nullopt;
}

bool Signature::CanStandInFor(const Signature& other) const {
  const auto takes = [this](const TensorSpec& asked) {
    const std::optional<size_t> mine = FindInput(asked.name);
    return mine && inputs[*mine].Accepts(asked.dtype, asked.shape) &&
           (inputs[*mine].any_rank || !asked.any_rank) &&
           (inputs[*mine].optional || !asked.optional);
  };
  const auto gives = [this](const TensorSpec& asked) {
    const std::optional<size_t> mine = FindOutput(asked.name);
    return mine && outputs[*mine].dtype == asked.dtype;
  };
  const auto needs_no_more = [&other](const TensorSpec& mine) {
    return mine.optional || other.FindInput(mine.name).has_value();
  };
  return std::ranges::all_of(other.inputs, takes) && std::ranges::all_of(other.outputs, gives) &&
         std::ranges::all_of(inputs, needs_no_more);
}

bool Signature::batched() const {
  const auto free_first = [](const TensorSpec& spec) {
    return !spec.any_rank && spec.shape.rank() > 0 && spec.shape[0] == -1;
  };
  return !inputs.empty() && !outputs.empty() && std::ranges::all_of(inputs, free_first) &&
         std::ranges::all_of(outputs, free_first) &&
         std::ranges::all_of(states, free_first, &StateSpec::input);
}

}  // namespace slipway::tensor
