#include "import/sklearn/categories.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/sklearn/formulas.h"

namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;
using Kind = pickle::Value::Kind;

bool IsMissing(const pickle::Value& value) {
  if (value.Is(Kind::kNone)) return true;
  const auto number = pickle::ReadNumber(value);
  return number.ok() && std::isnan(*number);
}

// Categories of objects: texts or numbers, and None or NaN behind them.
Result<Categories> ReadObjects(const pickle::Array& array) {
  Categories out;
  out.text = std::ranges::any_of(
      array.objects, [](const pickle::Value& value) { return pickle::ReadText(value).ok(); });
  for (const pickle::Value& value : array.objects) {
    const bool missing = IsMissing(value);
    if (missing && !out.missing) out.missing = out.size();
    if (out.text) {
      std::string text;
      if (!missing) {
        SLIPWAY_ASSIGN_OR_RETURN(text, pickle::ReadText(value));
      }
      out.texts.push_back(std::move(text));
    } else {
      double number = std::numeric_limits<double>::quiet_NaN();
      if (!missing) {
        SLIPWAY_ASSIGN_OR_RETURN(number, pickle::ReadNumber(value));
      }
      out.numbers.push_back(number);
    }
  }
  return out;
}

Result<Categories> ReadColumn(const pickle::Value& value) {
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array array, pickle::ReadArray(value));
  if (array.type.kind == 'O') return ReadObjects(array);
  Categories out;
  out.text = array.type.kind == 'U' || array.type.kind == 'S';
  if (out.text) {
    SLIPWAY_ASSIGN_OR_RETURN(out.texts, pickle::ToTexts(array));
    return out;
  }
  SLIPWAY_ASSIGN_OR_RETURN(out.numbers, pickle::ToDoubles(array));
  const auto nan = std::ranges::find_if(out.numbers, [](double x) { return std::isnan(x); });
  if (nan != out.numbers.end()) out.missing = static_cast<size_t>(nan - out.numbers.begin());
  return out;
}

Value LookUpText(GraphBuilder& graph, const Value& column, const Categories& categories,
                 std::span<const int64_t> values, int64_t otherwise) {
  std::vector<std::string> keys;
  std::vector<int64_t> results;
  bool has_empty = false;
  for (size_t i = 0; i < categories.size(); ++i) {
    if (categories.missing && i >= *categories.missing && categories.texts[i].empty()) continue;
    has_empty = has_empty || categories.texts[i].empty();
    keys.push_back(categories.texts[i]);
    results.push_back(values[i]);
  }
  if (categories.missing && !has_empty) {
    keys.emplace_back();
    results.push_back(values[*categories.missing]);
  }
  return graph.Node("LabelEncoder", {column},
                    {{"keys_strings", std::move(keys)},
                     {"values_int64s", std::move(results)},
                     {"default_int64", otherwise}},
                    ElementType::kInt64, GraphBuilder::kMlDomain);
}

// Compares with every category: at most one is equal, so that a sum of differences picks its value.
Value LookUpNumber(GraphBuilder& graph, const Value& column, const Categories& categories,
                   std::span<const int64_t> values, int64_t otherwise) {
  std::vector<double> keys;
  std::vector<double> steps;
  for (size_t i = 0; i < categories.size(); ++i) {
    if (std::isnan(categories.numbers[i])) continue;
    keys.push_back(categories.numbers[i]);
    steps.push_back(static_cast<double>(values[i] - otherwise));
  }
  Value sum = Constant(graph, static_cast<double>(otherwise));
  if (!keys.empty()) {
    const Value equal =
        graph.Node("Equal", {column, RowConstant(graph, keys)}, {}, ElementType::kBool);
    const Value picked =
        graph.Node("Mul", {graph.Cast(equal, ElementType::kDouble), RowConstant(graph, steps)});
    sum = graph.Node("Add", {SumOfRows(graph, picked), sum});
  }
  if (categories.missing) {
    const Value nan = graph.Node("IsNaN", {column}, {}, ElementType::kBool);
    const double value = static_cast<double>(values[*categories.missing]);
    sum = graph.Node("Where", {nan, Constant(graph, value), sum}, {}, ElementType::kDouble);
  }
  return graph.Cast(sum, ElementType::kInt64);
}

}  // namespace

Result<std::vector<Categories>> ReadCategories(const Record& record, int64_t width) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<pickle::Value> columns, record.List("categories_"));
  if (static_cast<int64_t>(columns.size()) != width) {
    return record.Damaged(StrCat("categories_: of ", columns.size(), " columns, but gets ", width));
  }
  std::vector<Categories> out;
  for (const pickle::Value& column : columns) {
    auto categories = ReadColumn(column);
    if (!categories.ok()) return record.At("categories_", categories.status());
    for (const std::string& text : categories->texts) {
      if (!base::IsValidUtf8(text)) return record.Damaged("categories_: a text not in UTF-8");
    }
    out.push_back(*std::move(categories));
  }
  return out;
}

Result<Value> LookUp(Scope& scope, const Record& record, const Frame& input, int64_t column,
                     const Categories& categories, std::span<const int64_t> values,
                     int64_t otherwise) {
  if (categories.text) {
    SLIPWAY_ASSIGN_OR_RETURN(const Value x, scope.TextColumn(record, input, column));
    return LookUpText(scope.graph, x, categories, values, otherwise);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, scope.NumberColumn(record, input, column));
  return LookUpNumber(scope.graph, x, categories, values, otherwise);
}

Result<Value> LookUpNumbers(Scope& scope, const Record& record, const Frame& input, int64_t column,
                            const Categories& categories, std::span<const double> values,
                            double otherwise) {
  std::vector<int64_t> positions(categories.size());
  std::iota(positions.begin(), positions.end(), 0);
  SLIPWAY_ASSIGN_OR_RETURN(const Value position,
                           LookUp(scope, record, input, column, categories, positions,
                                  static_cast<int64_t>(positions.size())));
  std::vector<double> table(values.begin(), values.end());
  table.push_back(otherwise);
  const auto size = static_cast<int64_t>(table.size());
  return scope.graph.Node(
      "Gather", {scope.graph.Add(graph::DoubleConstant(table, {size}), "codes"), position},
      {{"axis", int64_t{0}}});
}

Value OneHot(Scope& scope, const Value& code, int64_t width) {
  GraphBuilder& graph = scope.graph;
  std::vector<int64_t> positions(static_cast<size_t>(width));
  std::iota(positions.begin(), positions.end(), 0);
  const Value row = graph.Add(graph::Int64Constant(positions, {1, width}), "positions");
  const Value equal = graph.Node("Equal", {code, row}, {}, ElementType::kBool);
  return graph.Cast(equal, ElementType::kDouble);
}

}  // namespace slipway::import::sklearn
