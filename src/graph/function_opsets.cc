#include "graph/function_opsets.h"

#include <algorithm>
#include <span>

#include "base/str_cat.h"
#include "base/text.h"
#include "graph/opset_rules.h"
#include "graph/opset_upgrade.h"
#include "graph/shape_inference.h"

namespace slipway::graph {

using base::OkStatus;
using base::Printable;
using base::Status;
using base::StrCat;

namespace {

constexpr size_t kShown = 20;

std::string Listed(const std::vector<std::string>& lines) {
  std::string text;
  for (size_t i = 0; i < lines.size() && i < kShown; ++i) {
    text += StrCat(i == 0 ? "" : "; ", lines[i]);
  }
  if (lines.size() > kShown) text += StrCat("; and ", lines.size() - kShown, " more");
  return text;
}

void MarkNode(int64_t opset, ModelNode& node) {
  node.opset = opset;
  for (ModelSubgraph& subgraph : node.subgraphs) {
    for (ModelGraph& graph : subgraph.graphs) {
      for (ModelNode& inner : graph.nodes) MarkNode(opset, inner);
    }
  }
}

// Whether one of the nodes, or of those inside them, changed in the steps from one set to another.
bool Changed(std::span<const ModelNode> nodes, int64_t from, int64_t to) {
  for (const ModelNode& node : nodes) {
    for (int64_t version = from + 1; node.domain.empty() && version <= to; ++version) {
      if (FindOpsetRule(node.op_type, version) != nullptr) return true;
    }
    for (const ModelSubgraph& subgraph : node.subgraphs) {
      for (const ModelGraph& graph : subgraph.graphs) {
        if (Changed(graph.nodes, from, to)) return true;
      }
    }
  }
  return false;
}

}  // namespace

bool HasMisreadFunctions(const OnnxModel& model) {
  const auto common = model.opsets.find("");
  return std::ranges::any_of(model.functions, [&](const ModelFunction& function) {
    const auto own = function.opsets.find("");
    if (own == function.opsets.end() || common == model.opsets.end()) return false;
    const auto [older, newer] = std::minmax(own->second, common->second);
    return Changed(function.nodes, std::max<int64_t>(older, 0),
                   std::min(newer, GraphBuilder::kOpset));
  });
}

Status FunctionOpsets::Mark() {
  VisitGraph(model_.graph, nullptr);
  for (size_t i = 0; i < called_.size(); ++i) {  // grows while it is read
    VisitSubgraphs(called_[i]->defaults, called_[i]);
    for (const ModelNode& node : called_[i]->nodes) VisitNode(node, called_[i]);
  }
  if (!can_unify_) return Refuse({});
  if (differences_.empty()) return OkStatus();
  for (ModelFunction* function : called_) {
    const auto own = function->opsets.find("");
    if (own == function->opsets.end()) continue;
    MarkNode(own->second, function->defaults);
    for (ModelNode& node : function->nodes) MarkNode(own->second, node);
  }
  return OkStatus();
}

Status FunctionOpsets::Unify() {
  if (differences_.empty()) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const ModelTypes types, InferTypes(model_));
  SLIPWAY_ASSIGN_OR_RETURN(const OpsetUpgrade upgrade, UpgradeTo(newest_, types, model_));
  return upgrade.obstacles.empty() ? OkStatus() : Refuse(upgrade.obstacles);
}

void FunctionOpsets::VisitGraph(const ModelGraph& graph, const ModelFunction* within) {
  for (const ModelNode& node : graph.nodes) VisitNode(node, within);
}

void FunctionOpsets::VisitSubgraphs(const ModelNode& node, const ModelFunction* within) {
  for (const ModelSubgraph& subgraph : node.subgraphs) {
    for (const ModelGraph& graph : subgraph.graphs) VisitGraph(graph, within);
  }
}

void FunctionOpsets::VisitNode(const ModelNode& node, const ModelFunction* within) {
  VisitSubgraphs(node, within);
  if (ModelFunction* function = functions_.Find(node)) {
    if (seen_.insert(function).second) called_.push_back(function);
  } else if (within != nullptr) {
    Compare(*within, node.domain);
  }
}

void FunctionOpsets::Compare(const ModelFunction& function, std::string_view domain) {
  const auto own = function.opsets.find(domain);
  if (own == function.opsets.end()) return;
  const auto [models, is_new] = model_.opsets.emplace(domain, own->second);
  if (is_new || models->second == own->second) return;
  if (!compared_.emplace(&function, domain).second) return;
  differences_.push_back(StrCat("'", Printable(function.ToString()), "' has ",
                                domain.empty() ? "ai.onnx" : Printable(domain), " ", own->second,
                                ", the model has ", models->second));
  const auto [older, newer] = std::minmax(own->second, models->second);
  newest_ = std::max(newest_, newer);
  if (!domain.empty() || older < 1 || newer > GraphBuilder::kOpset) can_unify_ = false;
}

Status FunctionOpsets::Refuse(const std::vector<std::string>& obstacles) const {
  std::string text = Listed(differences_);
  if (!obstacles.empty()) {
    text += StrCat("; in ai.onnx ", newest_, " one cannot say ", Listed(obstacles));
  }
  return base::Unimplemented(StrCat("functions of other operator sets than the model's: ", text,
                                    "; export the model with one operator set"));
}

}  // namespace slipway::graph
