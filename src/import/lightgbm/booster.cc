#include "import/lightgbm/booster.h"

#include <algorithm>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "graph/tree_ensemble.h"
#include "import/document.h"
#include "import/lightgbm/ensemble.h"
#include "import/lightgbm/feature_columns.h"

namespace slipway::import::lightgbm {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;
using Transform = Objective::Transform;

struct ObjectiveName {
  std::string_view name;
  Transform transform;
};

constexpr ObjectiveName kObjectives[] = {
    {"", Transform::kIdentity},
    {"custom", Transform::kIdentity},
    {"regression", Transform::kIdentity},
    {"regression_l1", Transform::kIdentity},
    {"huber", Transform::kIdentity},
    {"fair", Transform::kIdentity},
    {"quantile", Transform::kIdentity},
    {"mape", Transform::kIdentity},
    {"lambdarank", Transform::kIdentity},
    {"rank_xendcg", Transform::kIdentity},
    {"poisson", Transform::kExp},
    {"gamma", Transform::kExp},
    {"tweedie", Transform::kExp},
    {"binary", Transform::kBinary},
    {"multiclass", Transform::kSoftmax},
    {"multiclassova", Transform::kOneVsAll},
    {"cross_entropy", Transform::kLogistic},
    {"xentropy", Transform::kLogistic},
    {"cross_entropy_lambda", Transform::kLog1pExp},
    {"xentlambda", Transform::kLog1pExp},
};

// "sqrt", "sigmoid:2": what follows the objective's name.
Status ReadParameter(std::string_view word, Objective& out) {
  if (word == "sqrt" && out.transform == Transform::kIdentity) out.transform = Transform::kSquare;
  if (!word.starts_with("sigmoid:")) return base::OkStatus();
  const auto number = ParseNumber(word.substr(8));
  if (!number || !(*number > 0)) {
    return InvalidArgument(
        StrCat("objective: expected sigmoid:NUMBER, got '", base::Printable(word), "'"));
  }
  out.sigmoid = *number;
  return base::OkStatus();
}

// One sum for each class, [batch, classes], before anything is made of it. Linear trees take one
// ensemble for each class.
class RawScore {
 public:
  RawScore(const Model& model, size_t trees) : model_(model), trees_(trees) {}

  Result<Value> Add(GraphBuilder& graph, const Value& x) {
    const uint32_t groups = model_.trees_per_iteration;
    const bool linear = std::ranges::any_of(model_.trees, &Tree::linear);
    if (!linear) return AddForest(graph, x, 0, 1, groups);
    std::vector<Value> scores;
    for (uint32_t group = 0; group < groups; ++group) {
      SLIPWAY_ASSIGN_OR_RETURN(Value score, AddForest(graph, x, group, groups, 1));
      scores.push_back(std::move(score));
    }
    return graph.Concat(std::move(scores));
  }

 private:
  // The trees first, first + step, ..., dealt out to `targets` in turn.
  Result<Value> AddForest(GraphBuilder& graph, const Value& x, size_t first, size_t step,
                          uint32_t targets) const {
    std::vector<size_t> positions;
    std::vector<uint32_t> group_of;
    for (size_t i = first; i < trees_; i += step) {
      group_of.push_back(static_cast<uint32_t>(positions.size() % targets));
      positions.push_back(i);
    }
    FeatureColumns columns(model_.features);
    SLIPWAY_ASSIGN_OR_RETURN(const Forest forest,
                             ToForest(model_, positions, group_of, targets, columns));
    SLIPWAY_RETURN_IF_ERROR(graph::Validate(forest.ensemble));
    const Value rows = columns.Apply(graph, x);
    const Value sums = graph::AddTreeEnsemble(graph, rows, forest.ensemble);
    return forest.linear_columns.empty() ? sums : AddLinear(graph, rows, sums, forest);
  }

  // The sum of coefficients times values; a value that no leaf asks for may be NaN or infinite.
  static Value AddLinear(GraphBuilder& graph, const Value& rows, const Value& sums,
                         const Forest& forest) {
    std::vector<int64_t> targets(forest.linear_columns.size());
    for (size_t i = 0; i < targets.size(); ++i) targets[i] = static_cast<int64_t>(i + 1);
    const int64_t constant[] = {0};
    const Value coefficients = graph.Columns(sums, targets);
    const Value zero = graph.Scalar(ElementType::kDouble, 0);
    const Value unused = graph.Node("Equal", {coefficients, zero}, {}, ElementType::kBool);
    const Value products =
        graph.Node("Mul", {coefficients, graph.Columns(rows, forest.linear_columns)});
    const Value used = graph.Node("Where", {unused, zero, products}, {}, ElementType::kDouble);
    const int64_t axis[] = {1};
    const Value axes = graph.Add(graph::Int64Constant(axis, {1}), "axes");
    const Value linear = graph.Node("ReduceSum", {used, axes});
    return graph.Node("Add", {graph.Columns(sums, constant), linear});
  }

  const Model& model_;
  const size_t trees_;
};

Answer ToAnswer(GraphBuilder& graph, const Value& raw, const Objective& objective, int64_t count) {
  using Kind = Answer::Kind;
  switch (objective.transform) {
    case Transform::kIdentity:
      break;
    case Transform::kSquare:
      return {Kind::kPrediction, graph.Node("Mul", {raw, graph.Node("Abs", {raw})}), count};
    case Transform::kExp:
      return {Kind::kPrediction, graph.Node("Exp", {raw}), count};
    case Transform::kLogistic:
      return {Kind::kPrediction, Logistic(graph, raw), count};
    case Transform::kBinary:
      return {Kind::kBinary, Logistic(graph, raw, objective.sigmoid), count};
    case Transform::kSoftmax:
      return {Kind::kMulticlass, graph.Node("Softmax", {raw}, {{"axis", int64_t{1}}}), count};
    case Transform::kOneVsAll:
      return {Kind::kMulticlass, Logistic(graph, raw, objective.sigmoid), count};
    case Transform::kLog1pExp: {
      const Value one = graph.Scalar(raw.type, 1.0);
      const Value sum = graph.Node("Add", {graph.Node("Exp", {raw}), one});
      return {Kind::kPrediction, graph.Node("Log", {sum}), count};
    }
  }
  return {Kind::kPrediction, raw, count};
}

}  // namespace

Result<Objective> ReadObjective(const Model& model) {
  std::string_view rest = model.objective;
  const std::string_view name = rest.substr(0, rest.find(' '));
  const auto* known = std::ranges::find(kObjectives, name, &ObjectiveName::name);
  if (known == std::end(kObjectives)) {
    return base::Unimplemented(
        StrCat("the objective '", base::Printable(name), "' is not supported"));
  }
  Objective out{.transform = known->transform};
  rest.remove_prefix(name.size());
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view word = rest.substr(0, rest.find(' '));
    SLIPWAY_RETURN_IF_ERROR(ReadParameter(word, out));
    rest.remove_prefix(word.size());
  }
  const bool binary = out.transform == Transform::kBinary;
  const bool classes =
      out.transform == Transform::kSoftmax || out.transform == Transform::kOneVsAll;
  const uint32_t groups = model.trees_per_iteration;
  if ((binary && groups != 1) || (classes && groups != model.classes)) {
    return InvalidArgument(StrCat("objective '", name, "' with ", model.classes, " classes and ",
                                  groups, " trees an iteration"));
  }
  return out;
}

Result<Answer> AddBooster(GraphBuilder& graph, const Value& x, const Model& model,
                          size_t iterations) {
  SLIPWAY_ASSIGN_OR_RETURN(const Objective objective, ReadObjective(model));
  const size_t groups = model.trees_per_iteration;
  const size_t trees = std::min(model.trees.size(), iterations * groups);
  SLIPWAY_ASSIGN_OR_RETURN(Value raw, RawScore(model, trees).Add(graph, x));
  if (model.average_output && trees >= groups) {
    const size_t rounds = trees / groups;
    const Value divisor = graph.Scalar(ElementType::kDouble, static_cast<double>(rounds));
    raw = graph.Node("Div", {raw, divisor});
  }
  return ToAnswer(graph, raw, objective, static_cast<int64_t>(groups));
}

}  // namespace slipway::import::lightgbm
