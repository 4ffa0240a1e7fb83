#include "graph/model_cleanup.h"

#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace slipway::graph {
namespace {

using Names = std::set<std::string_view>;

Names NamesOf(const std::vector<NamedMessage>& messages) {
  Names names;
  for (const NamedMessage& one : messages) names.insert(one.name);
  return names;
}

// Nodes Identity in the middle of a graph: what they make, and what that is called before them.
class Aliases {
 public:
  explicit Aliases(const ModelGraph& graph) {
    const Names outputs = NamesOf(graph.outputs);
    Names inside;
    for (const ModelNode& node : graph.nodes) {
      if (!node.subgraphs.empty()) CollectUses(node, inside);
    }
    for (const ModelNode& node : graph.nodes) {
      const bool is_identity = node.domain.empty() && node.op_type == "Identity" &&
                               node.inputs.size() == 1 && node.outputs.size() == 1;
      if (!is_identity || node.inputs[0].empty() || outputs.contains(node.outputs[0])) continue;
      if (!inside.contains(node.outputs[0])) sources_[node.outputs[0]] = node.inputs[0];
    }
  }

  // The first name of a value; each step on the way is remembered.
  std::string_view Resolve(std::string_view value) {
    std::vector<std::string_view*> steps;
    auto found = sources_.find(value);
    while (found != sources_.end()) {
      steps.push_back(&found->second);
      value = found->second;
      found = sources_.find(value);
    }
    for (std::string_view* step : steps) *step = value;
    return value;
  }

 private:
  std::map<std::string_view, std::string_view> sources_;
};

// Marks what the outputs need, from the outputs backwards.
std::vector<bool> NeededNodes(const ModelGraph& graph, Names& used) {
  std::map<std::string_view, size_t> makers;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string_view output : graph.nodes[i].outputs) makers.emplace(output, i);
  }
  std::vector<bool> needed(graph.nodes.size(), false);
  std::vector<std::string_view> open;
  open.reserve(graph.outputs.size());
  for (const NamedMessage& output : graph.outputs) open.push_back(output.name);
  while (!open.empty()) {
    const std::string_view value = open.back();
    open.pop_back();
    if (value.empty() || !used.insert(value).second) continue;
    const auto maker = makers.find(value);
    if (maker == makers.end() || needed[maker->second]) continue;
    needed[maker->second] = true;
    Names taken;
    CollectUses(graph.nodes[maker->second], taken);
    open.insert(open.end(), taken.begin(), taken.end());
  }
  return needed;
}

void CollectDomains(const ModelNode& node, Names& domains) {
  domains.insert(node.domain);
  for (const ModelSubgraph& subgraph : node.subgraphs) {
    for (const ModelGraph& graph : subgraph.graphs) {
      for (const ModelNode& inner : graph.nodes) CollectDomains(inner, domains);
    }
  }
}

// Removes the nodes that the outputs do not need; `used` becomes the values that they need.
void RemoveNodes(ModelGraph& graph, Names& used) {
  used.clear();
  const std::vector<bool> needed = NeededNodes(graph, used);
  std::vector<ModelNode> nodes;
  for (size_t i = 0; i < needed.size(); ++i) {
    if (needed[i]) nodes.push_back(std::move(graph.nodes[i]));
  }
  graph.nodes = std::move(nodes);
}

}  // namespace

Cleanup RemoveUnused(OnnxModel& model) {
  ModelGraph& graph = model.graph;
  const size_t before = graph.nodes.size();
  Names used;
  RemoveNodes(graph, used);  // first, so that no node that goes holds an Identity
  Aliases aliases(graph);
  for (ModelNode& node : graph.nodes) {
    for (std::string_view& input : node.inputs) input = aliases.Resolve(input);
  }
  RemoveNodes(graph, used);

  Cleanup removed{.nodes = before - graph.nodes.size(), .initializers = 0};
  const Names inputs = NamesOf(graph.inputs);
  const auto is_gone = [&](const auto& one) {
    return !used.contains(one.name) && !inputs.contains(one.name);
  };
  removed.initializers = std::erase_if(graph.initializers, is_gone) +
                         std::erase_if(graph.sparse_initializers, is_gone);
  std::erase_if(graph.values, is_gone);
  Names domains = {""};
  for (const ModelNode& node : graph.nodes) CollectDomains(node, domains);
  std::erase_if(model.opsets, [&](const auto& one) { return !domains.contains(one.first); });
  return removed;
}

}  // namespace slipway::graph
