#include "import/catboost/booster.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "graph/tree_ensemble.h"

namespace slipway::import::catboost {
namespace {

using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::TreeEnsemble;
using graph::Value;

// What a loss makes of the raw sum, as CatBoost's predict() does.
enum class Transform : uint8_t {
  kIdentity,
  kExp,
  kLogistic,
  kSoftmax,
  kOneVsAll,
  kMultilabel,
  kUncertainty,
};

struct Loss {
  std::string_view name;
  Transform transform;
};

constexpr Loss kLosses[] = {
    {"", Transform::kIdentity},
    {"RMSE", Transform::kIdentity},
    {"MAE", Transform::kIdentity},
    {"Quantile", Transform::kIdentity},
    {"GroupQuantile", Transform::kIdentity},
    {"MultiQuantile", Transform::kIdentity},
    {"MultiRMSE", Transform::kIdentity},
    {"MultiRMSEWithMissingValues", Transform::kIdentity},
    {"LogLinQuantile", Transform::kIdentity},
    {"Expectile", Transform::kIdentity},
    {"Lq", Transform::kIdentity},
    {"MAPE", Transform::kIdentity},
    {"Huber", Transform::kIdentity},
    {"LogCosh", Transform::kIdentity},
    {"Cox", Transform::kIdentity},
    {"SurvivalAft", Transform::kIdentity},
    {"QueryRMSE", Transform::kIdentity},
    {"QuerySoftMax", Transform::kIdentity},
    {"QueryCrossEntropy", Transform::kIdentity},
    {"PairLogit", Transform::kIdentity},
    {"PairLogitPairwise", Transform::kIdentity},
    {"YetiRank", Transform::kIdentity},
    {"YetiRankPairwise", Transform::kIdentity},
    {"LambdaMart", Transform::kIdentity},
    {"StochasticRank", Transform::kIdentity},
    {"StochasticFilter", Transform::kIdentity},
    {"Poisson", Transform::kExp},
    {"Tweedie", Transform::kExp},
    {"Logloss", Transform::kLogistic},
    {"CrossEntropy", Transform::kLogistic},
    {"Focal", Transform::kLogistic},
    {"MultiClass", Transform::kSoftmax},
    {"MultiClassOneVsAll", Transform::kOneVsAll},
    {"MultiLogloss", Transform::kMultilabel},
    {"MultiCrossEntropy", Transform::kMultilabel},
    {"RMSEWithUncertainty", Transform::kUncertainty},
};

const Loss* FindLoss(std::string_view name) {
  const auto* found = std::ranges::find(kLosses, name, &Loss::name);
  return found == std::end(kLosses) ? nullptr : found;
}

// One line for each thing, however many trees ask for it.
std::set<std::string> UnsupportedSplits(const Model& model) {
  std::set<std::string> out;
  for (const Node& node : model.nodes) {
    const Split& split = model.splits[node.split];
    switch (split.kind) {
      case Split::Kind::kNumber:
      case Split::Kind::kOneHot:
      case Split::Kind::kCounter:
        break;
      case Split::Kind::kEstimated:
        out.insert("text or embedding features");
        break;
    }
  }
  return out;
}

// Trees over the numbers and, behind them, what they ask of categories.
class TreeInput {
 public:
  TreeInput(GraphBuilder& graph, const Model& model, const Inputs& inputs)
      : graph_(graph), model_(model), categories_(graph, model, inputs) {
    if (!inputs.numbers.name.empty()) {
      columns_.push_back(graph.Cast(inputs.numbers, ElementType::kDouble));
    }
  }

  // NaN is below every border, or above it, and passes or fails the test `x <= border` accordingly.
  TreeEnsemble ToEnsemble() {
    TreeEnsemble out;
    out.type = ElementType::kDouble;
    out.targets = model_.dimension;
    out.values_per_leaf = model_.dimension;
    for (const Tree& tree : model_.trees) out.roots.push_back(tree.root);
    for (const Node& node : model_.nodes) {
      const Split& split = model_.splits[node.split];
      TreeEnsemble::Node& made = out.nodes.emplace_back();
      made.feature = ColumnOf(split);
      if (split.kind == Split::Kind::kOneHot) {
        made.test = TreeEnsemble::Test::kMember;
        made.members = static_cast<uint32_t>(out.member_sets.size());
        made.yes = node.yes;
        made.no = node.no;
        out.member_sets.push_back({split.value});
        continue;
      }
      const bool number = split.kind == Split::Kind::kNumber;
      made.missing_is_yes = !(number && model_.floats[split.feature].nan_is_above);
      made.split = split.border;
      made.yes = node.no;
      made.no = node.yes;
    }
    out.features = width();
    out.first_target.assign(model_.leaf_values.size() / model_.dimension, 0);
    out.values = model_.leaf_values;
    out.values.resize(out.first_target.size() * model_.dimension);
    return out;
  }

  // What the ensemble looks at, [batch, features].
  Value Rows() { return graph_.Concat(columns_); }

 private:
  uint32_t width() const { return static_cast<uint32_t>(model_.floats.size() + column_of_.size()); }

  uint32_t ColumnOf(const Split& split) {
    if (split.kind == Split::Kind::kNumber) return split.feature;
    const auto [found, is_new] = column_of_.try_emplace({split.kind, split.feature}, width());
    if (is_new) {
      const Value value = split.kind == Split::Kind::kOneHot ? categories_.Hash(split.feature)
                                                             : categories_.Count(split.feature);
      columns_.push_back(graph_.Cast(value, ElementType::kDouble));
    }
    return found->second;
  }

  GraphBuilder& graph_;
  const Model& model_;
  CategoryColumns categories_;
  std::vector<Value> columns_;
  std::map<std::pair<Split::Kind, uint32_t>, uint32_t> column_of_;
};

Value AddScaleAndBias(GraphBuilder& graph, Value sum, const Model& model) {
  if (model.scale != 1) {
    sum = graph.Node("Mul", {sum, graph.Scalar(ElementType::kDouble, model.scale)});
  }
  if (std::ranges::all_of(model.bias, [](double b) { return b == 0; })) return sum;
  const auto width = static_cast<int64_t>(model.bias.size());
  return graph.Node("Add", {sum, graph.Add(graph::DoubleConstant(model.bias, {width}), "bias")});
}

// Mean and variance; the second sum is the logarithm of the standard deviation.
Value AddUncertainty(GraphBuilder& graph, const Value& raw) {
  const int64_t mean[] = {0};
  const int64_t deviation[] = {1};
  const Value two = graph.Scalar(ElementType::kDouble, 2);
  const Value log_variance = graph.Node("Mul", {graph.Columns(raw, deviation), two});
  return graph.Concat({graph.Columns(raw, mean), graph.Node("Exp", {log_variance})});
}

Result<Answer> ToAnswer(GraphBuilder& graph, const Value& raw, const Model& model) {
  using Kind = Answer::Kind;
  const int64_t count = model.dimension;
  const Transform transform = FindLoss(model.loss)->transform;
  const auto expect = [&](bool right) -> Status {
    if (right) return base::OkStatus();
    return base::InvalidArgument(
        StrCat("the loss ", model.loss, " with ", model.dimension, " outputs"));
  };
  switch (transform) {
    case Transform::kIdentity:
      break;
    case Transform::kExp:
      return Answer{Kind::kPrediction, graph.Node("Exp", {raw}), count};
    case Transform::kLogistic:
      SLIPWAY_RETURN_IF_ERROR(expect(count == 1));
      return Answer{Kind::kBinary, Logistic(graph, raw), 1, model.threshold};
    case Transform::kSoftmax:
      return Answer{Kind::kMulticlass, graph.Node("Softmax", {raw}, {{"axis", int64_t{1}}}), count};
    case Transform::kOneVsAll:
      return Answer{Kind::kMulticlass, Logistic(graph, raw), count};
    case Transform::kMultilabel:
      return Answer{Kind::kMultilabel, Logistic(graph, raw), count};
    case Transform::kUncertainty:
      SLIPWAY_RETURN_IF_ERROR(expect(count == 2));
      return Answer{Kind::kPrediction, AddUncertainty(graph, raw), 2};
  }
  return Answer{Kind::kPrediction, raw, count};
}

}  // namespace

Status CheckSupported(const Model& model) {
  std::set<std::string> unsupported = UnsupportedSplits(model);
  if (FindLoss(model.loss) == nullptr) {
    unsupported.insert(StrCat("the loss '", base::Printable(model.loss), "'"));
  }
  if (unsupported.empty()) return base::OkStatus();
  std::string list;
  for (const std::string& item : unsupported) list += (list.empty() ? "" : "; ") + item;
  return base::Unimplemented(StrCat("not supported: ", list));
}

Result<Answer> AddModel(GraphBuilder& graph, const Inputs& inputs, const Model& model) {
  TreeInput input(graph, model, inputs);
  const TreeEnsemble ensemble = input.ToEnsemble();
  SLIPWAY_RETURN_IF_ERROR(graph::Validate(ensemble));
  const Value sum = graph::AddTreeEnsemble(graph, input.Rows(), ensemble);
  return ToAnswer(graph, AddScaleAndBias(graph, sum, model), model);
}

}  // namespace slipway::import::catboost
