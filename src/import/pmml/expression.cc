#include "import/pmml/expression.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/fields.h"
#include "import/pmml/formulas.h"
#include "import/pmml/inline_table.h"
#include "import/pmml/map_table.h"

namespace slipway::import::pmml {
namespace {

using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

constexpr int kMaxDepth = 400;            // of expressions and derived fields in each other
constexpr int kMaxExpressions = 100'000;  // functions of the file count where they are called
constexpr size_t kMaxListed = 100'000;    // rows of a table
constexpr size_t kMaxColumns = 100;       // of a table

const double kNaN = std::nan("");

bool IsNumeric(DataType type) { return type != DataType::kText; }

// Counts how deep expressions are in each other.
class Nesting {
 public:
  explicit Nesting(Conversion& all) : all_(all) { ++all_.depth; }
  ~Nesting() { --all_.depth; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  Conversion& all_;
};

Result<Field> MakeConstant(Conversion& all, const Element& at) {
  SLIPWAY_ASSIGN_OR_RETURN(const bool missing, at.FlagOr("missing", false));
  const std::string text = at.Text();
  const auto number = ParseXmlNumber(text);
  DataType type = DataType::kText;
  if (at.Find("dataType")) {
    SLIPWAY_ASSIGN_OR_RETURN(type, ReadDataType(all, at, ""));
  } else if (number && text.find_first_of("eE") == std::string::npos) {
    type = text.find('.') == std::string::npos ? DataType::kInteger : DataType::kDouble;
  }
  if (missing || (text.empty() && type != DataType::kText)) return ConstantField(all, type, kNaN);
  SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(all, at, type, text));
  return ConstantField(all, type, value);
}

Result<Field> Lookup(ModelScope& scope, const Element& at, const Parameters* parameters) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, at.Need("field"));
  if (parameters != nullptr) {
    const auto found = parameters->find(name);
    if (found == parameters->end()) {
      return at.Error(StrCat("there is no parameter '", Printable(name), "'"));
    }
    return found->second;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Field* const field, scope.Find(at, name));
  return *field;
}

// The field with missing values replaced by the text of `attribute`, a value of `type`.
Status Fill(Conversion& all, const Element& at, std::string_view attribute, const Value& where,
            Field& field) {
  const auto text = at.Find(attribute);
  if (!text) return base::OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(all, at, field.type, *text));
  field.value = Where(all.graph, where, Number(all.graph, value), field.value);
  return base::OkStatus();
}

Result<Field> MakeFieldRef(ModelScope& scope, const Element& at, const Parameters* parameters) {
  SLIPWAY_ASSIGN_OR_RETURN(Field field, Lookup(scope, at, parameters));
  if (!at.Find("mapMissingTo") || !field.may_miss) return field;
  SLIPWAY_RETURN_IF_ERROR(
      Fill(scope.all(), at, "mapMissingTo", IsMissing(scope.graph(), field.value), field));
  field.may_miss = false;
  return field;
}

Result<Field> MakeNormDiscrete(ModelScope& scope, const Element& at, const Parameters* parameters) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(Field field, Lookup(scope, at, parameters));
  SLIPWAY_ASSIGN_OR_RETURN(const std::string text, at.Need("value"));
  SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(scope.all(), at, field.type, text));
  const Value missing = IsMissing(graph, field.value);
  const Value same = Compare(graph, "Equal", field.value, Number(graph, value));
  Field out = {.value = graph.Cast(same, graph::ElementType::kDouble),
               .fails = field.fails,
               .may_miss = field.may_miss};
  if (!field.may_miss) return out;
  out.value = Where(graph, missing, Number(graph, kNaN), out.value);
  SLIPWAY_RETURN_IF_ERROR(Fill(scope.all(), at, "mapMissingTo", missing, out));
  return out;
}

struct LinearNorm {
  double orig = 0;
  double norm = 0;
};

Result<std::vector<LinearNorm>> ReadNorms(const Element& at) {
  std::vector<LinearNorm> out;
  for (const Element& norm : at.Children("LinearNorm")) {
    LinearNorm point;
    SLIPWAY_ASSIGN_OR_RETURN(point.orig, norm.Number("orig"));
    SLIPWAY_ASSIGN_OR_RETURN(point.norm, norm.Number("norm"));
    if (!out.empty() && !(point.orig > out.back().orig)) {
      return norm.Error("'orig' does not rise from one LinearNorm to the next");
    }
    out.push_back(point);
  }
  if (out.size() < 2) return at.Error("fewer than two LinearNorm");
  return out;
}

Value OnSegment(GraphBuilder& graph, const Value& x, const LinearNorm& l, const LinearNorm& r) {
  // left + (x - l) / (r - l) * (rn - ln), in that order: PMML 4.4, Normalization
  const Value part = Binary(graph, "Div", Binary(graph, "Sub", x, Number(graph, l.orig)),
                            Number(graph, r.orig - l.orig));
  return Binary(graph, "Add", Number(graph, l.norm),
                Binary(graph, "Mul", part, Number(graph, r.norm - l.norm)));
}

Result<Field> MakeNormContinuous(ModelScope& scope, const Element& at,
                                 const Parameters* parameters) {
  GraphBuilder& graph = scope.graph();
  static constexpr std::string_view kOutliers[] = {"asIs", "asMissingValues", "asExtremeValues"};
  SLIPWAY_ASSIGN_OR_RETURN(const size_t outliers, at.Choice("outliers", kOutliers));
  SLIPWAY_ASSIGN_OR_RETURN(const auto norms, ReadNorms(at));
  SLIPWAY_ASSIGN_OR_RETURN(const Field field, Lookup(scope, at, parameters));
  if (!IsNumeric(field.type)) return at.Error("normalizes text");
  const Value& x = field.value;
  Value out = OnSegment(graph, x, norms[norms.size() - 2], norms.back());
  for (size_t i = norms.size() - 2; i-- > 0;) {
    const Value before = Compare(graph, "Less", x, Number(graph, norms[i + 1].orig));
    out = Where(graph, before, OnSegment(graph, x, norms[i], norms[i + 1]), out);
  }
  if (outliers > 0) {
    const Value low = Compare(graph, "Less", x, Number(graph, norms.front().orig));
    const Value high = Compare(graph, "Greater", x, Number(graph, norms.back().orig));
    out = Where(graph, low, Number(graph, outliers == 1 ? kNaN : norms.front().norm), out);
    out = Where(graph, high, Number(graph, outliers == 1 ? kNaN : norms.back().norm), out);
  }
  Field made = {.value = out, .fails = field.fails};
  SLIPWAY_RETURN_IF_ERROR(Fill(scope.all(), at, "mapMissingTo", IsMissing(graph, x), made));
  return made;
}

Result<Field> MakeDiscretize(ModelScope& scope, const Element& at, const Parameters* parameters) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const Field field, Lookup(scope, at, parameters));
  if (!IsNumeric(field.type)) return at.Error("discretizes text");
  SLIPWAY_ASSIGN_OR_RETURN(const DataType type, ReadDataType(scope.all(), at, "string"));
  Field out = ConstantField(scope.all(), type, kNaN);
  out.fails = field.fails;
  if (at.Find("defaultValue")) {
    SLIPWAY_RETURN_IF_ERROR(
        Fill(scope.all(), at, "defaultValue", IsMissing(graph, out.value), out));
  }
  for (const Element& bin : at.Children("DiscretizeBin")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string text, bin.Need("binValue"));
    SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(scope.all(), bin, type, text));
    SLIPWAY_ASSIGN_OR_RETURN(const Element interval, bin.NeedChild("Interval"));
    SLIPWAY_ASSIGN_OR_RETURN(const Value within, IsWithin(graph, field.value, interval));
    out.value = Where(graph, within, Number(graph, value), out.value);
  }
  const Value missing = IsMissing(graph, field.value);
  out.value = Where(graph, missing, Number(graph, kNaN), out.value);
  SLIPWAY_RETURN_IF_ERROR(Fill(scope.all(), at, "mapMissingTo", missing, out));
  return out;
}

Result<std::vector<double>> ReadColumn(ModelScope& scope, const Element& at,
                                       std::string_view attribute, DataType type,
                                       std::span<const Element> rows) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string column, at.Need(attribute));
  std::vector<double> out;
  for (const Element& row : rows) {
    const auto text = Cell(row, column);
    if (!text) return row.Error(StrCat("no cell '", Printable(column), "'"));
    SLIPWAY_ASSIGN_OR_RETURN(const double cell, ConstantOf(scope.all(), row, type, *text));
    out.push_back(cell);
  }
  return out;
}

Result<Field> MakeMapValues(ModelScope& scope, const Element& at, const Parameters* parameters) {
  GraphBuilder& graph = scope.graph();
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Element> rows, TableRows(at, kMaxListed));
  SLIPWAY_ASSIGN_OR_RETURN(const DataType type, ReadDataType(scope.all(), at, "string"));
  MapTable table;
  std::vector<Value> columns;
  Value missing;
  Value fails;
  for (const Element& pair : at.Children("FieldColumnPair")) {
    if (columns.size() == kMaxColumns) return Conversion::Unsupported(at, "that many columns");
    SLIPWAY_ASSIGN_OR_RETURN(const Field field, Lookup(scope, pair, parameters));
    SLIPWAY_ASSIGN_OR_RETURN(table.inputs.emplace_back(),
                             ReadColumn(scope, pair, "column", field.type, rows));
    columns.push_back(field.value);
    missing = Or(graph, missing, IsMissing(graph, field.value));
    fails = Or(graph, fails, field.fails);
  }
  if (columns.empty()) return at.Error("expected a FieldColumnPair");
  SLIPWAY_ASSIGN_OR_RETURN(table.outputs, ReadColumn(scope, at, "outputColumn", type, rows));
  SLIPWAY_ASSIGN_OR_RETURN(const Mapped mapped,
                           FindRow(graph, table, graph.Concat(std::move(columns))));
  Field out = {.value = mapped.value, .fails = Or(graph, fails, mapped.ambiguous), .type = type};
  SLIPWAY_RETURN_IF_ERROR(
      Fill(scope.all(), at, "defaultValue", IsMissing(graph, mapped.value), out));
  out.value = Where(graph, missing, Number(graph, kNaN), out.value);
  SLIPWAY_RETURN_IF_ERROR(Fill(scope.all(), at, "mapMissingTo", missing, out));
  return out;
}

std::optional<Element> ExpressionOf(const Element& at) {
  static constexpr std::string_view kBeside[] = {"Value", "Interval", "ParameterField", "Decisions",
                                                 "Targets"};
  for (const Element& child : at.Children()) {
    if (std::ranges::find(kBeside, child.name()) == std::end(kBeside)) return child;
  }
  return std::nullopt;
}

}  // namespace

Field ConstantField(Conversion& all, DataType type, double value) {
  return {.value = Binary(all.graph, "Add", all.zeros, Number(all.graph, value)),
          .type = type,
          .may_miss = std::isnan(value)};
}

Result<Field> CastTo(Conversion& all, const Element& at, Field field, DataType type) {
  GraphBuilder& graph = all.graph;
  if (field.type == type) return field;
  if (!IsNumeric(field.type) || !IsNumeric(type)) {
    return Conversion::Unsupported(at, "a cast between text and numbers");
  }
  const Value& x = field.value;
  if (type == DataType::kFloat) field.value = ToFloat(graph, x);
  if (type == DataType::kInteger && field.type != DataType::kBoolean) {
    field.fails = Or(graph, field.fails,
                     And(graph, Not(graph, IsMissing(graph, x)),
                         Not(graph, Compare(graph, "Equal", graph.Node("Floor", {x}), x))));
  }
  if (type == DataType::kBoolean) {
    static constexpr double kTruths[] = {0, 1};
    field.fails =
        Or(graph, field.fails,
           And(graph, Not(graph, IsMissing(graph, x)), Not(graph, IsIn(graph, x, kTruths))));
  }
  field.type = type;
  return field;
}

Result<Field> MakeExpression(ModelScope& scope, const Element& at, const Parameters* parameters) {
  const Nesting nesting(scope.all());
  if (scope.all().depth > kMaxDepth) {
    return at.Error(StrCat("expressions nested more than ", kMaxDepth, " levels deep"));
  }
  if (++scope.all().expressions > kMaxExpressions) {
    return base::ResourceExhausted(
        StrCat(at.Where(), ": more than ", kMaxExpressions, " expressions"));
  }
  const std::string_view name = at.name();
  if (name == "Constant") return MakeConstant(scope.all(), at);
  if (name == "FieldRef") return MakeFieldRef(scope, at, parameters);
  if (name == "NormContinuous") return MakeNormContinuous(scope, at, parameters);
  if (name == "NormDiscrete") return MakeNormDiscrete(scope, at, parameters);
  if (name == "Discretize") return MakeDiscretize(scope, at, parameters);
  if (name == "MapValues") return MakeMapValues(scope, at, parameters);
  if (name == "Apply") return MakeApply(scope, at, parameters);
  return Conversion::Unsupported(at, "this expression");
}

Result<Field> MakeDerivedField(ModelScope& scope, const Element& at) {
  const auto expression = ExpressionOf(at);
  if (!expression) return at.Error("expected an expression");
  SLIPWAY_ASSIGN_OR_RETURN(Field field, MakeExpression(scope, *expression));
  if (at.Find("dataType")) {
    SLIPWAY_ASSIGN_OR_RETURN(const DataType type, ReadDataType(scope.all(), at, ""));
    SLIPWAY_ASSIGN_OR_RETURN(field, CastTo(scope.all(), at, std::move(field), type));
  }
  field.categories.clear();
  for (const Element& value : at.Children("Value")) {
    field.categories.push_back(value.Or("value", ""));
  }
  field.categorical = at.Or("optype", "continuous") != "continuous";
  return field;
}

}  // namespace slipway::import::pmml
