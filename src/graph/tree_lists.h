#pragma once

#include <cstring>
#include <utility>
#include <vector>

#include "graph/graph_builder.h"
#include "graph/tree_ensemble.h"

namespace slipway::graph {

// What the readers of TreeEnsemble and of its predecessors share.

// The numbers of a constant of FLOAT or DOUBLE.
inline std::vector<double> RealsOf(const Constant& constant) {
  std::vector<double> out;
  const auto read = [&]<typename T>(T value) {
    out.reserve(constant.bytes.size() / sizeof(T));
    for (size_t at = 0; at + sizeof(T) <= constant.bytes.size(); at += sizeof(T)) {
      std::memcpy(&value, constant.bytes.data() + at, sizeof(T));
      out.push_back(static_cast<double>(value));
    }
  };
  constant.type == ElementType::kFloat ? read(float{}) : read(double{});
  return out;
}

// x >= s is not x < s, and x > s is not x <= s, but for missing values, which change sides.
inline void SwapBranches(TreeEnsemble::Node& node) {
  std::swap(node.yes, node.no);
  node.missing_is_yes = !node.missing_is_yes;
}

}  // namespace slipway::graph
