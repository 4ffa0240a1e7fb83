#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace slipway::graph {

// A node, for messages. Borrows from the file.
struct NodeLabel {
  std::string_view name;  // often empty
  std::string_view op_type;
  uint32_t index = 0;  // in its graph

  // "node 'conv1' (Conv)", "node 12 (Conv)" where it has no name.
  std::string ToString() const;
};

// Who makes and who needs the values of one graph, to find values that nothing makes, that are made
// twice, and cycles. Sorting instead of hashing: no input makes it slower than n log n.
// Thread-compatible. Borrows names from the file.
class ValueScope {
 public:
  // A value that is needed and not made in this graph.
  struct Need {
    std::string_view value;
    NodeLabel node;          // that needs it
    bool is_output = false;  // the graph promises it; `node` is empty
  };

  // What has an empty name makes no value; at a node it stands for "not given".
  void AddInput(std::string_view value) { AddMaker(value, kInput); }
  void AddInitializer(std::string_view value) { AddMaker(value, kInitializer); }
  // Each node, in order; the calls below speak of the latest.
  void AddNode(const NodeLabel& node) { nodes_.push_back(node); }
  void AddNodeOutput(std::string_view value) { AddMaker(value, latest()); }
  void AddNodeInput(std::string_view value);
  uint32_t node_count() const { return static_cast<uint32_t>(nodes_.size()); }
  void AddGraphOutput(std::string_view value) { needs_.push_back({value, kOutput}); }

  // Call once, at the end. kInvalidArgument: a value is made twice, or the nodes form a cycle. What
  // is needed and not made here is appended to `missing`.
  base::Status Check(std::vector<Need>& missing);

 private:
  // Values of Edge::node that are no node.
  static constexpr uint32_t kInput = UINT32_MAX;
  static constexpr uint32_t kInitializer = UINT32_MAX - 1;
  static constexpr uint32_t kOutput = UINT32_MAX - 2;

  struct Edge {
    std::string_view value;
    uint32_t node;
  };
  // A node, a value that it needs, and the node that makes it.
  struct Dependency {
    uint32_t maker;
    uint32_t user;
    std::string_view value;
  };

  uint32_t latest() const { return static_cast<uint32_t>(nodes_.size() - 1); }
  void AddMaker(std::string_view value, uint32_t node);
  std::string MakerName(uint32_t node) const;
  base::Status CheckMadeOnce() const;
  std::vector<Dependency> FindDependencies(std::vector<Need>& missing) const;
  base::Status CheckAcyclic(std::vector<Dependency> dependencies) const;
  base::Status DescribeCycle(const std::vector<Dependency>& dependencies,
                             const std::vector<uint32_t>& open) const;

  std::vector<NodeLabel> nodes_;
  std::vector<Edge> makers_;
  std::vector<Edge> needs_;
};

// kInvalidArgument that says who needs what.
base::Status MissingValue(const ValueScope::Need& need);

}  // namespace slipway::graph
