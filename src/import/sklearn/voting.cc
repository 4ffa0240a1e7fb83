#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/combined.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Estimators that put others side by side. Source: scikit-learn 1.9, sklearn/ensemble/_bagging.py,
// _voting.py, _stacking.py, sklearn/multioutput.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

// The inner estimator's columns at the places of the outer one's classes. Inner classes are codes.
Result<Value> AtOuterClasses(Scope& scope, const Record& record, const Labels& inner,
                             const Value& columns, int64_t count) {
  if (inner.size() == count) return columns;
  if (inner.kind == Labels::Kind::kText) return record.Damaged("an estimator of text labels");
  GraphBuilder& graph = scope.graph;
  std::vector<double> placement(static_cast<size_t>(inner.size() * count), 0.0);
  for (int64_t i = 0; i < inner.size(); ++i) {
    const int64_t outer = inner.kind == Labels::Kind::kReal
                              ? static_cast<int64_t>(inner.reals[static_cast<size_t>(i)])
                              : inner.integers[static_cast<size_t>(i)];
    if (outer < 0 || outer >= count) return record.Damaged("an estimator of other classes");
    placement[static_cast<size_t>(i * count + outer)] = 1;
  }
  return graph.Node(
      "MatMul",
      {columns, graph.Add(graph::DoubleConstant(placement, {inner.size(), count}), "placement")});
}

Result<Answer> ConvertBaggingClassifier(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(record, "classes_"));
  const int64_t count = answer.classes();
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Answer> parts,
                           ConvertAll(scope, record, "estimators_", input, "estimators_features_"));
  std::vector<Value> shares;
  std::vector<Value> decisions;
  for (const Answer& part : parts) {
    if (!part.labels) return record.Damaged("an estimator that is no classifier");
    const Value own = part.probabilities.name.empty() ? Votes(scope, part.code, part.classes())
                                                      : part.probabilities;
    SLIPWAY_ASSIGN_OR_RETURN(Value share, AtOuterClasses(scope, record, *part.labels, own, count));
    shares.push_back(std::move(share));
    if (!part.decision.name.empty()) decisions.push_back(part.decision);
  }
  answer.probabilities = Average(graph, shares);
  if (decisions.size() == parts.size()) answer.decision = Average(graph, decisions);
  answer.code = FirstMaximum(graph, answer.probabilities);
  return answer;
}

Result<std::vector<Value>> Predictions(const Record& record, const std::vector<Answer>& parts) {
  std::vector<Value> out;
  for (const Answer& part : parts) {
    if (!part.is_regressor() || part.targets != parts.front().targets) {
      return record.Damaged("an estimator that is no regressor, or of other targets");
    }
    out.push_back(part.prediction);
  }
  return out;
}

Result<Answer> ConvertBaggingRegressor(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Answer> parts,
                           ConvertAll(scope, record, "estimators_", input, "estimators_features_"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Value> values, Predictions(record, parts));
  Answer answer;
  answer.targets = parts.front().targets;
  answer.prediction = Average(scope.graph, values);
  return answer;
}

// The weights of the estimators that were not dropped; empty where all count the same.
Result<std::vector<double>> VotingWeights(const Record& record, size_t count) {
  std::vector<double> weights;
  if (!record.Has("weights")) return weights;
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* value, record.Get("weights"));
  if (pickle::IsArray(*value)) {
    SLIPWAY_ASSIGN_OR_RETURN(const Reals reals, record.Numbers("weights"));
    weights = reals.values;
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(const auto items, record.List("weights"));
    for (const pickle::Value& item : items) {
      auto weight = pickle::ReadNumber(item);
      if (!weight.ok()) return record.At("weights", weight.status());
      weights.push_back(*weight);
    }
  }
  SLIPWAY_ASSIGN_OR_RETURN(const auto estimators, record.List("estimators"));
  std::vector<double> kept;
  for (size_t i = 0; i < std::min(weights.size(), estimators.size()); ++i) {
    const pickle::Value& pair = estimators[i];
    const bool named = pair.Is(pickle::Value::Kind::kTuple) && pair.node().items.size() == 2;
    if (named && pair.node().items[1].Is(pickle::Value::Kind::kObject)) kept.push_back(weights[i]);
  }
  if (kept.size() == count) return kept;
  return record.Damaged(StrCat("weights: expected ", count, ", got ", kept.size()));
}

Result<Answer> ConvertVotingClassifier(Scope& scope, const Record& record, const Frame& input) {
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(record, "classes_"));
  const int64_t count = answer.classes();
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Answer> parts,
                           ConvertAll(scope, record, "estimators_", input));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<double> weights, VotingWeights(record, parts.size()));
  const bool soft = record.Is("voting", "soft");
  std::vector<Value> shares;
  for (const Answer& part : parts) {
    if (!part.is_classifier() || part.classes() != count) {
      return record.Damaged("an estimator that is no classifier of these classes");
    }
    if (soft && part.probabilities.name.empty()) {
      return scope.Unsupported(record, "an estimator without probabilities");
    }
    shares.push_back(soft ? part.probabilities : Votes(scope, part.code, count));
  }
  const Value average = Average(scope.graph, shares, weights);
  answer.code = FirstMaximum(scope.graph, average);
  if (soft) answer.probabilities = average;
  return answer;
}

Result<Answer> ConvertVotingRegressor(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Answer> parts,
                           ConvertAll(scope, record, "estimators_", input));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<double> weights, VotingWeights(record, parts.size()));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Value> values, Predictions(record, parts));
  Answer answer;
  answer.targets = parts.front().targets;
  answer.prediction = Average(scope.graph, values, weights);
  return answer;
}

// What one estimator of a stack hands to the last: a frame of its answer.
Result<Frame> StackColumns(Scope& scope, const Record& record, const Answer& part,
                           const std::string& method) {
  if (method == "predict" && part.is_regressor()) return Frame::Of(part.prediction, part.targets);
  if (!part.is_classifier()) return record.Damaged("stack_method_: does not fit its estimator");
  const int64_t count = part.classes();
  if (method == "predict_proba" && !part.probabilities.name.empty()) {
    if (count != 2) return Frame::Of(part.probabilities, count);
    constexpr std::array<int64_t, 1> kSecond = {1};
    return Frame::Of(scope.graph.Columns(part.probabilities, kSecond), 1);
  }
  if (method == "decision_function" && !part.decision.name.empty()) {
    return Frame::Of(part.decision, count == 2 ? 1 : count);
  }
  if (method == "decision_function" && !part.pairs.name.empty()) {
    return Frame::Of(part.pairs, count * (count - 1) / 2);
  }
  return scope.Unsupported(record, StrCat("stacking of ", method, " is not supported here"));
}

Result<Frame> StackInput(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Answer> parts,
                           ConvertAll(scope, record, "estimators_", input));
  SLIPWAY_ASSIGN_OR_RETURN(const auto methods, record.List("stack_method_"));
  if (methods.size() != parts.size()) return record.Damaged("stack_method_: not one for each");
  std::vector<Frame> frames;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto method = pickle::ReadText(methods[i]);
    if (!method.ok()) return record.At("stack_method_", method.status());
    SLIPWAY_ASSIGN_OR_RETURN(Frame frame, StackColumns(scope, record, parts[i], *method));
    frames.push_back(std::move(frame));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const bool passthrough, record.BoolOr("passthrough", false));
  if (passthrough) frames.push_back(input);
  return Frame::Join(std::move(frames));
}

Result<Answer> ConvertStacking(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Frame stacked, StackInput(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* last, record.Get("final_estimator_"));
  SLIPWAY_ASSIGN_OR_RETURN(Answer answer,
                           Convert(scope, *last, record.PlaceOf("final_estimator_"), stacked));
  if (!record.name().ends_with("Classifier")) return answer;
  // The last estimator knows codes of the labels only.
  SLIPWAY_ASSIGN_OR_RETURN(Labels labels, Labels::Read(record, "classes_"));
  if (!answer.is_classifier() || answer.classes() != labels.size()) {
    return record.Damaged("final_estimator_: is no classifier of these classes");
  }
  answer.labels = std::move(labels);
  return answer;
}

Result<Answer> ConvertMultiOutputRegressor(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Answer> parts,
                           ConvertAll(scope, record, "estimators_", input));
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<Value> values, Predictions(record, parts));
  Answer answer;
  answer.targets = static_cast<int64_t>(values.size()) * parts.front().targets;
  answer.prediction = scope.graph.Concat(std::move(values));
  return answer;
}

constexpr std::string_view kEnsemble = "sklearn.ensemble";

constexpr Estimator kEstimators[] = {
    {kEnsemble, "BaggingClassifier", ConvertBaggingClassifier},
    {kEnsemble, "BaggingRegressor", ConvertBaggingRegressor},
    {kEnsemble, "VotingClassifier", ConvertVotingClassifier},
    {kEnsemble, "VotingRegressor", ConvertVotingRegressor},
    {kEnsemble, "StackingClassifier", ConvertStacking},
    {kEnsemble, "StackingRegressor", ConvertStacking},
    {"sklearn.multioutput", "MultiOutputRegressor", ConvertMultiOutputRegressor},
};

}  // namespace

std::span<const Estimator> VotingEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
