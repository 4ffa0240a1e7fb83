#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// What becomes of missing values. Source: scikit-learn 1.9, sklearn/impute/_base.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::Value;
using Kind = pickle::Value::Kind;

// What counts as missing: in numbers NaN or one number, in texts "" (for None or NaN) or one text.
struct Missing {
  std::optional<double> number;  // none: NaN
  std::string text;
};

Result<Missing> ReadMissing(const Record& record) {
  Missing out;
  const pickle::Value* value = record.Find("missing_values");
  if (value == nullptr || value->Is(Kind::kNone) || record.Is("missing_values", "NaN")) return out;
  if (value->Is(Kind::kText)) {
    out.text = std::string(value->node().text);
    return out;
  }
  if (value->Is(Kind::kGlobal) || value->Is(Kind::kObject)) {
    const auto number = pickle::ReadNumber(*value);
    if (!number.ok()) return out;  // pandas.NA
  }
  auto number = pickle::ReadNumber(*value);
  if (!number.ok()) return record.At("missing_values", number.status());
  if (!std::isnan(*number)) out.number = *number;
  return out;
}

// Whether each number is missing, as booleans of the same shape.
Value IsMissingNumber(Scope& scope, const Value& x, const Missing& missing) {
  if (!missing.number) return scope.graph.Node("IsNaN", {x}, {}, ElementType::kBool);
  return scope.graph.Node("Equal", {x, Constant(scope.graph, *missing.number)}, {},
                          ElementType::kBool);
}

Value TextScalar(Scope& scope, const std::string& text) {
  return scope.graph.Add(graph::TextConstant({text}, {1, 1}), "text");
}

Value IsMissingText(Scope& scope, const Value& x, const Missing& missing) {
  return scope.graph.Node("Equal", {x, TextScalar(scope, missing.text)}, {}, ElementType::kBool);
}

// What a column is filled with; nothing where it is left out.
struct Fill {
  bool text = false;
  std::string string;
  double number = 0;
  bool left_out = false;
};

Result<std::vector<Fill>> ReadFills(const Record& record, int64_t width) {
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array array, record.Array("statistics_"));
  if (static_cast<int64_t>(array.count) != width) {
    return record.Damaged(StrCat("statistics_: of ", array.count, " columns, but gets ", width));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const bool keep_empty, record.BoolOr("keep_empty_features", false));
  const bool constant = record.Is("strategy", "constant");
  std::vector<Fill> fills(static_cast<size_t>(width));
  const bool texts = array.type.kind == 'U';
  std::vector<std::string> strings;
  std::vector<double> numbers;
  if (texts) {
    SLIPWAY_ASSIGN_OR_RETURN(strings, pickle::ToTexts(array));
  } else if (array.type.kind != 'O') {
    SLIPWAY_ASSIGN_OR_RETURN(numbers, pickle::ToDoubles(array));
  }
  for (size_t i = 0; i < fills.size(); ++i) {
    Fill& fill = fills[i];
    if (array.type.kind == 'O') {
      const auto string = pickle::ReadText(array.objects[i]);
      const auto number = pickle::ReadNumber(array.objects[i]);
      fill.text = string.ok();
      if (string.ok()) fill.string = *string;
      fill.number = number.ok() ? *number : std::nan("");
    } else if (texts) {
      fill.text = true;
      fill.string = strings[i];
    } else {
      fill.number = numbers[i];
    }
    if (fill.text && !base::IsValidUtf8(fill.string)) {
      return record.Damaged("statistics_: a text not in UTF-8");
    }
    if (fill.text || !std::isnan(fill.number) || constant) continue;
    fill.left_out = !keep_empty;
    fill.number = 0;
  }
  return fills;
}

Result<Frame> FilledNumbers(Scope& scope, const Record& record, const Frame& input,
                            std::span<const Fill> fills, const Missing& missing) {
  std::vector<int64_t> kept;
  std::vector<double> numbers;
  for (size_t i = 0; i < fills.size(); ++i) {
    if (fills[i].left_out) continue;
    kept.push_back(static_cast<int64_t>(i));
    numbers.push_back(fills[i].number);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Frame columns, scope.Select(record, input, kept));
  SLIPWAY_ASSIGN_OR_RETURN(const Value x, scope.Matrix(record, columns));
  const Value filled = scope.graph.Node(
      "Where", {IsMissingNumber(scope, x, missing), RowConstant(scope.graph, numbers), x}, {},
      ElementType::kDouble);
  return Frame::Of(filled, columns.width());
}

// Column by column, because there are texts among them.
Result<Frame> FilledColumns(Scope& scope, const Record& record, const Frame& input,
                            std::span<const Fill> fills, const Missing& missing) {
  std::vector<Frame> parts;
  for (size_t i = 0; i < fills.size(); ++i) {
    if (fills[i].left_out) continue;
    const auto column = static_cast<int64_t>(i);
    if (!fills[i].text) {
      SLIPWAY_ASSIGN_OR_RETURN(const Frame one, scope.Select(record, input, std::span(&column, 1)));
      SLIPWAY_ASSIGN_OR_RETURN(Frame filled,
                               FilledNumbers(scope, record, one, fills.subspan(i, 1), missing));
      parts.push_back(std::move(filled));
      continue;
    }
    SLIPWAY_ASSIGN_OR_RETURN(const Value x, scope.TextColumn(record, input, column));
    parts.push_back(Frame::Of(
        scope.graph.Node("Where",
                         {IsMissingText(scope, x, missing), TextScalar(scope, fills[i].string), x},
                         {}, ElementType::kString),
        1));
  }
  return Frame::Join(std::move(parts));
}

// A column of 0 and 1 for each of `features_`: whether the value is missing.
Result<Frame> Indicators(Scope& scope, const Record& record, const Frame& input,
                         std::span<const Fill> fills) {
  SLIPWAY_ASSIGN_OR_RETURN(const Missing missing, ReadMissing(record));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> features, record.Integers("features_"));
  std::vector<Frame> parts;
  for (const int64_t column : features) {
    const bool text = column >= 0 && static_cast<size_t>(column) < fills.size() &&
                      fills[static_cast<size_t>(column)].text;
    Value is_missing;
    if (text) {
      SLIPWAY_ASSIGN_OR_RETURN(const Value x, scope.TextColumn(record, input, column));
      is_missing = IsMissingText(scope, x, missing);
    } else {
      SLIPWAY_ASSIGN_OR_RETURN(const Value x, scope.NumberColumn(record, input, column));
      is_missing = IsMissingNumber(scope, x, missing);
    }
    parts.push_back(Frame::Of(scope.graph.Cast(is_missing, ElementType::kDouble), 1));
  }
  return Frame::Join(std::move(parts));
}

Result<Answer> ConvertSimpleImputer(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Fill> fills, ReadFills(record, input.width()));
  SLIPWAY_ASSIGN_OR_RETURN(const Missing missing, ReadMissing(record));
  const bool texts = std::ranges::any_of(fills, &Fill::text);
  if (texts && missing.text.empty()) {
    scope.Warn(record, "an empty text counts as missing");
  }
  SLIPWAY_ASSIGN_OR_RETURN(Frame output, texts
                                             ? FilledColumns(scope, record, input, fills, missing)
                                             : FilledNumbers(scope, record, input, fills, missing));
  if (!record.Has("indicator_")) return Answer::Output(std::move(output));
  SLIPWAY_ASSIGN_OR_RETURN(const Record indicator, record.Child("indicator_"));
  SLIPWAY_ASSIGN_OR_RETURN(Frame indicators, Indicators(scope, indicator, input, fills));
  std::vector<Frame> parts;
  parts.push_back(std::move(output));
  parts.push_back(std::move(indicators));
  return Answer::Output(Frame::Join(std::move(parts)));
}

Result<Answer> ConvertMissingIndicator(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_ASSIGN_OR_RETURN(Frame indicators, Indicators(scope, record, input, {}));
  return Answer::Output(std::move(indicators));
}

constexpr Estimator kEstimators[] = {
    {"sklearn.impute", "SimpleImputer", ConvertSimpleImputer},
    {"sklearn.impute", "MissingIndicator", ConvertMissingIndicator},
};

}  // namespace

std::span<const Estimator> ImputerEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
