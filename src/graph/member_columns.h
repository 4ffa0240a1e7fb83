#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "graph/graph_builder.h"
#include "graph/tree_ensemble.h"

namespace slipway::graph {

// Tests of membership (TreeEnsemble::Test::kMember) as columns of their own: column `features` + i
// of the widened input holds 0 where the row passes test i, 1 where it fails and NaN where the
// tested value is missing, so that every split of the trees compares with a number. ONNX Runtime
// walks BRANCH_MEMBER one member at a time; a column costs one lookup for all sets of a feature.
//
// A value is cut to an integer (toward zero), looked up among the members of the feature's sets
// (LabelEncoder), and that position picks a row of a table of zeros and ones. The tables stay
// within a small multiple of the members, whatever the sets are. Thread-compatible.
class MemberColumns {
 public:
  explicit MemberColumns(const TreeEnsemble& ensemble);

  bool empty() const { return columns_.empty(); }
  // The column of the widened input that stands for this node, which tests membership.
  uint32_t ColumnOf(const TreeEnsemble::Node& node) const;
  // `x` with the columns behind it.
  Value Widen(GraphBuilder& graph, const Value& x) const;

 private:
  using Set = std::vector<int64_t>;  // sorted, without repetition

  Value MissingAsNan(GraphBuilder& graph, const Value& x, uint32_t feature,
                     const Value& columns) const;

  uint32_t features_;
  // (feature, position in member_sets) to column, and the sets of each feature in column order.
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> columns_;
  std::map<uint32_t, std::vector<Set>> sets_;
};

}  // namespace slipway::graph
