#include <array>
#include <string>
#include <utility>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Estimators that answer by the one that they fitted. Source: scikit-learn 1.9,
// sklearn/linear_model/_ransac.py, sklearn/semi_supervised/_self_training.py,
// sklearn/model_selection/_classification_threshold.py, sklearn/frozen/_frozen.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

// By the first of these attributes that is there.
Result<Answer> ConvertInner(Scope& scope, const Record& record, const Frame& input,
                            std::span<const std::string_view> attributes) {
  const std::string_view name = record.FirstOf(attributes);
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* inner, record.Get(name));
  return Convert(scope, *inner, record.PlaceOf(name), input);
}

// What it was fitted on without the outliers.
Result<Answer> ConvertConsensus(Scope& scope, const Record& record, const Frame& input) {
  constexpr std::array<std::string_view, 1> kNames = {"estimator_"};
  SLIPWAY_ASSIGN_OR_RETURN(Answer inner, ConvertInner(scope, record, input, kNames));
  if (!inner.is_regressor()) return record.Damaged("estimator_: no regressor");
  Answer answer;
  answer.prediction = std::move(inner.prediction);
  answer.targets = inner.targets;
  return answer;
}

// What it says of classes: what it transforms is no answer of what is around it.
Answer OfClasses(Answer inner) {
  Answer answer;
  answer.labels = std::move(inner.labels);
  answer.code = std::move(inner.code);
  answer.probabilities = std::move(inner.probabilities);
  answer.may_be_nan = inner.may_be_nan;
  answer.decision = std::move(inner.decision);
  answer.pairs = std::move(inner.pairs);
  return answer;
}

Result<Answer> ConvertSelfTraining(Scope& scope, const Record& record, const Frame& input) {
  constexpr std::array<std::string_view, 2> kNames = {"estimator_", "base_estimator_"};
  SLIPWAY_ASSIGN_OR_RETURN(Answer inner, ConvertInner(scope, record, input, kNames));
  if (!inner.labels) return record.Damaged("estimator_: no classifier of one output");
  return OfClasses(std::move(inner));
}

Result<Answer> ConvertFrozen(Scope& scope, const Record& record, const Frame& input) {
  constexpr std::array<std::string_view, 1> kNames = {"estimator"};
  return ConvertInner(scope, record, input, kNames);
}

// ---- two classes that another threshold decides

// The classifier inside, of two classes.
Result<Answer> ConvertBinary(Scope& scope, const Record& record, const Frame& input) {
  constexpr std::array<std::string_view, 2> kNames = {"estimator_", "estimator"};
  SLIPWAY_ASSIGN_OR_RETURN(Answer inner, ConvertInner(scope, record, input, kNames));
  if (inner.classes() != 2) return record.Damaged("estimator_: no classifier of two classes");
  return OfClasses(std::move(inner));
}

// How likely a row is the class at `positive`, [batch, 1], or how far on its side: by
// probabilities, where it has them and is not asked for the other.
struct Score {
  Value value;
  bool is_probability = false;
};

Result<Score> ScoreOf(Scope& scope, const Record& record, const Answer& answer, int64_t positive) {
  GraphBuilder& graph = scope.graph;
  const std::string method = record.TextOr("response_method", "auto");
  const bool has_shares = !answer.probabilities.name.empty();
  if (method == "predict_proba" || (method == "auto" && has_shares)) {
    if (!has_shares) return scope.Unsupported(record, "probabilities of this estimator");
    return Score{.value = graph.Columns(answer.probabilities, std::span(&positive, 1)),
                 .is_probability = true};
  }
  if (answer.decision.name.empty()) {
    return scope.Unsupported(record, "decisions of this estimator");
  }
  return Score{
      .value = positive == 1 ? answer.decision : graph.Node("Neg", {answer.decision}),
      .is_probability = false,
  };
}

void DecideFrom(GraphBuilder& graph, const Score& score, double threshold, int64_t positive,
                Answer& answer) {
  const Value above = graph.Node("GreaterOrEqual", {score.value, Constant(graph, threshold)}, {},
                                 ElementType::kBool);
  const Value is_second =
      positive == 1 ? above : graph.Node("Not", {above}, {}, ElementType::kBool);
  answer.code = Flat(graph, graph.Cast(is_second, ElementType::kInt64));
}

// The position of `pos_label` among the classes.
Result<int64_t> PositionOf(const Record& record, const Answer& answer, const pickle::Value& label) {
  const auto found = answer.labels ? answer.labels->Find(label) : std::nullopt;
  if (!found) return record.Damaged("pos_label: none of the classes");
  return *found;
}

Result<Answer> ConvertFixed(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Answer answer, ConvertBinary(scope, record, input));
  int64_t positive = 1;
  if (record.Has("pos_label")) {
    SLIPWAY_ASSIGN_OR_RETURN(positive, PositionOf(record, answer, *record.Find("pos_label")));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Score score, ScoreOf(scope, record, answer, positive));
  double threshold = score.is_probability ? 0.5 : 0;
  if (!record.Is("threshold", "auto")) {
    SLIPWAY_ASSIGN_OR_RETURN(threshold, record.Number("threshold"));
  }
  DecideFrom(scope.graph, score, threshold, positive, answer);
  return answer;
}

// Which class the score that the threshold was tuned by takes for the positive one. Where it is not
// told, that is the second, or, by the default of most functions, the class 1.
Result<int64_t> PositiveClass(Scope& scope, const Record& record, const Answer& answer) {
  SLIPWAY_ASSIGN_OR_RETURN(const Record scorer, record.Child("_curve_scorer"));
  const pickle::Value* given = scorer.Find("_kwargs");
  if (given != nullptr && given->Is(pickle::Value::Kind::kDict)) {
    const pickle::Value* label = pickle::FindKey(given->node().items, "pos_label");
    if (label != nullptr && label->Is(pickle::Value::Kind::kNone)) return 1;
    if (label != nullptr) return PositionOf(scorer, answer, *label);
  }
  if (!answer.labels || answer.labels->Find(pickle::Value::Int(1)) != 0) return 1;
  constexpr std::array<std::string_view, 3> kWithout = {"balanced_accuracy_score", "accuracy_score",
                                                        "matthews_corrcoef"};
  const pickle::Value* function = scorer.Find("_score_func");
  for (const std::string_view name : kWithout) {
    if (function != nullptr &&
        pickle::IsGlobal(*function, "sklearn.metrics._classification", name)) {
      return 1;
    }
  }
  return scope.Unsupported(record, "a score that does not tell whether its positive class is 1");
}

Result<Answer> ConvertTuned(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Answer answer, ConvertBinary(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t positive, PositiveClass(scope, record, answer));
  SLIPWAY_ASSIGN_OR_RETURN(const Score score, ScoreOf(scope, record, answer, positive));
  SLIPWAY_ASSIGN_OR_RETURN(const double threshold, record.Number("best_threshold_"));
  DecideFrom(scope.graph, score, threshold, positive, answer);
  return answer;
}

constexpr std::string_view kSelection = "sklearn.model_selection";

constexpr Estimator kEstimators[] = {
    {"sklearn.linear_model", "RANSACRegressor", ConvertConsensus},
    {"sklearn.semi_supervised", "SelfTrainingClassifier", ConvertSelfTraining},
    {"sklearn.frozen", "FrozenEstimator", ConvertFrozen},
    {kSelection, "FixedThresholdClassifier", ConvertFixed},
    {kSelection, "TunedThresholdClassifierCV", ConvertTuned},
};

}  // namespace

std::span<const Estimator> WrapperEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
