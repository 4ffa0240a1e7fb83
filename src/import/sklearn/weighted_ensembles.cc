#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/combined.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"
#include "import/sklearn/tree_builder.h"

// AdaBoost and isolation forests. Source: scikit-learn 1.9, sklearn/ensemble/_weight_boosting.py,
// sklearn/ensemble/_iforest.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

Result<std::vector<double>> EstimatorWeights(const Record& record, size_t count) {
  SLIPWAY_ASSIGN_OR_RETURN(Reals weights, record.Numbers("estimator_weights_"));
  if (weights.values.size() < count) return record.Damaged("estimator_weights_: too few");
  weights.values.resize(count);
  return std::move(weights.values);
}

// One estimator's part of the decision, [batch, classes]. SAMME: the weight for the class that it
// chose, and less for the others.
Value Chosen(Scope& scope, const Answer& part, double weight, int64_t classes) {
  GraphBuilder& graph = scope.graph;
  const Value votes = Votes(scope, part.code, classes);
  const double other = -weight / static_cast<double>(classes - 1);
  const Value mask = graph.Cast(votes, ElementType::kBool);
  return graph.Node("Where", {mask, Constant(graph, weight), Constant(graph, other)}, {},
                    ElementType::kDouble);
}

// SAMME.R: the logarithms of the probabilities, less their mean.
Value Logarithms(Scope& scope, const Value& probabilities, int64_t classes) {
  GraphBuilder& graph = scope.graph;
  const Value smallest = Constant(graph, std::numeric_limits<double>::epsilon());
  const Value logs = graph.Node("Log", {graph.Node("Max", {probabilities, smallest})});
  const auto count = static_cast<double>(classes);
  const Value mean = graph.Node("Mul", {SumOfRows(graph, logs), Constant(graph, 1 / count)});
  return graph.Node("Mul", {Constant(graph, count - 1), graph.Node("Sub", {logs, mean})});
}

Result<Answer> ConvertAdaBoostClassifier(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(record, "classes_"));
  const int64_t classes = answer.classes();
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Answer> parts,
                           ConvertAll(scope, record, "estimators_", input));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<double> weights,
                           EstimatorWeights(record, parts.size()));
  if (classes < 2) return record.Damaged("classes_: expected two or more");
  const bool real = record.Is("algorithm", "SAMME.R");
  Value sum;
  double total = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool fits =
        parts[i].classes() == classes && !(real && parts[i].probabilities.name.empty());
    if (!fits) return scope.Unsupported(record, "an estimator that knows other classes");
    const Value one = real ? Logarithms(scope, parts[i].probabilities, classes)
                           : Chosen(scope, parts[i], weights[i], classes);
    sum = i == 0 ? one : graph.Node("Add", {sum, one});
    total += weights[i];
  }
  sum = graph.Node("Div", {sum, Constant(graph, total)});
  if (classes > 2) {
    answer.decision = sum;
    answer.code = FirstMaximum(graph, sum);
    answer.probabilities =
        Softmax(graph, graph.Node("Div", {sum, Constant(graph, static_cast<double>(classes - 1))}));
    return answer;
  }
  constexpr std::array<double, 2> kSigns = {-1, 1};
  answer.decision = SumOfRows(graph, graph.Node("Mul", {sum, RowConstant(graph, kSigns)}));
  answer.code = IsAbove(graph, answer.decision, 0);
  const Value half = graph.Node("Div", {answer.decision, Constant(graph, 2)});
  answer.probabilities = Softmax(graph, graph.Concat({graph.Node("Neg", {half}), half}));
  return answer;
}

// The weighted median: of the sorted predictions the first at which half of the weight is reached.
Result<Answer> ConvertAdaBoostRegressor(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Answer> parts,
                           ConvertAll(scope, record, "estimators_", input));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<double> weights,
                           EstimatorWeights(record, parts.size()));
  std::vector<Value> predictions;
  for (const Answer& part : parts) {
    if (!part.is_regressor() || part.targets != 1)
      return record.Damaged("estimators_: expected regressors");
    predictions.push_back(part.prediction);
  }
  const auto count = static_cast<int64_t>(parts.size());
  const Value all = graph.Concat(std::move(predictions));
  const Value size = graph.Add(graph::Int64Constant(std::span(&count, 1), {1}), "estimators");
  const std::vector<Value> sorted = graph.Nodes(
      "TopK", {all, size}, {{"axis", int64_t{1}}, {"largest", int64_t{0}}, {"sorted", int64_t{1}}},
      {ElementType::kDouble, ElementType::kInt64});
  const Value weight = graph.Node(
      "Gather", {graph.Add(graph::DoubleConstant(weights, {count}), "weights"), sorted[1]},
      {{"axis", int64_t{0}}});
  const Value reached = graph.Node("CumSum", {weight, graph.Scalar(ElementType::kInt64, 1)});
  const std::array<int64_t, 1> last = {count - 1};
  const Value half = graph.Node("Mul", {graph.Columns(reached, last), Constant(graph, 0.5)});
  const Value enough = graph.Node("GreaterOrEqual", {reached, half}, {}, ElementType::kBool);
  const Value first =
      graph.Node("ArgMax", {graph.Cast(enough, ElementType::kDouble)},
                 {{"axis", int64_t{1}}, {"keepdims", int64_t{1}}}, ElementType::kInt64);
  Answer answer;
  answer.prediction = graph.Node("GatherElements", {sorted[0], first}, {{"axis", int64_t{1}}});
  return answer;
}

// The mean length of a path in a tree of so many samples.
double AveragePathLength(double samples) {
  if (samples <= 1) return 0;
  if (samples <= 2) return 1;
  return 2 * (std::log(samples - 1) + std::numbers::egamma) - 2 * (samples - 1) / samples;
}

// How many edges lead to each node.
std::vector<double> Depths(const TreeArrays& tree) {
  std::vector<double> depth(tree.size(), 0);
  for (size_t i = 0; i < tree.size(); ++i) {
    if (tree.left[i] == -1) continue;
    depth[static_cast<size_t>(tree.left[i])] = depth[i] + 1;
    depth[static_cast<size_t>(tree.right[i])] = depth[i] + 1;
  }
  return depth;
}

// A tree of some of the columns as one of all.
base::Status PlaceColumns(const Record& record, const pickle::Value& columns, int64_t width,
                          TreeArrays& tree) {
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array array, pickle::ReadArray(columns));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> places, pickle::ToIntegers(array));
  for (size_t i = 0; i < tree.size(); ++i) {
    if (tree.left[i] == -1) continue;
    const auto feature = static_cast<size_t>(tree.feature[i]);
    if (feature >= places.size() || places[feature] < 0 || places[feature] >= width) {
      return record.Damaged("estimators_features_: a column out of range");
    }
    tree.feature[i] = places[feature];
  }
  return base::OkStatus();
}

Result<Answer> ConvertIsolationForest(Scope& scope, const Record& record, const Frame& input) {
  GraphBuilder& graph = scope.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const auto estimators, record.List("estimators_"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto columns, record.List("estimators_features_"));
  SLIPWAY_ASSIGN_OR_RETURN(const double samples, record.Number("max_samples_"));
  SLIPWAY_ASSIGN_OR_RETURN(const double offset, record.Number("offset_"));
  if (columns.size() != estimators.size()) return record.Damaged("estimators_features_: too few");
  TreeBuilder builder(input.width(), 1);
  for (size_t i = 0; i < estimators.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(
        const Record one,
        Record::From(estimators[i], record.PlaceOf(StrCat("estimators_[", i, "]")),
                     record.budget()));
    SLIPWAY_ASSIGN_OR_RETURN(TreeArrays tree, ReadTree(one));
    SLIPWAY_RETURN_IF_ERROR(PlaceColumns(record, columns[i], input.width(), tree));
    const std::vector<double> depth = Depths(tree);
    builder.Add(tree, 0, [&](size_t node, std::vector<double>& out) {
      out.push_back(depth[node] + AveragePathLength(static_cast<double>(tree.samples[node])));
    });
  }
  scope.Describe(StrCat(estimators.size(), " trees"));
  SLIPWAY_ASSIGN_OR_RETURN(const Value depth, builder.Finish(scope, record, AsFloat32(scope, x)));
  const double most = static_cast<double>(estimators.size()) * AveragePathLength(samples);
  // Where no tree has a split, all is equally far.
  const Value share =
      most == 0 ? Constant(graph, 1) : graph.Node("Div", {depth, Constant(graph, most)});
  const Value score = graph.Node("Pow", {Constant(graph, 2), graph.Node("Neg", {share})});
  Answer answer;
  answer.labels = Labels();
  answer.labels->integers = {-1, 1};
  answer.decision = graph.Node("Sub", {graph.Node("Neg", {score}), Constant(graph, offset)});
  const Value inside =
      graph.Node("GreaterOrEqual", {answer.decision, Constant(graph, 0)}, {}, ElementType::kBool);
  answer.code = Flat(graph, graph.Cast(inside, ElementType::kInt64));
  return answer;
}

constexpr std::string_view kEnsemble = "sklearn.ensemble";

constexpr Estimator kEstimators[] = {
    {kEnsemble, "AdaBoostClassifier", ConvertAdaBoostClassifier},
    {kEnsemble, "AdaBoostRegressor", ConvertAdaBoostRegressor},
    {kEnsemble, "IsolationForest", ConvertIsolationForest},
};

}  // namespace

std::span<const Estimator> WeightedEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
