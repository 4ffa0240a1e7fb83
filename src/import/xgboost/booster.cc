#include "import/xgboost/booster.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::import::xgboost {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::TreeEnsemble;
using graph::Value;

constexpr uint32_t kMaxFeatures = 1'000'000;
constexpr uint32_t kMaxGroups = 100'000;

// What an objective does to the margin.
enum class Transform : uint8_t {
  kIdentity,
  kExp,
  kLogistic,        // a probability, as a prediction
  kBinaryLogistic,  // a probability of the second class
  kHinge,           // the sign
  kSoftmax,
};

// From a base score to the margin. Source: XGBoost, ObjFunction::ProbToMargin.
enum class Link : uint8_t { kIdentity, kLogit, kLog };

struct Objective {
  std::string_view name;
  Transform transform;
  Link link;
};

constexpr Objective kObjectives[] = {
    {"reg:squarederror", Transform::kIdentity, Link::kIdentity},
    {"reg:linear", Transform::kIdentity, Link::kIdentity},
    {"reg:squaredlogerror", Transform::kIdentity, Link::kIdentity},
    {"reg:pseudohubererror", Transform::kIdentity, Link::kIdentity},
    {"reg:absoluteerror", Transform::kIdentity, Link::kIdentity},
    {"reg:quantileerror", Transform::kIdentity, Link::kIdentity},
    {"reg:expectileerror", Transform::kIdentity, Link::kIdentity},
    {"reg:logistic", Transform::kLogistic, Link::kLogit},
    {"reg:gamma", Transform::kExp, Link::kLog},
    {"reg:tweedie", Transform::kExp, Link::kLog},
    {"binary:logistic", Transform::kBinaryLogistic, Link::kLogit},
    {"binary:logitraw", Transform::kIdentity, Link::kIdentity},
    {"binary:hinge", Transform::kHinge, Link::kIdentity},
    {"multi:softmax", Transform::kSoftmax, Link::kIdentity},
    {"multi:softprob", Transform::kSoftmax, Link::kIdentity},
    {"count:poisson", Transform::kExp, Link::kLog},
    {"survival:cox", Transform::kExp, Link::kLog},
    {"survival:aft", Transform::kExp, Link::kLog},
    {"rank:pairwise", Transform::kIdentity, Link::kIdentity},
    {"rank:ndcg", Transform::kIdentity, Link::kIdentity},
    {"rank:map", Transform::kIdentity, Link::kIdentity},
};

const Objective* FindObjective(std::string_view name) {
  const auto* found = std::ranges::find(kObjectives, name, &Objective::name);
  return found == std::end(kObjectives) ? nullptr : found;
}

float ToMargin(Link link, float score) {
  switch (link) {
    case Link::kLogit:
      return -std::log(1.0F / score - 1.0F);
    case Link::kLog:
      return std::log(score);
    case Link::kIdentity:
      break;
  }
  return score;
}

// XGBoost cuts categories to integers, but takes those below zero out first: -0.5 is no category.
Value WithoutNegativeCategories(GraphBuilder& graph, const Value& x, const TreeEnsemble& ensemble,
                                Status& status) {
  const float none = -std::numeric_limits<float>::infinity();
  std::vector<float> floor(ensemble.features, none);
  for (const TreeEnsemble::Node& node : ensemble.nodes) {
    if (node.test == TreeEnsemble::Test::kMember) floor[node.feature] = 0;
  }
  for (const TreeEnsemble::Node& node : ensemble.nodes) {
    if (node.test != TreeEnsemble::Test::kMember && floor[node.feature] == 0) {
      status = InvalidArgument(
          StrCat("feature ", node.feature, " is split as a category and as a number"));
    }
  }
  if (std::ranges::all_of(floor, [none](float f) { return f == none; })) return x;
  const auto width = static_cast<int64_t>(floor.size());
  const Value lowest = graph.Add(graph::FloatConstant(floor, {1, width}), "lowest_category");
  const Value below = graph.Node("Less", {x, lowest}, {}, ElementType::kBool);
  return graph.Node("Where", {below, graph.Scalar(ElementType::kFloat, -1), x}, {},
                    ElementType::kFloat);
}

Result<Value> AddTrees(GraphBuilder& graph, const Value& x, const Model& model, size_t trees) {
  SLIPWAY_ASSIGN_OR_RETURN(const TreeEnsemble ensemble, ToEnsemble(model, trees));
  Status status;
  const Value categories = WithoutNegativeCategories(graph, x, ensemble, status);
  SLIPWAY_RETURN_IF_ERROR(status);
  return graph::AddTreeEnsemble(graph, categories, ensemble);
}

// A missing value adds nothing. With several outputs XGBoost takes the first base score for all. It
// adds one product after the other to the bias, as numbers of 32 bits, and so does CumSum: where
// they cancel each other out, another order gives another answer.
Result<Value> AddLinear(GraphBuilder& graph, const Value& x, const Model& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<float> margins, BaseMargins(model));
  const uint64_t groups = margins.size();
  if (model.linear.size() != (uint64_t{model.features} + 1) * groups) {
    return InvalidArgument(StrCat("gblinear: ", model.linear.size(), " weights for ",
                                  model.features, " features and ", groups, " outputs"));
  }
  // [output][bias, features]; the model has [feature or bias][output].
  const uint64_t terms = uint64_t{model.features} + 1;
  std::vector<float> weights;
  weights.reserve(terms * groups);
  for (uint64_t group = 0; group < groups; ++group) {
    weights.push_back(model.linear[model.features * groups + group] + margins.front());
    for (uint64_t feature = 0; feature < model.features; ++feature) {
      weights.push_back(model.linear[feature * groups + group]);
    }
  }
  const Value missing = graph.Node("IsNaN", {x}, {}, ElementType::kBool);
  const Value known = graph.Node("Where", {missing, graph.Scalar(ElementType::kFloat, 0), x}, {},
                                 ElementType::kFloat);
  const auto integers = [&graph](const std::vector<int64_t>& values, std::string_view name) {
    return graph.Add(graph::Int64Constant(values, {static_cast<int64_t>(values.size())}), name);
  };
  const Value with_one = graph.Node(
      "Pad", {known, integers({0, 1, 0, 0}, "in_front"), graph.Scalar(ElementType::kFloat, 1)});
  const Value w = graph.Add(
      graph::FloatConstant(weights, {1, static_cast<int64_t>(groups), static_cast<int64_t>(terms)}),
      "weights");
  const Value products =
      graph.Node("Mul", {graph.Node("Unsqueeze", {with_one, integers({1}, "outputs")}), w});
  const Value sums = graph.Node(
      "CumSum", {products, graph.Add(graph::Int64Constant(std::vector<int64_t>{2}, {}), "terms")});
  const Value last = graph.Add(
      graph::Int64Constant(std::vector<int64_t>{static_cast<int64_t>(terms) - 1}, {}), "last");
  return graph.Node("Gather", {sums, last}, {{"axis", int64_t{2}}});
}

Answer ToAnswer(GraphBuilder& graph, const Value& margin, const Objective& objective,
                int64_t count) {
  switch (objective.transform) {
    case Transform::kIdentity:
      break;
    case Transform::kExp:
      return {Answer::Kind::kPrediction, graph.Node("Exp", {margin}), count};
    case Transform::kLogistic:
      return {Answer::Kind::kPrediction, Logistic(graph, margin), count};
    case Transform::kBinaryLogistic:
      return {count == 1 ? Answer::Kind::kBinary : Answer::Kind::kMultilabel,
              Logistic(graph, margin), count};
    case Transform::kHinge: {
      const Value positive =
          graph.Node("Greater", {margin, graph.Scalar(margin.type, 0)}, {}, ElementType::kBool);
      return {count == 1 ? Answer::Kind::kBinary : Answer::Kind::kMultilabel,
              graph.Cast(positive, ElementType::kFloat), count};
    }
    case Transform::kSoftmax:
      return {Answer::Kind::kMulticlass, graph.Node("Softmax", {margin}, {{"axis", int64_t{1}}}),
              count};
  }
  return {Answer::Kind::kPrediction, margin, count};
}

}  // namespace

Status CheckModel(const Model& model) {
  if (FindObjective(model.objective) == nullptr) {
    return base::Unimplemented(
        StrCat("the objective '", base::Printable(model.objective), "' is not supported"));
  }
  if (model.features == 0 || model.features > kMaxFeatures) {
    return InvalidArgument(
        StrCat("expected 1 to ", kMaxFeatures, " features, got ", model.features));
  }
  if (model.groups() > kMaxGroups) {
    return InvalidArgument(
        StrCat("expected at most ", kMaxGroups, " outputs, got ", model.groups()));
  }
  if (model.classes > 1 && model.targets > 1) {
    return InvalidArgument(
        StrCat(model.classes, " classes and ", model.targets, " targets at once"));
  }
  if (!model.feature_names.empty() && model.feature_names.size() != model.features) {
    return InvalidArgument(
        StrCat(model.feature_names.size(), " names for ", model.features, " features"));
  }
  return OkStatus();
}

Result<std::vector<float>> BaseMargins(const Model& model) {
  const size_t groups = std::max(model.groups(), 1U);
  if (model.base_score.size() != 1 && model.base_score.size() != groups) {
    return InvalidArgument(StrCat("learner_model_param.base_score: ", model.base_score.size(),
                                  " values for ", groups, " outputs"));
  }
  const Objective* objective = FindObjective(model.objective);
  const Link link =
      objective == nullptr || model.base_score_is_margin ? Link::kIdentity : objective->link;
  std::vector<float> margins(groups);
  for (size_t group = 0; group < groups; ++group) {
    const float score = model.base_score[model.base_score.size() == 1 ? 0 : group];
    margins[group] = ToMargin(link, score);
    if (!std::isfinite(margins[group])) {
      return InvalidArgument(
          StrCat("learner_model_param.base_score: ", score, " is no base score"));
    }
  }
  return margins;
}

Result<Answer> AddBooster(GraphBuilder& graph, const Value& x, const Model& model, size_t trees) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value margin, model.booster == BoosterKind::kLinear
                                                   ? AddLinear(graph, x, model)
                                                   : AddTrees(graph, x, model, trees));
  const int64_t count = std::max(model.groups(), 1U);
  return ToAnswer(graph, margin, *FindObjective(model.objective), count);
}

}  // namespace slipway::import::xgboost
