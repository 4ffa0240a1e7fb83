#include "import/sklearn/outputs.h"

#include <algorithm>
#include <utility>

#include "base/str_cat.h"

namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::Dim;
using graph::ElementType;
using graph::Value;

// The labels themselves, [batch], for positions among them.
Value LabelsOf(Scope& scope, const Labels& labels, const Value& code) {
  graph::GraphBuilder& graph = scope.graph;
  const std::vector<int64_t> dims = {labels.size()};
  const auto gather = [&](const graph::Constant& constant) {
    return graph.Node("Gather", {graph.Add(constant, "labels"), code}, {{"axis", int64_t{0}}});
  };
  switch (labels.kind) {
    case Labels::Kind::kText:
      return gather(graph::TextConstant(labels.texts, dims));
    case Labels::Kind::kReal:
      return gather(graph::DoubleConstant(labels.reals, dims));
    case Labels::Kind::kBool:
      return graph.Cast(gather(graph::Int64Constant(labels.integers, dims)), ElementType::kBool);
    case Labels::Kind::kInteger:
      break;
  }
  return gather(graph::Int64Constant(labels.integers, dims));
}

void AddOutput(Scope& scope, const Value& value, std::string_view name, std::vector<Dim> dims) {
  const bool taken =
      scope.inputs.mode() == Inputs::Mode::kSeparate && scope.inputs.FindColumn(name).has_value();
  scope.graph.AddOutput(value, taken ? StrCat("model_", name) : std::string(name), std::move(dims));
}

bool AreZeroAndOne(const Labels& labels) {
  return labels.kind == Labels::Kind::kInteger && labels.integers == std::vector<int64_t>{0, 1};
}

// "label" [batch, outputs]. scikit-learn learns the labels of all outputs from one array.
base::Status AddLabels(Scope& scope, const Record& record, const Several& several) {
  const auto count = static_cast<int64_t>(several.labels.size());
  if (std::ranges::all_of(several.labels, AreZeroAndOne)) {
    AddOutput(scope, several.codes, "label", {"batch", count});
    return base::OkStatus();
  }
  std::vector<Value> columns;
  for (int64_t i = 0; i < count; ++i) {
    const Value code = scope.graph.Columns(several.codes, std::span(&i, 1));
    columns.push_back(LabelsOf(scope, several.labels[static_cast<size_t>(i)], code));
    if (columns.back().type != columns.front().type) {
      return scope.Unsupported(record, "outputs whose labels are of different kinds");
    }
  }
  AddOutput(scope, scope.graph.Concat(std::move(columns)), "label", {"batch", count});
  return base::OkStatus();
}

base::Status AddSeveral(Scope& scope, const Record& record, const Several& several) {
  SLIPWAY_RETURN_IF_ERROR(AddLabels(scope, record, several));
  const auto count = static_cast<int64_t>(several.labels.size());
  if (!several.probabilities.name.empty()) {
    AddOutput(scope, several.probabilities, "probabilities", {"batch", count});
  } else if (several.each.empty() && !several.decision.name.empty()) {
    AddOutput(scope, several.decision, "decision", {"batch", count});
  }
  for (size_t i = 0; i < several.each.size(); ++i) {
    AddOutput(scope, several.each[i], StrCat("probabilities_", i),
              {"batch", several.labels[i].size()});
  }
  return base::OkStatus();
}

// One value of all the blocks of a frame, which are all numbers or all texts.
Result<Value> Joined(Scope& scope, const Record& record, const Frame& frame) {
  for (const Frame::Block& block : frame.blocks) {
    if (block.value.type != ElementType::kString) return scope.Matrix(record, frame);
  }
  std::vector<Value> parts;
  parts.reserve(frame.blocks.size());
  for (const Frame::Block& block : frame.blocks) parts.push_back(block.value);
  if (parts.empty()) return record.Damaged("answers with no columns");
  return scope.graph.Concat(std::move(parts));
}

}  // namespace

base::Status AddOutputs(Scope& scope, const Record& record, const Answer& answer,
                        std::vector<std::string>& class_names) {
  if (const auto& labels = answer.labels; labels.has_value()) {
    const int64_t count = labels->size();
    class_names = labels->Names();
    AddOutput(scope, LabelsOf(scope, *labels, answer.code), "label", {"batch"});
    if (!answer.probabilities.name.empty()) {
      AddOutput(scope, answer.probabilities, "probabilities", {"batch", count});
    } else if (!answer.decision.name.empty()) {
      AddOutput(scope, answer.decision, "decision", {"batch", count == 2 ? 1 : count});
    } else if (!answer.pairs.name.empty()) {
      AddOutput(scope, answer.pairs, "decision", {"batch", count * (count - 1) / 2});
    }
    return base::OkStatus();
  }
  if (answer.several) {
    class_names = answer.several->names;
    return AddSeveral(scope, record, *answer.several);
  }
  if (answer.is_regressor()) {
    AddOutput(scope, answer.prediction, "prediction", {"batch", answer.targets});
    return base::OkStatus();
  }
  if (!answer.output) return record.Damaged("answers nothing");
  SLIPWAY_ASSIGN_OR_RETURN(const Value output, Joined(scope, record, *answer.output));
  AddOutput(scope, output, "output", {"batch", answer.output->width()});
  return base::OkStatus();
}

}  // namespace slipway::import::sklearn
