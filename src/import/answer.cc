#include "import/answer.h"

#include <utility>

#include "base/check.h"
#include "base/str_cat.h"

namespace slipway::import {
namespace {

using graph::Constant;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

Value Squeeze(GraphBuilder& graph, const Value& value) {
  const int64_t axis = 1;
  const Value axes = graph.Add(graph::Int64Constant(std::span(&axis, 1), {1}), "axes");
  return graph.Node("Squeeze", {value, axes});
}

// The labels of the classes `positions`, [batch].
void AddLabel(GraphBuilder& graph, const Value& positions, const ClassLabels& labels) {
  Value label = positions;
  if (!labels.empty()) {
    const auto size = static_cast<int64_t>(labels.size());
    Constant classes = labels.texts.empty() ? graph::Int64Constant(labels.numbers, {size})
                                            : graph::TextConstant(labels.texts, {size});
    label = graph.Node("Gather", {graph.Add(std::move(classes), "classes"), positions});
  }
  graph.AddOutput(label, "label", {"batch"});
}

Value Above(GraphBuilder& graph, const Value& value, double threshold) {
  const Value above =
      graph.Node("Greater", {value, graph.Scalar(value.type, threshold)}, {}, ElementType::kBool);
  return graph.Cast(above, ElementType::kInt64);
}

void AddBinary(GraphBuilder& graph, const Answer& answer, const ClassLabels& labels) {
  AddLabel(graph, Squeeze(graph, Above(graph, answer.value, answer.threshold)), labels);
  const Value other = graph.Node("Sub", {graph.Scalar(answer.value.type, 1.0), answer.value});
  graph.AddOutput(graph.Concat({other, answer.value}), "probabilities", {"batch", int64_t{2}});
}

int64_t ClassCount(const Answer& answer) {
  return answer.kind == Answer::Kind::kBinary ? 2 : answer.count;
}

}  // namespace

Value Logistic(GraphBuilder& graph, const Value& margin, double scale) {
  const Value scaled = scale == 1.0
                           ? graph.Node("Neg", {margin})
                           : graph.Node("Mul", {margin, graph.Scalar(margin.type, -scale)});
  const Value one = graph.Scalar(margin.type, 1.0);
  return graph.Node("Div", {one, graph.Node("Add", {graph.Node("Exp", {scaled}), one})});
}

base::Status CheckLabels(const Answer& answer, const ClassLabels& labels) {
  const bool classifier =
      answer.kind == Answer::Kind::kBinary || answer.kind == Answer::Kind::kMulticlass;
  const int64_t classes = classifier ? ClassCount(answer) : 0;
  if (labels.empty() || static_cast<int64_t>(labels.size()) == classes) return base::OkStatus();
  return base::InvalidArgument(
      base::StrCat(labels.size(), " class labels for a model of ", classes, " classes"));
}

void AddOutputs(GraphBuilder& graph, const Answer& answer, const ClassLabels& labels) {
  switch (answer.kind) {
    case Answer::Kind::kPrediction:
      graph.AddOutput(answer.value, "prediction", {"batch", answer.count});
      return;
    case Answer::Kind::kBinary:
      SLIPWAY_CHECK(labels.empty() || labels.size() == 2);
      AddBinary(graph, answer, labels);
      return;
    case Answer::Kind::kMulticlass: {
      SLIPWAY_CHECK(labels.empty() || static_cast<int64_t>(labels.size()) == answer.count);
      const Value largest =
          graph.Node("ArgMax", {answer.value}, {{"axis", int64_t{1}}, {"keepdims", int64_t{0}}},
                     ElementType::kInt64);
      AddLabel(graph, largest, labels);
      graph.AddOutput(answer.value, "probabilities", {"batch", answer.count});
      return;
    }
    case Answer::Kind::kMultilabel:
      graph.AddOutput(Above(graph, answer.value, 0.5), "label", {"batch", answer.count});
      graph.AddOutput(answer.value, "probabilities", {"batch", answer.count});
      return;
  }
}

std::vector<std::string> ClassNames(const Answer& answer, const ClassLabels& labels) {
  if (answer.kind == Answer::Kind::kPrediction) return {};
  if (!labels.texts.empty()) return labels.texts;
  std::vector<std::string> out;
  for (const int64_t number : labels.numbers) out.push_back(std::to_string(number));
  for (int64_t i = 0; labels.numbers.empty() && i < ClassCount(answer); ++i) {
    out.push_back(std::to_string(i));
  }
  return out;
}

}  // namespace slipway::import
