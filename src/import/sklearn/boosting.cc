#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"
#include "import/sklearn/tree_builder.h"

// Gradient boosting: a start, and trees that are added to it. Source: scikit-learn 1.9,
// sklearn/ensemble/_gb.py, sklearn/ensemble/_hist_gradient_boosting/gradient_boosting.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::Status;
using base::StrCat;
using graph::Value;

// ---- GradientBoosting

double Logit(double p) {
  constexpr double kSmallest = std::numeric_limits<float>::epsilon();
  p = std::clamp(p, kSmallest, 1 - kSmallest);
  return std::log(p / (1 - p));
}

// What the sums start from, one number for each column of them. Of several classes, the logarithms
// of their shares, less their mean: what a softmax makes of them is the same in every version.
Result<std::vector<double>> Start(Scope& scope, const Record& record, int64_t columns,
                                  bool exponential) {
  std::vector<double> start(static_cast<size_t>(columns), 0.0);
  if (record.Is("init_", "zero") || record.Is("init", "zero")) return start;
  SLIPWAY_ASSIGN_OR_RETURN(const Record init, record.Child("init_"));
  if (init.name() == "DummyRegressor") {
    SLIPWAY_ASSIGN_OR_RETURN(const Reals constant, init.Numbers("constant_"));
    if (constant.values.size() != 1 || columns != 1) return init.Damaged("constant_: expected one");
    start[0] = constant.values[0];
    return start;
  }
  if (init.name() != "DummyClassifier") {
    return scope.Unsupported(record, StrCat("init with ", init.name(), " is not supported"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Reals prior, init.Numbers("class_prior_"));
  const auto classes = static_cast<int64_t>(prior.values.size());
  if (classes != (columns == 1 ? 2 : columns)) return init.Damaged("class_prior_: other classes");
  if (columns == 1) {
    start[0] = Logit(prior.values[1]) * (exponential ? 0.5 : 1);
    return start;
  }
  constexpr double kSmallest = std::numeric_limits<float>::epsilon();
  double mean = 0;
  for (size_t k = 0; k < start.size(); ++k) {
    start[k] = std::log(std::clamp(prior.values[k], kSmallest, 1 - kSmallest));
    mean += start[k] / static_cast<double>(columns);
  }
  for (double& value : start) value -= mean;
  return start;
}

struct Boosted {
  Value raw;  // [batch, columns]
  int64_t columns = 1;
};

Result<Boosted> SumOfTrees(Scope& scope, const Record& record, const Frame& input,
                           bool exponential) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const double rate, record.Number("learning_rate"));
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array trees, record.Array("estimators_"));
  if (trees.type.kind != 'O' || trees.shape.size() != 2 || trees.count == 0) {
    return record.Damaged("estimators_: expected an array of trees");
  }
  Boosted out;
  out.columns = trees.shape[1];
  TreeBuilder builder(input.width(), out.columns);
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<double> start,
                           Start(scope, record, out.columns, exponential));
  for (size_t k = 0; k < start.size(); ++k) {
    builder.AddConstant(static_cast<int64_t>(k), std::span(&start[k], 1));
  }
  for (size_t i = 0; i < trees.objects.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(
        const Record record_of_tree,
        Record::From(trees.objects[i], record.PlaceOf(StrCat("estimators_[", i, "]")),
                     record.budget()));
    SLIPWAY_ASSIGN_OR_RETURN(const TreeArrays tree, ReadTree(record_of_tree));
    if (tree.features != input.width() || tree.outputs != 1 || tree.classes != 1) {
      return record_of_tree.Damaged("a tree of other columns or outputs");
    }
    builder.Add(tree, static_cast<int64_t>(i) % out.columns,
                [&tree, rate](size_t node, std::vector<double>& leaf) {
                  leaf.push_back(rate * tree.values.values[node]);
                });
  }
  scope.Describe(StrCat(trees.count, " trees"));
  SLIPWAY_ASSIGN_OR_RETURN(out.raw, builder.Finish(scope, record, AsFloat32(scope, x)));
  return out;
}

// 1 where raw >= 0, as int64 [batch].
Value NotNegative(Scope& scope, const Value& raw) {
  graph::GraphBuilder& graph = scope.graph;
  const Value yes =
      graph.Node("GreaterOrEqual", {raw, Constant(graph, 0)}, {}, graph::ElementType::kBool);
  return Flat(graph, graph.Cast(yes, graph::ElementType::kInt64));
}

// Probabilities and labels of sums: [batch, 1] for two classes, else [batch, classes].
void Classify(Scope& scope, const Value& raw, int64_t columns, double scale, Answer& answer) {
  graph::GraphBuilder& graph = scope.graph;
  answer.decision = raw;
  if (columns == 1) {
    const Value z = scale == 1 ? raw : graph.Node("Mul", {Constant(graph, scale), raw});
    answer.probabilities = WithComplement(graph, Expit(graph, z));
    answer.code = NotNegative(scope, raw);
  } else {
    answer.probabilities = Softmax(graph, raw);
    answer.code = FirstMaximum(graph, raw);
  }
}

Result<Answer> ConvertBoostedClassifier(Scope& scope, const Record& record, const Frame& input) {
  const bool exponential = record.Is("loss", "exponential");
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(record, "classes_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Boosted boosted, SumOfTrees(scope, record, input, exponential));
  const int64_t count = answer.classes();
  if (boosted.columns != (count == 2 ? 1 : count)) {
    return record.Damaged(
        StrCat("estimators_: ", boosted.columns, " columns of trees for ", count, " classes"));
  }
  Classify(scope, boosted.raw, boosted.columns, exponential ? 2 : 1, answer);
  // Until 1.3 the label was the first maximum of the probabilities.
  const bool old_loss = !record.Has("_loss") || record.Has("loss_");
  if (count == 2 && old_loss) answer.code = FirstMaximum(scope.graph, answer.probabilities);
  return answer;
}

Result<Answer> ConvertBoostedRegressor(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Boosted boosted, SumOfTrees(scope, record, input, false));
  if (boosted.columns != 1) return record.Damaged("estimators_: expected one column of trees");
  Answer answer;
  answer.prediction = boosted.raw;
  return answer;
}

// ---- HistGradientBoosting

Result<std::vector<int64_t>> Field(const Record& record, const pickle::Array& nodes,
                                   std::string_view name) {
  const auto field = pickle::FieldOf(nodes, name);
  if (!field) return record.Damaged(StrCat("nodes: has no field '", name, "'"));
  auto values = pickle::ToIntegers(*field);
  return values.ok() ? std::move(values) : record.At("nodes", values.status());
}

// A tree of HistGradientBoosting. Values include the learning rate.
struct Predictor {
  TreeArrays tree;  // `left` is -1 in a leaf, as in sklearn.tree
  std::vector<double> values;
  std::vector<int64_t> categorical;
  std::vector<int64_t> bitset;  // row of `bitsets`, for a categorical node
  Reals bitsets;                // [sets, 8]: 256 bits each; those that are set go left
};

Result<Predictor> ReadPredictor(const Record& record, int64_t features) {
  Predictor out;
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array nodes, record.Array("nodes"));
  SLIPWAY_ASSIGN_OR_RETURN(out.tree.left, Field(record, nodes, "left"));
  SLIPWAY_ASSIGN_OR_RETURN(out.tree.right, Field(record, nodes, "right"));
  SLIPWAY_ASSIGN_OR_RETURN(out.tree.feature, Field(record, nodes, "feature_idx"));
  SLIPWAY_ASSIGN_OR_RETURN(out.tree.missing_left, Field(record, nodes, "missing_go_to_left"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> leaf, Field(record, nodes, "is_leaf"));
  if (pickle::FieldOf(nodes, "is_categorical")) {
    SLIPWAY_ASSIGN_OR_RETURN(out.categorical, Field(record, nodes, "is_categorical"));
    SLIPWAY_ASSIGN_OR_RETURN(out.bitset, Field(record, nodes, "bitset_idx"));
    SLIPWAY_ASSIGN_OR_RETURN(out.bitsets, record.Numbers("raw_left_cat_bitsets"));
  }
  const std::string_view old_name = "threshold";
  auto threshold = pickle::FieldOf(nodes, "num_threshold");
  if (!threshold) threshold = pickle::FieldOf(nodes, old_name);
  const auto value = pickle::FieldOf(nodes, "value");
  if (!threshold || !value) return record.Damaged("nodes: has no thresholds or values");
  SLIPWAY_ASSIGN_OR_RETURN(out.tree.threshold, pickle::ToDoubles(*threshold));
  SLIPWAY_ASSIGN_OR_RETURN(out.values, pickle::ToDoubles(*value));
  if (out.values.empty()) return record.Damaged("nodes: a tree without nodes");
  out.tree.features = features;
  const auto count = static_cast<int64_t>(leaf.size());
  for (size_t i = 0; i < leaf.size(); ++i) {
    if (leaf[i] != 0) {
      out.tree.left[i] = -1;
      continue;
    }
    for (const int64_t child : {out.tree.left[i], out.tree.right[i]}) {
      if (child <= static_cast<int64_t>(i) || child >= count) {
        return record.Damaged(StrCat("node ", i, " of ", count, " has the child ", child));
      }
    }
    if (out.tree.feature[i] < 0 || out.tree.feature[i] >= features) {
      return record.Damaged(StrCat("node ", i, " compares column ", out.tree.feature[i]));
    }
  }
  return out;
}

// The categories that go left at a node: the bits of its set.
Result<std::vector<int64_t>> LeftCategories(const Record& record, const Predictor& predictor,
                                            size_t node) {
  const int64_t set = predictor.bitset[node];
  if (predictor.bitsets.shape.size() != 2 || predictor.bitsets.columns() != 8 || set < 0 ||
      set >= predictor.bitsets.rows()) {
    return record.Damaged(StrCat("node ", node, " has no set of categories"));
  }
  std::vector<int64_t> members;
  const std::span<const double> words = predictor.bitsets.row(set);
  for (int64_t bit = 0; bit < 256; ++bit) {
    const auto word = static_cast<uint32_t>(words[static_cast<size_t>(bit / 32)]);
    if (((word >> (bit % 32)) & 1U) != 0) members.push_back(bit);
  }
  return members;
}

Status AddPredictor(const Record& record, int64_t features, int64_t target, TreeBuilder& builder) {
  SLIPWAY_ASSIGN_OR_RETURN(const Predictor predictor, ReadPredictor(record, features));
  size_t at = builder.ensemble.nodes.size();
  builder.Add(predictor.tree, target, [&predictor](size_t node, std::vector<double>& out) {
    out.push_back(predictor.values[node]);
  });
  for (size_t i = 0; i < predictor.tree.size(); ++i) {
    if (predictor.tree.left[i] == -1) continue;
    graph::TreeEnsemble::Node& node = builder.ensemble.nodes[at++];
    if (predictor.categorical.empty() || predictor.categorical[i] == 0) continue;
    SLIPWAY_ASSIGN_OR_RETURN(std::vector<int64_t> members, LeftCategories(record, predictor, i));
    node.test = graph::TreeEnsemble::Test::kMember;
    node.split = 0;
    node.members = static_cast<uint32_t>(builder.ensemble.member_sets.size());
    builder.ensemble.member_sets.push_back(std::move(members));
  }
  return base::OkStatus();
}

// Since 1.4 categories are encoded, and their columns moved to the front, before the trees.
Result<Frame> Preprocessed(Scope& scope, const Record& record, const Frame& input) {
  if (!record.Has("_preprocessor")) {
    if (record.Has("is_categorical_")) {
      return scope.Unsupported(record, "categories in a file of scikit-learn before 1.4");
    }
    return input;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* preprocessor, record.Get("_preprocessor"));
  SLIPWAY_ASSIGN_OR_RETURN(Answer answer,
                           Convert(scope, *preprocessor, record.PlaceOf("_preprocessor"), input));
  if (!answer.output) return record.Damaged("_preprocessor: is no transformer");
  return *std::move(answer.output);
}

Result<Boosted> SumOfPredictors(Scope& scope, const Record& record, const Frame& given) {
  SLIPWAY_ASSIGN_OR_RETURN(const Frame input, Preprocessed(scope, record, given));
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, scope.Matrix(record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<pickle::Value> rounds, record.List("_predictors"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals baseline, record.Numbers("_baseline_prediction"));
  Boosted out;
  out.columns = static_cast<int64_t>(baseline.values.size());
  TreeBuilder builder(input.width(), out.columns);
  for (size_t k = 0; k < baseline.values.size(); ++k) {
    builder.AddConstant(static_cast<int64_t>(k), std::span(&baseline.values[k], 1));
  }
  for (size_t i = 0; i < rounds.size(); ++i) {
    const bool list = rounds[i].Is(pickle::Value::Kind::kList);
    if (!list || static_cast<int64_t>(rounds[i].node().items.size()) != out.columns) {
      return record.Damaged(StrCat("_predictors[", i, "]: expected ", out.columns, " trees"));
    }
    for (int64_t k = 0; k < out.columns; ++k) {
      SLIPWAY_ASSIGN_OR_RETURN(
          const Record tree,
          Record::From(rounds[i].node().items[static_cast<size_t>(k)],
                       record.PlaceOf(StrCat("_predictors[", i, "][", k, "]")), record.budget()));
      SLIPWAY_RETURN_IF_ERROR(AddPredictor(tree, input.width(), k, builder));
    }
  }
  scope.Describe(
      StrCat(rounds.size(), " rounds of ", out.columns, out.columns == 1 ? " tree" : " trees"));
  SLIPWAY_ASSIGN_OR_RETURN(out.raw, builder.Finish(scope, record, x));
  return out;
}

Result<Answer> ConvertHistClassifier(Scope& scope, const Record& record, const Frame& input) {
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(record, "classes_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Boosted boosted, SumOfPredictors(scope, record, input));
  const int64_t count = answer.classes();
  if (boosted.columns != (count == 2 ? 1 : count)) {
    return record.Damaged(
        StrCat("_baseline_prediction: ", boosted.columns, " columns for ", count, " classes"));
  }
  Classify(scope, boosted.raw, boosted.columns, 1, answer);
  answer.code = FirstMaximum(scope.graph, answer.probabilities);
  return answer;
}

Result<Answer> ConvertHistRegressor(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const Boosted boosted, SumOfPredictors(scope, record, input));
  if (boosted.columns != 1) return record.Damaged("_baseline_prediction: expected one number");
  Answer answer;
  const std::string loss = record.TextOr("loss", "squared_error");
  const bool log_link = loss == "poisson" || loss == "gamma";
  answer.prediction = log_link ? scope.graph.Node("Exp", {boosted.raw}) : boosted.raw;
  return answer;
}

constexpr std::string_view kEnsemble = "sklearn.ensemble";

constexpr Estimator kEstimators[] = {
    {kEnsemble, "GradientBoostingClassifier", ConvertBoostedClassifier},
    {kEnsemble, "GradientBoostingRegressor", ConvertBoostedRegressor},
    {kEnsemble, "HistGradientBoostingClassifier", ConvertHistClassifier},
    {kEnsemble, "HistGradientBoostingRegressor", ConvertHistRegressor},
};

}  // namespace

std::span<const Estimator> BoostingEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
