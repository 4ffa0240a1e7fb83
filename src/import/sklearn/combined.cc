#include "import/sklearn/combined.h"

#include <array>
#include <utility>

#include "base/str_cat.h"
#include "import/sklearn/categories.h"
#include "import/sklearn/formulas.h"

namespace slipway::import::sklearn {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

Result<std::vector<Answer>> ConvertAll(Scope& scope, const Record& record,
                                       std::string_view attribute, const Frame& input,
                                       std::string_view features) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<pickle::Value> items, record.List(attribute));
  std::vector<pickle::Value> subsets;
  if (!features.empty() && record.Has(features)) {
    SLIPWAY_ASSIGN_OR_RETURN(subsets, record.List(features));
    if (subsets.size() != items.size()) {
      return record.Damaged(StrCat(features, ": not one for each estimator"));
    }
  }
  if (items.empty()) return record.Damaged(StrCat(attribute, ": no estimators"));
  std::vector<Answer> answers;
  base::Status problem;
  for (size_t i = 0; i < items.size(); ++i) {
    Frame columns = input;
    if (!subsets.empty()) {
      SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array array, pickle::ReadArray(subsets[i]));
      SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> indices, pickle::ToIntegers(array));
      SLIPWAY_ASSIGN_OR_RETURN(columns, scope.Select(record, input, indices));
    }
    auto answer = Convert(scope, items[i], record.PlaceOf(StrCat(attribute, "[", i, "]")), columns);
    if (answer.ok()) {
      answers.push_back(*std::move(answer));
      continue;
    }
    SLIPWAY_RETURN_IF_ERROR(Scope::Recover(answer.status()));
    if (problem.ok()) problem = answer.status();
  }
  if (!problem.ok()) return problem;
  return answers;
}

Value Average(GraphBuilder& graph, const std::vector<Value>& values,
              const std::vector<double>& weights) {
  Value sum;
  double total = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double weight = weights.empty() ? 1 : weights[i];
    total += weight;
    const Value one =
        weights.empty() ? values[i] : graph.Node("Mul", {values[i], Constant(graph, weight)});
    sum = i == 0 ? one : graph.Node("Add", {sum, one});
  }
  return graph.Node("Div", {sum, Constant(graph, total)});
}

Value ColumnOf(GraphBuilder& graph, const Value& code) {
  constexpr std::array<int64_t, 2> kColumn = {-1, 1};
  const Value shape = graph.Add(graph::Int64Constant(kColumn, {2}), "shape");
  return graph.Node("Reshape", {code, shape});
}

Value Votes(Scope& scope, const Value& code, int64_t labels) {
  return OneHot(scope, ColumnOf(scope.graph, code), labels);
}

Result<Several> ManyLabels(Scope& scope, const Record& binarizer, const Value& scores,
                           int64_t count, double threshold) {
  SLIPWAY_ASSIGN_OR_RETURN(const Labels names, Labels::Read(binarizer, "classes_"));
  if (names.size() != count) {
    return binarizer.Damaged(StrCat("classes_: ", names.size(), " labels for ", count, " scores"));
  }
  Labels zero_and_one;
  zero_and_one.integers = {0, 1};
  Several several;
  several.labels.assign(static_cast<size_t>(count), zero_and_one);
  several.names = names.Names();
  const Value above = scope.graph.Node("Greater", {scores, Constant(scope.graph, threshold)}, {},
                                       graph::ElementType::kBool);
  several.codes = scope.graph.Cast(above, graph::ElementType::kInt64);
  return several;
}

}  // namespace slipway::import::sklearn
