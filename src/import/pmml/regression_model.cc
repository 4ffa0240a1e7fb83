#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/formulas.h"
#include "import/pmml/link.h"
#include "import/pmml/model.h"

namespace slipway::import::pmml {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

// The columns of a table's sum, and what they are multiplied by.
struct Terms {
  std::vector<Value> columns;
  std::vector<double> weights;
};

Result<Value> NumberOf(ModelScope& scope, const Element& at, std::string_view attribute) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, at.Need(attribute));
  SLIPWAY_ASSIGN_OR_RETURN(const Field* const field, scope.Use(at, name));
  if (field->type == DataType::kText) {
    return at.Error(StrCat("field '", base::Printable(name), "' is text, not a number"));
  }
  return field->value;
}

Result<Value> NumericTerm(ModelScope& scope, const Element& at) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(Value x, NumberOf(scope, at, "name"));
  SLIPWAY_ASSIGN_OR_RETURN(const double exponent, at.NumberOr("exponent", 1));
  if (exponent == 1) return x;
  const Value power = Binary(graph, "Pow", x, Number(graph, exponent));
  return Where(graph, IsMissing(graph, x), x, power);  // a missing value to the 0 is missing
}

Result<Value> CategoricalTerm(ModelScope& scope, const Element& at) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, at.Need("name"));
  SLIPWAY_ASSIGN_OR_RETURN(const Field* const field, scope.Use(at, name));
  SLIPWAY_ASSIGN_OR_RETURN(const std::string text, at.Need("value"));
  SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(scope.all(), at, field->type, text));
  return graph.Cast(Compare(graph, "Equal", field->value, Number(graph, value)),
                    ElementType::kDouble);
}

Result<Value> ProductTerm(ModelScope& scope, const Element& at) {
  Value out;
  for (const Element& factor : at.Children("FieldRef")) {
    SLIPWAY_ASSIGN_OR_RETURN(const Value x, NumberOf(scope, factor, "field"));
    out = out.name.empty() ? x : Binary(scope.graph(), "Mul", out, x);
  }
  if (out.name.empty()) return at.Error("a term without fields");
  return out;
}

Result<Terms> ReadTerms(ModelScope& scope, const Element& table) {
  Terms out;
  for (const Element& child : table.Children()) {
    Value column;
    if (child.name() == "NumericPredictor") {
      SLIPWAY_ASSIGN_OR_RETURN(column, NumericTerm(scope, child));
    } else if (child.name() == "CategoricalPredictor") {
      SLIPWAY_ASSIGN_OR_RETURN(column, CategoricalTerm(scope, child));
    } else if (child.name() == "PredictorTerm") {
      SLIPWAY_ASSIGN_OR_RETURN(column, ProductTerm(scope, child));
    } else {
      return Conversion::Unsupported(child, "this element");
    }
    SLIPWAY_ASSIGN_OR_RETURN(const double weight, child.Number("coefficient"));
    out.columns.push_back(std::move(column));
    out.weights.push_back(weight);
  }
  return out;
}

// The sum of a RegressionTable; in floats where the model asks for it.
Result<Value> TableSum(ModelScope& scope, const Element& table, bool as_float) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const double intercept, table.Number("intercept"));
  SLIPWAY_ASSIGN_OR_RETURN(const Terms terms, ReadTerms(scope, table));
  Value sum = scope.all().zeros;
  if (!terms.columns.empty()) {
    Value rows = graph.Concat(terms.columns);
    sum = Product(graph, rows, terms.weights, 1);
  }
  if (as_float) sum = ToFloat(graph, sum);
  sum = Binary(graph, "Add", sum, Number(graph, intercept));
  return as_float ? ToFloat(graph, sum) : sum;
}

Value Difference(GraphBuilder& graph, const Value& a, const Value& b) {
  return Binary(graph, "Sub", a, b);
}

// Cumulative probabilities of ordered categories, and what lies between them.
Value FromCumulative(GraphBuilder& graph, std::span<const Value> cumulative) {
  std::vector<Value> out = {cumulative.front()};
  for (size_t i = 1; i < cumulative.size(); ++i) {
    out.push_back(Difference(graph, cumulative[i], cumulative[i - 1]));
  }
  out.push_back(Difference(graph, Number(graph, 1), cumulative.back()));
  return graph.Concat(std::move(out));
}

Value Clamped(GraphBuilder& graph, const Value& x) {
  const Value zero = Number(graph, 0);
  const Value one = Number(graph, 1);
  const Value low = Where(graph, Compare(graph, "Less", x, zero), zero, x);
  return Where(graph, Compare(graph, "Greater", low, one), one, low);
}

// Probabilities of the categories; nothing where the normalization is invalid for that many.
Value Normalized(GraphBuilder& graph, const std::string& method, bool ordinal, bool second_is_empty,
                 std::vector<Value> sums) {
  const Value one = Number(graph, 1);
  if (ordinal) {
    if (method == "softmax" || method == "simplemax" || method == "exp") return {};
    sums.pop_back();
    for (Value& sum : sums) sum = InverseLink(graph, method, sum);
    return FromCumulative(graph, sums);
  }
  if (method == "softmax" && !(sums.size() == 2 && second_is_empty)) {
    return Softmax(graph, graph.Concat(sums));
  }
  if (method == "simplemax") return DividedBySum(graph, graph.Concat(sums));
  if (sums.size() == 2) {
    if (method == "exp") return {};
    const Value first = method == "none"
                            ? Clamped(graph, sums[0])
                            : InverseLink(graph, method == "softmax" ? "logit" : method, sums[0]);
    return graph.Concat({first, Difference(graph, one, first)});
  }
  if (method == "none") {
    sums.pop_back();
    const Value others = Sum(graph, graph.Concat(sums));
    sums.push_back(Difference(graph, one, others));
    return graph.Concat(sums);
  }
  if (method != "logit") return {};
  for (Value& sum : sums) sum = InverseLink(graph, method, sum);
  return DividedBySum(graph, graph.Concat(sums));
}

bool IsEmptyTable(const Element& table) {
  return table.Children().empty() && ParseXmlNumber(table.Or("intercept", "")) == 0.0;
}

Result<ModelAnswer> ClassifyTables(ModelScope& scope, const Element& model,
                                   std::span<const Element> tables, const std::string& method,
                                   std::span<const Value> sums) {
  if (tables.size() < 2) return model.Error("a classification with one RegressionTable");
  std::vector<std::string> classes;
  for (const Element& table : tables) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, table.Need("targetCategory"));
    if (ClassPosition(classes, name) + 1 != classes.size() ||
        classes.size() != static_cast<size_t>(&table - tables.data()) + 1) {
      return table.Error("the second table of its targetCategory");
    }
  }
  const auto target = scope.all().data_fields.find(TargetName(model));
  const bool ordinal =
      target != scope.all().data_fields.end() && target->second.Or("optype", "") == "ordinal";
  const Value probabilities =
      Normalized(scope.graph(), method, ordinal, IsEmptyTable(tables.back()),
                 std::vector<Value>(sums.begin(), sums.end()));
  if (probabilities.name.empty()) {
    return model.Error(StrCat("normalizationMethod='", method, "' is invalid for ", tables.size(),
                              ordinal ? " ordinal" : "", " categories"));
  }
  return ByProbability(scope, std::move(classes), probabilities);
}

}  // namespace

Result<ModelAnswer> MakeRegression(ModelScope& scope, const Element& model) {
  static constexpr std::string_view kMethods[] = {"none", "simplemax", "softmax", "logit",
                                                  "exp",  "cloglog",   "loglog",  "cauchit"};
  SLIPWAY_ASSIGN_OR_RETURN(const size_t choice, model.Choice("normalizationMethod", kMethods));
  const std::string method(kMethods[choice]);
  SLIPWAY_ASSIGN_OR_RETURN(const bool classifies, Classifies(model));
  const bool as_float = model.Or("x-mathContext", "double") == "float";
  const auto tables = model.Children("RegressionTable");
  if (tables.empty()) return model.Error("expected a RegressionTable");
  std::vector<Value> sums;
  for (const Element& table : tables) {
    SLIPWAY_ASSIGN_OR_RETURN(Value sum, TableSum(scope, table, as_float));
    // In floats, e is the float next to it.
    if (as_float && method != "none" && method != "cauchit") {
      static const double kFloatE = std::log(static_cast<double>(std::numbers::e_v<float>));
      sum = Binary(scope.graph(), "Mul", sum, Number(scope.graph(), kFloatE));
    }
    sums.push_back(std::move(sum));
  }
  if (classifies) return ClassifyTables(scope, model, tables, method, sums);
  if (tables.size() > 1) return model.Error("a regression with more than one RegressionTable");
  if (method == "simplemax") return model.Error("a regression with simplemax");
  return ModelAnswer{
      .value = InverseLink(scope.graph(), method == "softmax" ? "logit" : method, sums[0])};
}

}  // namespace slipway::import::pmml
