#include "graph/opset_upgrade.h"

#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "graph/opset_rules.h"

namespace slipway::graph {

using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

std::string Label(const ModelNode& node) {
  const std::string op = Printable(node.op_type);
  if (!node.name.empty()) return StrCat("node '", Printable(node.name), "' (", op, ")");
  if (node.outputs.empty()) return StrCat("a node (", op, ")");
  return StrCat("the node of '", Printable(node.outputs[0]), "' (", op, ")");
}

class Upgrader {
 public:
  Upgrader(const ValueTypes& types, OnnxModel& model, OpsetUpgrade& report)
      : editor_(types, model), report_(report) {}

  // Gathers the obstacles of a graph and those inside it.
  void Check(ModelGraph& graph, bool is_main) {
    for (ModelNode& node : graph.nodes) {
      for (ModelSubgraph& subgraph : node.subgraphs) {
        for (ModelGraph& inner : subgraph.graphs) Check(inner, false);
      }
      if (node.domain.empty()) CheckNode(node, is_main);
    }
  }

  Status Rewrite(ModelGraph& graph, bool is_main) {
    std::vector<ModelNode> nodes;
    nodes.reserve(graph.nodes.size());
    for (ModelNode& node : graph.nodes) {
      for (ModelSubgraph& subgraph : node.subgraphs) {
        for (ModelGraph& inner : subgraph.graphs) {
          SLIPWAY_RETURN_IF_ERROR(Rewrite(inner, false));
        }
      }
      if (node.domain.empty()) {
        SLIPWAY_RETURN_IF_ERROR(RewriteNode(node, is_main, nodes));
      } else {
        nodes.push_back(std::move(node));
      }
    }
    graph.nodes = std::move(nodes);
    return OkStatus();
  }

 private:
  void CheckNode(ModelNode& node, bool is_main) {
    if (!IsStandardOperator(node.op_type)) {
      report_.obstacles.push_back(StrCat(Label(node), ": newer operator sets do not have it"));
      return;
    }
    const NodeRewrite at{.editor = editor_, .node = node, .in_main_graph = is_main};
    for (int64_t version = report_.from + 1; version <= report_.to; ++version) {
      const OpsetRule* rule = FindOpsetRule(node.op_type, version);
      if (rule == nullptr || rule->obstacle == nullptr) continue;
      const std::string obstacle = rule->obstacle(at);
      if (obstacle.empty()) continue;
      report_.obstacles.push_back(StrCat(Label(node), ": ", obstacle));
      return;
    }
  }

  Status RewriteNode(ModelNode& node, bool is_main, std::vector<ModelNode>& out) {
    NodeRewrite at{.editor = editor_, .node = node, .in_main_graph = is_main};
    bool rewritten = false;
    if (report_.from < 6) OpsetEditor::Remove("consumed_inputs", node);
    for (int64_t version = report_.from + 1; version <= report_.to; ++version) {
      const OpsetRule* rule = FindOpsetRule(node.op_type, version);
      if (rule == nullptr || rule->apply == nullptr) continue;
      const Status status = rule->apply(at);
      if (!status.ok()) return status.WithContext(Label(node));
      rewritten = true;
    }
    if (rewritten) ++report_.rewritten;
    for (ModelNode& one : at.before) out.push_back(std::move(one));
    out.push_back(std::move(node));
    for (ModelNode& one : at.after) out.push_back(std::move(one));
    return OkStatus();
  }

  OpsetEditor editor_;
  OpsetUpgrade& report_;
};

}  // namespace

Result<OpsetUpgrade> UpgradeOpset(const ValueTypes& types, OnnxModel& model) {
  OpsetUpgrade report;
  const auto own = model.opsets.find("");
  report.from = own == model.opsets.end() ? GraphBuilder::kOpset : own->second;
  report.to = report.from;
  if (report.from >= GraphBuilder::kOpset) return report;
  if (report.from < 1) {
    report.obstacles.push_back(StrCat("ai.onnx ", report.from, " is no operator set"));
    return report;
  }
  report.to = GraphBuilder::kOpset;
  Upgrader upgrader(types, model, report);
  upgrader.Check(model.graph, true);
  if (!report.obstacles.empty()) {
    report.to = report.from;
    return report;
  }
  SLIPWAY_RETURN_IF_ERROR(upgrader.Rewrite(model.graph, true));
  own->second = report.to;
  return report;
}

}  // namespace slipway::graph
