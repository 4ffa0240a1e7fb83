#include "lifecycle/labels.h"

#include <utility>

namespace slipway::lifecycle {
namespace {

int64_t LastDim(const tensor::TensorSpec& output) {
  const size_t rank = output.shape.rank();
  return output.any_rank || rank < 2 ? 0 : output.shape[rank - 1];
}

}  // namespace

Labels ResolveLabels(Labels labels, const tensor::Signature& signature) {
  const auto unnamed = labels.find("");
  if (unnamed == labels.end()) return labels;
  const std::vector<std::string> names = std::move(unnamed->second);
  labels.erase(unnamed);
  for (const int64_t wanted : {static_cast<int64_t>(names.size()), int64_t{-1}}) {
    bool found = false;
    for (const tensor::TensorSpec& output : signature.outputs) {
      if (LastDim(output) != wanted) continue;
      labels.try_emplace(output.name, names);
      found = true;
    }
    if (found) break;
  }
  return labels;
}

}  // namespace slipway::lifecycle
