#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/combined.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"
#include "import/sklearn/tree_builder.h"

// Single trees, and forests, whose answer is the mean over their trees. Source: scikit-learn 1.9,
// sklearn/tree/_classes.py, sklearn/ensemble/_forest.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::TreeEnsemble;
using graph::Value;

// The trees of a forest, or a single tree as a forest of one.
Result<std::vector<Record>> TreesOf(const Record& record) {
  if (record.Has("tree_")) return std::vector<Record>{record};
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<pickle::Value> values, record.List("estimators_"));
  if (values.empty()) return record.Damaged("estimators_: a forest without trees");
  std::vector<Record> trees;
  for (size_t i = 0; i < values.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(
        Record tree,
        Record::From(values[i], record.PlaceOf(StrCat("estimators_[", i, "]")), record.budget()));
    trees.push_back(std::move(tree));
  }
  return trees;
}

// The numbers of a leaf as shares of the classes, output by output. Versions up to 1.3 keep how
// many samples of each class came to it, later ones their shares; the root and its child tell
// which, as shares make 1 and weights of samples, which may make 1 too, get less on the way.
TreeBuilder::LeafValues Shares(const TreeArrays& tree) {
  const auto count = static_cast<size_t>(tree.classes);
  const auto row = [&tree](size_t node) { return tree.values.row(static_cast<int64_t>(node)); };
  const auto sum = [](std::span<const double> values) {
    double total = 0;
    for (const double value : values) total += value;
    return total;
  };
  const size_t child = std::min<size_t>(1, tree.size() - 1);
  const bool are_shares = std::abs(sum(row(0).first(count)) - 1) < 1e-9 &&
                          std::abs(sum(row(child).first(count)) - 1) < 1e-9;
  return [row, sum, are_shares, count](size_t node, std::vector<double>& out) {
    const std::span<const double> values = row(node);
    for (size_t first = 0; first + count <= values.size(); first += count) {
      const std::span<const double> of_output = values.subspan(first, count);
      const double total = are_shares ? 1 : sum(of_output);
      for (const double value : of_output) out.push_back(total == 0 ? value : value / total);
    }
  };
}

base::Status CheckTree(const Record& record, const TreeArrays& tree, int64_t features,
                       int64_t outputs, int64_t classes) {
  if (tree.features == features && tree.outputs == outputs && tree.classes == classes) {
    return base::OkStatus();
  }
  return record.Damaged(StrCat("a tree of ", tree.features, " columns, ", tree.outputs,
                               " outputs and ", tree.classes, " classes: expected ", features, ", ",
                               outputs, " and ", classes));
}

// The mean over the trees, [batch, targets].
Result<Value> Mean(Scope& scope, const Record& record, const Frame& input, int64_t outputs,
                   int64_t classes) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, FittedMatrix(scope, record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Record> trees, TreesOf(record));
  const int64_t targets = outputs * classes;
  TreeBuilder builder(input.width(), targets);
  builder.ensemble.aggregate = TreeEnsemble::Aggregate::kMean;
  builder.ensemble.values_per_leaf = static_cast<uint32_t>(targets);
  for (const Record& record_of_tree : trees) {
    SLIPWAY_ASSIGN_OR_RETURN(const TreeArrays tree, ReadTree(record_of_tree));
    SLIPWAY_RETURN_IF_ERROR(CheckTree(record_of_tree, tree, input.width(), outputs, classes));
    if (classes > 1) {
      builder.Add(tree, 0, Shares(tree));
      continue;
    }
    builder.Add(tree, 0, [&tree](size_t node, std::vector<double>& out) {
      const std::span<const double> values = tree.values.row(static_cast<int64_t>(node));
      out.insert(out.end(), values.begin(), values.end());
    });
  }
  scope.Describe(StrCat(trees.size(), trees.size() == 1 ? " tree, " : " trees, ",
                        builder.ensemble.nodes.size(), " inner nodes"));
  return builder.Finish(scope, record, AsFloat32(scope, x));
}

// A list of labels for each output; trees have room for the most labels of any.
Result<Answer> ConvertSeveral(Scope& scope, const Record& record, const Frame& input,
                              int64_t outputs) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto lists, record.List("classes_"));
  if (lists.empty() || static_cast<int64_t>(lists.size()) != outputs) {
    return record.Damaged(StrCat("classes_: of ", lists.size(), " outputs, expected ", outputs));
  }
  Several several;
  int64_t most = 0;
  for (const pickle::Value& list : lists) {
    SLIPWAY_ASSIGN_OR_RETURN(Labels labels, Labels::Read(record, "classes_", list));
    most = std::max(most, labels.size());
    several.labels.push_back(std::move(labels));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value all, Mean(scope, record, input, outputs, most));
  std::vector<Value> codes;
  for (int64_t i = 0; i < outputs; ++i) {
    std::vector<int64_t> columns(
        static_cast<size_t>(several.labels[static_cast<size_t>(i)].size()));
    std::iota(columns.begin(), columns.end(), i * most);
    several.each.push_back(scope.graph.Columns(all, columns));
    codes.push_back(ColumnOf(scope.graph, FirstMaximum(scope.graph, several.each.back())));
  }
  several.codes = scope.graph.Concat(std::move(codes));
  Answer answer;
  answer.several = std::move(several);
  return answer;
}

Result<Answer> ConvertClassifier(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t outputs, record.IntegerOr("n_outputs_", 1));
  if (outputs != 1) return ConvertSeveral(scope, record, input, outputs);
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.labels, Labels::Read(record, "classes_"));
  SLIPWAY_ASSIGN_OR_RETURN(answer.probabilities, Mean(scope, record, input, 1, answer.classes()));
  answer.code = FirstMaximum(scope.graph, answer.probabilities);
  return answer;
}

Result<Answer> ConvertRegressor(Scope& scope, const Record& record, const Frame& input) {
  Answer answer;
  SLIPWAY_ASSIGN_OR_RETURN(answer.targets, record.IntegerOr("n_outputs_", 1));
  if (answer.targets < 1 || answer.targets > 1'000'000) return record.Damaged("n_outputs_");
  SLIPWAY_ASSIGN_OR_RETURN(answer.prediction, Mean(scope, record, input, answer.targets, 1));
  return answer;
}

constexpr std::string_view kTree = "sklearn.tree";
constexpr std::string_view kEnsemble = "sklearn.ensemble";

constexpr Estimator kEstimators[] = {
    {kTree, "DecisionTreeClassifier", ConvertClassifier},
    {kTree, "DecisionTreeRegressor", ConvertRegressor},
    {kTree, "ExtraTreeClassifier", ConvertClassifier},
    {kTree, "ExtraTreeRegressor", ConvertRegressor},
    {kEnsemble, "RandomForestClassifier", ConvertClassifier},
    {kEnsemble, "RandomForestRegressor", ConvertRegressor},
    {kEnsemble, "ExtraTreesClassifier", ConvertClassifier},
    {kEnsemble, "ExtraTreesRegressor", ConvertRegressor},
};

}  // namespace

std::span<const Estimator> ForestEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
