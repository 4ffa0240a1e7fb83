#include "import/pmml/fields.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/formulas.h"

namespace slipway::import::pmml {
namespace {

using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

constexpr double kLargestInteger = 2147483647;
constexpr double kMissingCode = -2;

const double kNaN = std::nan("");

// The values that a DataField lists, by their property.
struct Listed {
  std::vector<double> valid;
  std::vector<double> invalid;
  std::vector<double> missing;
  std::vector<std::string> texts;  // of the valid ones
  bool has_empty_text = false;
};

Result<Listed> ReadValues(Conversion& all, const Element& data_field, DataType type) {
  Listed out;
  std::set<std::string> seen;
  for (const Element& value : data_field.Children("Value")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string text, value.Need("value"));
    if (!seen.insert(text).second) {
      return value.Error(StrCat("'", Printable(text), "' is listed twice"));
    }
    static constexpr std::string_view kProperties[] = {"valid", "invalid", "missing"};
    SLIPWAY_ASSIGN_OR_RETURN(const size_t property, value.Choice("property", kProperties));
    if (property == 2 && type != DataType::kText && (text == "NaN" || text.empty())) continue;
    SLIPWAY_ASSIGN_OR_RETURN(const double constant, ConstantOf(all, value, type, text));
    (property == 0 ? out.valid : property == 1 ? out.invalid : out.missing).push_back(constant);
    if (property == 0) out.texts.push_back(text);
    out.has_empty_text = out.has_empty_text || text.empty();
  }
  return out;
}

// What an input says, before anything is looked up: the value, and where it is not of its type.
struct Raw {
  Value value;
  Value invalid;
};

Value EncodedText(Conversion& all, const Value& input, bool empty_is_text) {
  std::vector<std::string> keys = all.texts.all();
  std::vector<int64_t> codes;
  bool has_empty = false;
  for (const std::string& key : keys) {
    const bool missing = key.empty() && !empty_is_text;
    codes.push_back(missing ? static_cast<int64_t>(kMissingCode) : std::ssize(codes));
    has_empty = has_empty || key.empty();
  }
  if (!has_empty) {
    keys.emplace_back();
    codes.push_back(static_cast<int64_t>(kMissingCode));
  }
  const Value code = all.graph.Node("LabelEncoder", {input},
                                    {{"keys_strings", std::move(keys)},
                                     {"values_int64s", std::move(codes)},
                                     {"default_int64", int64_t{-1}}},
                                    ElementType::kInt64, GraphBuilder::kMlDomain);
  const Value number = all.graph.Cast(code, ElementType::kDouble);
  const Value missing = Compare(all.graph, "Equal", number, Number(all.graph, kMissingCode));
  return Where(all.graph, missing, Number(all.graph, kNaN), number);
}

Raw ReadInput(Conversion& all, const std::string& name, DataType type, bool empty_is_text) {
  GraphBuilder& graph = all.graph;
  const bool text = type == DataType::kText;
  const Value input = graph.AddInput(name, text ? ElementType::kString : ElementType::kDouble,
                                     {"batch", int64_t{1}});
  all.columns.push_back(
      {.name = name, .kind = text ? ImportedColumn::Kind::kText : ImportedColumn::Kind::kNumber});
  if (text) return {EncodedText(all, input, empty_is_text), {}};
  if (type == DataType::kFloat) return {ToFloat(graph, input), {}};
  if (type == DataType::kDouble) return {input, {}};
  if (type == DataType::kBoolean) {
    static constexpr double kTruths[] = {0, 1};
    return {input, Not(graph, IsIn(graph, input, kTruths))};
  }
  const Value whole = Compare(graph, "Equal", graph.Node("Floor", {input}), input);
  const Value fits =
      Compare(graph, "LessOrEqual", graph.Node("Abs", {input}), Number(graph, kLargestInteger));
  return {input, Not(graph, And(graph, whole, fits))};
}

// A text of the MiningField as a value; nullopt when the attribute is absent.
Result<std::optional<double>> Replacement(Conversion& all, const Element& mining_field,
                                          std::string_view attribute, DataType type) {
  const auto text = mining_field.Find(attribute);
  if (!text) return std::optional<double>();
  SLIPWAY_ASSIGN_OR_RETURN(const double value, ConstantOf(all, mining_field, type, *text));
  return std::optional<double>(value);
}

// Values beyond the limits, which become missing or the limits.
Result<Value> WithoutOutliers(GraphBuilder& graph, const Element& mining_field, const Value& x) {
  static constexpr std::string_view kTreatments[] = {"asIs", "asMissingValues", "asExtremeValues"};
  SLIPWAY_ASSIGN_OR_RETURN(const size_t treatment, mining_field.Choice("outliers", kTreatments));
  if (treatment == 0) return x;
  const bool has_low = mining_field.Find("lowValue").has_value();
  const bool has_high = mining_field.Find("highValue").has_value();
  if (!has_low && !has_high) return mining_field.Error("outliers without lowValue or highValue");
  SLIPWAY_ASSIGN_OR_RETURN(const double low, mining_field.NumberOr("lowValue", 0));
  SLIPWAY_ASSIGN_OR_RETURN(const double high, mining_field.NumberOr("highValue", 0));
  Value out = x;
  const Value missing = Number(graph, kNaN);
  if (has_low) {
    const Value limit = Number(graph, low);
    out = Where(graph, Compare(graph, "Less", x, limit), treatment == 1 ? missing : limit, out);
  }
  if (has_high) {
    const Value limit = Number(graph, high);
    out = Where(graph, Compare(graph, "Greater", x, limit), treatment == 1 ? missing : limit, out);
  }
  return out;
}

// What becomes of missing values: replaced, kept, or a failure.
Status TreatMissing(GraphBuilder& graph, const Element& mining_field,
                    const std::optional<double>& replacement, Field& field) {
  static constexpr std::string_view kTreatments[] = {"asIs",     "asMean",  "asMode",
                                                     "asMedian", "asValue", "returnInvalid"};
  SLIPWAY_ASSIGN_OR_RETURN(const size_t treatment,
                           mining_field.Choice("missingValueTreatment", kTreatments));
  if (treatment == 5) {
    field.fails = Or(graph, field.fails, IsMissing(graph, field.value));
    field.may_miss = true;
  } else if (replacement) {
    field.value =
        Where(graph, IsMissing(graph, field.value), Number(graph, *replacement), field.value);
    field.may_miss = false;
  }
  return OkStatus();
}

// Where the value is not one of those that the DataField allows; nothing where all are.
Result<Value> FindInvalid(GraphBuilder& graph, const Element& data_field, const Listed& listed,
                          const Raw& raw, const Value& x) {
  Value invalid = raw.invalid;
  if (!listed.invalid.empty()) invalid = Or(graph, invalid, IsIn(graph, x, listed.invalid));
  const auto intervals = data_field.Children("Interval");
  Value allowed;
  if (!listed.valid.empty()) {
    allowed = IsIn(graph, x, listed.valid);
  } else {
    for (const Element& interval : intervals) {
      SLIPWAY_ASSIGN_OR_RETURN(const Value within, IsWithin(graph, x, interval));
      allowed = Or(graph, allowed, within);
    }
  }
  if (!allowed.name.empty()) invalid = Or(graph, invalid, Not(graph, allowed));
  return invalid.name.empty() ? invalid : And(graph, invalid, Not(graph, IsMissing(graph, x)));
}

Result<Field> PrepareInput(Conversion& all, const Element& data_field,
                           const Element& mining_field) {
  GraphBuilder& graph = all.graph;
  SLIPWAY_ASSIGN_OR_RETURN(const DataType type, ReadDataType(all, data_field, ""));
  SLIPWAY_ASSIGN_OR_RETURN(const Listed listed, ReadValues(all, data_field, type));
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, data_field.Need("name"));
  const std::string optype = mining_field.Or("optype", data_field.Or("optype", "continuous"));
  Field field = {.value = {}, .type = type, .categorical = optype != "continuous"};
  field.categories = listed.texts;
  const Raw raw = ReadInput(all, name, type, listed.has_empty_text);
  Value x = raw.value;
  if (!listed.missing.empty()) {
    x = Where(graph, IsIn(graph, x, listed.missing), Number(graph, kNaN), x);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value invalid, FindInvalid(graph, data_field, listed, raw, x));
  static constexpr std::string_view kTreatments[] = {"returnInvalid", "asIs", "asMissing",
                                                     "asValue"};
  SLIPWAY_ASSIGN_OR_RETURN(const size_t treatment,
                           mining_field.Choice("invalidValueTreatment", kTreatments));
  SLIPWAY_ASSIGN_OR_RETURN(const auto for_invalid,
                           Replacement(all, mining_field, "invalidValueReplacement", type));
  SLIPWAY_ASSIGN_OR_RETURN(const auto for_missing,
                           Replacement(all, mining_field, "missingValueReplacement", type));
  if (treatment == 3 && !for_invalid) {
    return mining_field.Error("asValue without an invalidValueReplacement");
  }
  SLIPWAY_ASSIGN_OR_RETURN(field.value, WithoutOutliers(graph, mining_field, x));
  if (!invalid.name.empty() && (treatment == 0 || treatment == 2)) {
    field.value = Where(graph, invalid, Number(graph, kNaN), field.value);
  } else if (!invalid.name.empty()) {
    field.value = Where(graph, invalid, for_invalid ? Number(graph, *for_invalid) : x, field.value);
    if (!for_invalid && !raw.invalid.name.empty()) {  // "as is" needs a value of the type
      field.fails = And(graph, raw.invalid, Not(graph, IsMissing(graph, x)));
    }
  }
  SLIPWAY_RETURN_IF_ERROR(TreatMissing(graph, mining_field, for_missing, field));
  if (treatment == 0 && !invalid.name.empty()) field.fails = Or(graph, field.fails, invalid);
  return field;
}

// Whether a model reads the MiningField.
Result<bool> IsActive(Conversion& all, const Element& mining_field) {
  const std::string usage = mining_field.Or("usageType", "active");
  if (usage == "active" || usage == "supplementary") return true;
  if (usage == "target" || usage == "predicted" || usage == "frequencyWeight" ||
      usage == "analysisWeight") {
    return false;
  }
  return all.Unsupported(mining_field, StrCat("usageType='", Printable(usage), "'"));
}

Value ZerosLike(GraphBuilder& graph, const Value& x) {
  const Value zero = Number(graph, 0);
  return Where(graph, IsMissing(graph, x), zero, zero);
}

}  // namespace

Value IsIn(GraphBuilder& graph, const Value& x, std::span<const double> values) {
  Value same = Compare(graph, "Equal", x, Row(graph, values));
  if (values.size() == 1) return same;
  return Compare(graph, "Greater", Sum(graph, graph.Cast(same, ElementType::kDouble)),
                 Number(graph, 0));
}

Result<Value> IsWithin(GraphBuilder& graph, const Value& x, const Element& interval) {
  static constexpr std::string_view kClosures[] = {"openOpen", "openClosed", "closedOpen",
                                                   "closedClosed"};
  SLIPWAY_RETURN_IF_ERROR(interval.Need("closure").status());
  SLIPWAY_ASSIGN_OR_RETURN(const size_t closure, interval.Choice("closure", kClosures));
  const auto left = interval.Find("leftMargin");
  const auto right = interval.Find("rightMargin");
  const auto low = ParseXmlNumber(left.value_or("-INF"));
  const auto high = ParseXmlNumber(right.value_or("INF"));
  if (!left && !right) return interval.Error("an interval without margins");
  if (!low || !high || !(*low <= *high)) return interval.Error("margins that are no interval");
  Value within;
  if (left)
    within = Compare(graph, closure >= 2 ? "GreaterOrEqual" : "Greater", x, Number(graph, *low));
  if (!right) return within;
  return And(graph, within,
             Compare(graph, closure % 2 == 1 ? "LessOrEqual" : "Less", x, Number(graph, *high)));
}

Status DefineInputs(ModelScope& scope, const Element& pmml, const Element& schema) {
  Conversion& all = scope.all();
  SLIPWAY_ASSIGN_OR_RETURN(const Element dictionary, pmml.NeedChild("DataDictionary"));
  std::map<std::string, Element>& data_fields = all.data_fields;
  for (const Element& data_field : dictionary.Children("DataField")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, data_field.Need("name"));
    if (!data_fields.emplace(name, data_field).second) return data_field.Error("the second one");
  }
  std::set<std::string> seen;
  for (const Element& mining_field : schema.Children("MiningField")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, mining_field.Need("name"));
    if (!seen.insert(name).second) return mining_field.Error("the second one");
    const auto active = IsActive(all, mining_field);
    SLIPWAY_RETURN_IF_ERROR(all.Recover(active.status()));
    if ((active.ok() && !*active) || !data_fields.contains(name)) continue;
    auto field = PrepareInput(all, data_fields[name], mining_field);
    SLIPWAY_RETURN_IF_ERROR(all.Recover(field.status()));
    if (!field.ok()) {  // something in its place, to find the model's other problems
      field = Field{.value = all.graph.AddInput(name, ElementType::kDouble, {"batch", int64_t{1}})};
    }
    if (all.zeros.name.empty()) all.zeros = ZerosLike(all.graph, field->value);
    scope.Define(name, *std::move(field));
  }
  if (all.zeros.name.empty() && all.problems.empty()) {
    return schema.Error("a model without active fields");
  }
  return OkStatus();
}

Status DefineInnerInputs(ModelScope& scope, const Element& schema) {
  Conversion& all = scope.all();
  for (const Element& mining_field : schema.Children("MiningField")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, mining_field.Need("name"));
    SLIPWAY_ASSIGN_OR_RETURN(const bool active, IsActive(all, mining_field));
    const bool treats = mining_field.Find("missingValueReplacement") ||
                        mining_field.Or("missingValueTreatment", "") == "returnInvalid" ||
                        mining_field.Or("outliers", "asIs") != "asIs";
    if (!active || !treats || !scope.Knows(name)) continue;
    SLIPWAY_ASSIGN_OR_RETURN(const Field* const outer, scope.Find(mining_field, name));
    Field field = *outer;
    SLIPWAY_ASSIGN_OR_RETURN(field.value, WithoutOutliers(all.graph, mining_field, field.value));
    field.may_miss = true;
    SLIPWAY_ASSIGN_OR_RETURN(const auto replacement,
                             Replacement(all, mining_field, "missingValueReplacement", field.type));
    SLIPWAY_RETURN_IF_ERROR(TreatMissing(all.graph, mining_field, replacement, field));
    scope.Define(name, std::move(field));
  }
  return OkStatus();
}

}  // namespace slipway::import::pmml
