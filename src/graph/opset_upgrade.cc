#include "graph/opset_upgrade.h"

#include <algorithm>
#include <utility>

#include "base/str_cat.h"
#include "graph/opset_rules.h"

namespace slipway::graph {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

constexpr int64_t kLastUpsample = 9;  // the last set that has it

class Upgrader {
 public:
  Upgrader(const ModelTypes& types, OnnxModel& model, OpsetUpgrade& report)
      : editor_(types, model), report_(report) {}

  // Gathers the obstacles of a graph and those inside it.
  void Check(ModelGraph& graph) {
    for (ModelNode& node : graph.nodes) {
      for (ModelSubgraph& subgraph : node.subgraphs) {
        for (ModelGraph& inner : subgraph.graphs) {
          editor_.Enter(inner);
          Check(inner);
          editor_.Leave();
        }
      }
      if (node.domain.empty()) CheckNode(node);
    }
  }

  Status Rewrite(ModelGraph& graph) {
    std::vector<ModelNode> nodes;
    nodes.reserve(graph.nodes.size());
    for (ModelNode& node : graph.nodes) {
      for (ModelSubgraph& subgraph : node.subgraphs) {
        for (ModelGraph& inner : subgraph.graphs) {
          editor_.Enter(inner);
          SLIPWAY_RETURN_IF_ERROR(Rewrite(inner));
          editor_.Leave();
        }
      }
      if (node.domain.empty()) {
        SLIPWAY_RETURN_IF_ERROR(RewriteNode(node, nodes));
      } else {
        node.opset = 0;
        nodes.push_back(std::move(node));
      }
    }
    graph.nodes = std::move(nodes);
    return OkStatus();
  }

 private:
  // The set that a node is of.
  int64_t SetOf(const ModelNode& node) const {
    const int64_t set = node.opset > 0 ? node.opset : report_.from;
    return node.op_type == "Upsample" ? std::min(set, kLastUpsample) : set;
  }

  void CheckNode(ModelNode& node) {
    if (SetOf(node) == report_.to) return;
    if (!IsStandardOperator(node.op_type)) {
      report_.obstacles.push_back(StrCat(node.Label(), ": newer operator sets do not have it"));
      return;
    }
    const NodeRewrite at{.editor = editor_, .node = node};
    for (int64_t version = SetOf(node) + 1; version <= report_.to; ++version) {
      const OpsetRule* rule = FindOpsetRule(node.op_type, version);
      if (rule == nullptr || rule->obstacle == nullptr) continue;
      const std::string obstacle = rule->obstacle(at);
      if (obstacle.empty()) continue;
      report_.obstacles.push_back(StrCat(node.Label(), ": ", obstacle));
      return;
    }
  }

  Status RewriteNode(ModelNode& node, std::vector<ModelNode>& out) {
    NodeRewrite at{.editor = editor_, .node = node};
    bool rewritten = false;
    const int64_t from = SetOf(node);
    node.opset = 0;
    if (from < 6 && report_.to >= 6) OpsetEditor::Remove("consumed_inputs", node);
    for (int64_t version = from + 1; version <= report_.to; ++version) {
      const OpsetRule* rule = FindOpsetRule(node.op_type, version);
      if (rule == nullptr || rule->apply == nullptr) continue;
      const Status status = rule->apply(at);
      if (!status.ok()) return status.WithContext(node.Label());
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

Result<OpsetUpgrade> UpgradeOpset(const ModelTypes& types, OnnxModel& model) {
  const auto own = model.opsets.find("");
  const int64_t from = own == model.opsets.end() ? GraphBuilder::kOpset : own->second;
  if (from >= GraphBuilder::kOpset) return OpsetUpgrade{.from = from, .to = from};
  return UpgradeTo(GraphBuilder::kOpset, types, model);
}

Result<OpsetUpgrade> UpgradeTo(int64_t to, const ModelTypes& types, OnnxModel& model) {
  const auto own = model.opsets.try_emplace("", to).first;
  OpsetUpgrade report{.from = own->second, .to = own->second};
  if (report.from < 1) {
    report.obstacles.push_back(StrCat("ai.onnx ", report.from, " is no operator set"));
    return report;
  }
  report.to = to;
  Upgrader upgrader(types, model, report);
  upgrader.Check(model.graph);
  if (!report.obstacles.empty()) {
    report.to = report.from;
    return report;
  }
  SLIPWAY_RETURN_IF_ERROR(upgrader.Rewrite(model.graph));
  own->second = to;
  return report;
}

}  // namespace slipway::graph
