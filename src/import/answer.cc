#include "import/answer.h"

#include <algorithm>
#include <string_view>
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

Value Above(GraphBuilder& graph, const Value& value, double threshold) {
  const Value above =
      graph.Node("Greater", {value, graph.Scalar(value.type, threshold)}, {}, ElementType::kBool);
  return graph.Cast(above, ElementType::kInt64);
}

int64_t ClassCount(const Answer& answer) {
  return answer.kind == Answer::Kind::kBinary ? 2 : answer.count;
}

class OutputWriter {
 public:
  OutputWriter(GraphBuilder& graph, const ClassLabels& labels,
               std::span<const ImportedColumn> inputs)
      : graph_(graph), labels_(labels), inputs_(inputs) {}

  void Add(const Answer& answer) {
    const Value& value = answer.value;
    switch (answer.kind) {
      case Answer::Kind::kPrediction:
        AddOutput(value, "prediction", {"batch", answer.count});
        return;
      case Answer::Kind::kBinary: {
        AddLabel(Squeeze(graph_, Above(graph_, value, answer.threshold)));
        const Value other = graph_.Node("Sub", {graph_.Scalar(value.type, 1.0), value});
        AddOutput(graph_.Concat({other, value}), "probabilities", {"batch", int64_t{2}});
        return;
      }
      case Answer::Kind::kMulticlass:
        AddLabel(graph_.Node("ArgMax", {value}, {{"axis", int64_t{1}}, {"keepdims", int64_t{0}}},
                             ElementType::kInt64));
        AddOutput(value, "probabilities", {"batch", answer.count});
        return;
      case Answer::Kind::kMultilabel:
        AddOutput(Above(graph_, value, answer.threshold), "label", {"batch", answer.count});
        AddOutput(value, "probabilities", {"batch", answer.count});
        return;
    }
  }

 private:
  // The labels of the classes `positions`, [batch].
  void AddLabel(const Value& positions) {
    Value label = positions;
    if (!labels_.empty()) {
      const auto size = static_cast<int64_t>(labels_.size());
      const Constant classes = labels_.texts.empty() ? graph::Int64Constant(labels_.numbers, {size})
                                                     : graph::TextConstant(labels_.texts, {size});
      label = graph_.Node("Gather", {graph_.Add(classes, "classes"), positions});
    }
    AddOutput(label, "label", {"batch"});
  }

  void AddOutput(const Value& value, std::string_view name, std::vector<graph::Dim> dims) {
    const bool taken = std::ranges::find(inputs_, name, &ImportedColumn::name) != inputs_.end();
    graph_.AddOutput(value, taken ? base::StrCat("model_", name) : std::string(name),
                     std::move(dims));
  }

  GraphBuilder& graph_;
  const ClassLabels& labels_;
  std::span<const ImportedColumn> inputs_;
};

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

void AddOutputs(GraphBuilder& graph, const Answer& answer, const ClassLabels& labels,
                std::span<const ImportedColumn> inputs) {
  SLIPWAY_CHECK(CheckLabels(answer, labels).ok());
  OutputWriter(graph, labels, inputs).Add(answer);
}

std::vector<std::string> ClassNames(const Answer& answer, const ClassLabels& labels) {
  if (answer.kind == Answer::Kind::kPrediction) return {};
  if (!labels.texts.empty()) return labels.texts;
  std::vector<std::string> out;
  out.reserve(labels.numbers.size());
  for (const int64_t number : labels.numbers) out.push_back(std::to_string(number));
  for (int64_t i = 0; labels.numbers.empty() && i < ClassCount(answer); ++i) {
    out.push_back(std::to_string(i));
  }
  return out;
}

}  // namespace slipway::import
