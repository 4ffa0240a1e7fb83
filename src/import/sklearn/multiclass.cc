#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/combined.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Classifiers of many classes, or of many labels at once, made of classifiers of two. Source:
// scikit-learn 1.9, sklearn/multiclass.py, sklearn/utils/multiclass.py (_ovr_decision_function).
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

constexpr std::array<int64_t, 1> kSecond = {1};
constexpr int64_t kMaxPlaces = 4'000'000;  // of pairs and classes: some 200 classes

Labels ZeroAndOne() {
  Labels labels;
  labels.integers = {0, 1};
  return labels;
}

// What the parts say for the second of their two classes, a column for each.
struct Scores {
  Value all;                     // [batch, parts]: decisions, probabilities, or what regressors say
  std::vector<Value> shares;     // probabilities, of those that have any
  std::vector<Value> decisions;  // of those that have any
  double threshold = 0;          // above it the first part says yes
};

Result<Scores> ScoresOf(Scope& scope, const Record& record, const std::vector<Answer>& parts) {
  Scores out;
  std::vector<Value> columns;
  for (const Answer& part : parts) {
    if (part.is_regressor() && part.targets == 1) {
      columns.push_back(part.prediction);
      continue;
    }
    if (part.classes() != 2) {
      return scope.Unsupported(record, "an estimator that does not decide between two classes");
    }
    if (!part.probabilities.name.empty()) {
      out.shares.push_back(scope.graph.Columns(part.probabilities, kSecond));
    }
    if (!part.decision.name.empty()) out.decisions.push_back(part.decision);
    if (part.decision.name.empty() && part.probabilities.name.empty()) {
      return scope.Unsupported(record, "an estimator without scores");
    }
    columns.push_back(part.decision.name.empty() ? out.shares.back() : part.decision);
  }
  out.threshold = parts.front().decision.name.empty() ? 0.5 : 0;
  out.all = scope.graph.Concat(std::move(columns));
  return out;
}

// ---- one against the rest

// Where all samples or none had the label: always the same, [batch, 1]. scikit-learn compares what
// this gives as decision with the threshold for probabilities.
Result<Answer> ConvertConstant(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Reals y, record.Numbers("y_"));
  if (y.values.size() != 1) return record.Damaged("y_: expected one number");
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, scope.Matrix(record, input));
  const Value p = graph.Node("Add", {ZeroColumn(graph, x), Constant(graph, y.values.front())});
  Answer answer;
  answer.labels = ZeroAndOne();
  answer.probabilities = WithComplement(graph, p);
  answer.code = IsAbove(graph, p, 0.5);
  return answer;
}

// Every label for itself.
Result<Answer> ConvertMultilabel(Scope& scope, const Record& record, const Record& binarizer,
                                 const std::vector<Answer>& parts) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Scores scores, ScoresOf(scope, record, parts));
  if (parts.size() < 2) return record.Damaged("estimators_: expected two or more");
  SLIPWAY_ASSIGN_OR_RETURN(
      Several several, ManyLabels(scope, binarizer, scores.all, static_cast<int64_t>(parts.size()),
                                  scores.threshold));
  if (scores.shares.size() == parts.size()) several.probabilities = graph.Concat(scores.shares);
  if (scores.decisions.size() == parts.size()) several.decision = scores.all;
  Answer answer;
  answer.several = std::move(several);
  return answer;
}

// Scores for the search of the greatest, one class after the other, that scikit-learn makes: after
// a NaN it finds nothing greater, and what it has is the class before, or the first of all when
// there was none. `reverse`: it begins with the last class.
Value BeforeNan(GraphBuilder& graph, const Value& scores, int64_t classes, bool reverse) {
  const Value is_nan =
      graph.Cast(graph.Node("IsNaN", {scores}, {}, ElementType::kBool), ElementType::kDouble);
  const Value axis = graph.Add(graph::Int64Constant(std::array<int64_t, 1>{1}, {}), "axis");
  const Value nans = graph.Node("CumSum", {is_nan, axis}, {{"reverse", int64_t{reverse ? 1 : 0}}},
                                ElementType::kDouble);
  const Value after = graph.Node("Greater", {nans, Constant(graph, 0)}, {}, ElementType::kBool);
  std::vector<double> least(static_cast<size_t>(classes), -std::numeric_limits<double>::infinity());
  least.front() = std::numeric_limits<double>::lowest();
  return graph.Node("Where", {after, RowConstant(graph, least), scores}, {}, ElementType::kDouble);
}

// The class of the greatest score; of equal ones the first, until 1.7 the last.
Value GreatestScore(GraphBuilder& graph, const Record& record, Value scores, int64_t classes,
                    bool may_be_nan) {
  const std::string version = record.TextOr("_sklearn_version", "");
  const bool is_old =
      version.starts_with("0.") ||
      (version.starts_with("1.") && version.size() > 3 && version[3] == '.' && version[2] < '8');
  if (may_be_nan) scores = BeforeNan(graph, scores, classes, /*reverse=*/!is_old);
  if (!is_old) return FirstMaximum(graph, scores);
  return graph.Node(
      "ArgMax", {scores},
      {{"axis", int64_t{1}}, {"keepdims", int64_t{0}}, {"select_last_index", int64_t{1}}},
      ElementType::kInt64);
}

Result<Answer> ConvertOneVsRest(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Record binarizer, record.Child("label_binarizer_"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Answer> parts,
                           ConvertAll(scope, record, "estimators_", input));
  if (binarizer.TextOr("y_type_", "multiclass").starts_with("multilabel")) {
    return ConvertMultilabel(scope, record, binarizer, parts);
  }
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(binarizer, "classes_"));
  const int64_t count = answer.classes();
  if (static_cast<int64_t>(parts.size()) != (count == 2 ? 1 : count)) {
    return record.Damaged("estimators_: do not fit the classes");
  }
  SLIPWAY_ASSIGN_OR_RETURN(Scores scores, ScoresOf(scope, record, parts));
  answer.may_be_nan = std::ranges::any_of(parts, &Answer::may_be_nan);
  answer.code = count == 2 ? IsAbove(graph, scores.all, scores.threshold)
                           : GreatestScore(graph, record, scores.all, count, answer.may_be_nan);
  if (scores.decisions.size() == parts.size()) answer.decision = scores.all;
  if (scores.shares.size() != parts.size()) return answer;
  answer.probabilities = count == 2 ? WithComplement(graph, scores.shares.front())
                                    : Normalized(graph, graph.Concat(std::move(scores.shares)), 0);
  return answer;
}

// ---- one against one

// For each pair of classes: what the first of them and what the second gets of the pair's column.
Reals PairsToClasses(int64_t classes, double first, double second) {
  const int64_t pairs = classes * (classes - 1) / 2;
  Reals out{.shape = {classes, pairs}, .values = {}};  // transposed by the product
  out.values.assign(static_cast<size_t>(classes * pairs), 0.0);
  int64_t pair = 0;
  for (int64_t i = 0; i < classes; ++i) {
    for (int64_t j = i + 1; j < classes; ++j, ++pair) {
      out.values[static_cast<size_t>(i * pairs + pair)] = first;
      out.values[static_cast<size_t>(j * pairs + pair)] = second;
    }
  }
  return out;
}

// Votes, and confidences between -1/3 and 1/3 that tell equal ones apart.
Value PairDecision(GraphBuilder& graph, const Value& second_wins, const Value& confidences,
                   int64_t classes) {
  Reals of_the_first{.shape = {classes}, .values = {}};
  for (int64_t i = 0; i < classes; ++i) {
    of_the_first.values.push_back(static_cast<double>(classes - 1 - i));
  }
  const Reals signs = PairsToClasses(classes, -1, 1);
  const Value votes = Affine(graph, second_wins, signs, of_the_first);
  const Value sum = graph.Node("MatMul", {confidences, Transposed(graph, signs)});
  const Value one = Constant(graph, 1);
  const Value scale =
      graph.Node("Mul", {Constant(graph, 3), graph.Node("Add", {graph.Node("Abs", {sum}), one})});
  return graph.Node("Add", {votes, graph.Node("Div", {sum, scale})});
}

Result<Answer> ConvertOneVsOne(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  if (record.Has("pairwise_indices_")) {
    return scope.Unsupported(record, "estimators of distances are not supported");
  }
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(record, "classes_"));
  const int64_t count = answer.classes();
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Answer> parts,
                           ConvertAll(scope, record, "estimators_", input));
  const auto pairs = static_cast<int64_t>(parts.size());
  if (count < 2 || count > 100'000 || pairs != count * (count - 1) / 2) {
    return record.Damaged("estimators_: not one for each pair of classes");
  }
  if (pairs > kMaxPlaces / count) return scope.Unsupported(record, "so many classes");
  SLIPWAY_ASSIGN_OR_RETURN(const Scores scores, ScoresOf(scope, record, parts));
  std::vector<Value> codes;
  for (const Answer& part : parts) {
    if (!part.is_classifier()) return scope.Unsupported(record, "pairs told apart by regressors");
    codes.push_back(ColumnOf(graph, part.code));
  }
  const Value wins = graph.Cast(graph.Concat(std::move(codes)), ElementType::kDouble);
  const Value decision = PairDecision(graph, wins, scores.all, count);
  answer.decision = count == 2 ? graph.Columns(decision, kSecond) : decision;
  answer.code = count == 2 ? IsAbove(graph, answer.decision, scores.threshold)
                           : FirstMaximum(graph, decision);
  return answer;
}

// ---- output codes

// The class whose row of the code book is nearest to the scores.
Result<Answer> ConvertOutputCode(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(record, "classes_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals book, record.Numbers("code_book_"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Answer> parts,
                           ConvertAll(scope, record, "estimators_", input));
  const bool fits = book.shape.size() == 2 && book.rows() == answer.classes() &&
                    book.columns() == static_cast<int64_t>(parts.size());
  if (!fits) return record.Damaged("code_book_: does not fit classes and estimators");
  SLIPWAY_ASSIGN_OR_RETURN(const Scores scores, ScoresOf(scope, record, parts));
  // |s - c|^2 is least where 2 s c - |c|^2 is largest.
  std::vector<double> lengths;
  for (int64_t i = 0; i < book.rows(); ++i) {
    double length = 0;
    for (const double one : book.row(i)) length += one * one;
    lengths.push_back(length);
  }
  const Value products = graph.Node("MatMul", {scores.all, Transposed(graph, book)});
  const Value doubled = graph.Node("Mul", {products, Constant(graph, 2)});
  answer.code = FirstMaximum(graph, graph.Node("Sub", {doubled, RowConstant(graph, lengths)}));
  return answer;
}

constexpr std::string_view kMulticlass = "sklearn.multiclass";

constexpr Estimator kEstimators[] = {
    {kMulticlass, "OneVsRestClassifier", ConvertOneVsRest},
    {kMulticlass, "OneVsOneClassifier", ConvertOneVsOne},
    {kMulticlass, "OutputCodeClassifier", ConvertOutputCode},
    {kMulticlass, "_ConstantPredictor", ConvertConstant},
};

}  // namespace

std::span<const Estimator> MulticlassEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
