#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/sklearn/categories.h"
#include "import/sklearn/estimator.h"
#include "import/sklearn/formulas.h"

// Encoders of categories. Source: scikit-learn 1.9, sklearn/preprocessing/_encoders.py and
// _target_encoder.py.
namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using graph::Value;
using Kind = pickle::Value::Kind;

base::Status CheckWidth(const Record& record, const Frame& input) {
  const auto width = FittedWidth(record);
  if (!width || *width == input.width()) return base::OkStatus();
  return record.Damaged(StrCat("was fitted on ", *width, " columns, but gets ", input.width()));
}

// One list element for each column, None where the column has none; empty when there is no list.
Result<std::vector<pickle::Value>> PerColumn(const Record& record, std::string_view attribute,
                                             size_t width) {
  if (!record.Has(attribute)) return std::vector<pickle::Value>();
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* value, record.Get(attribute));
  std::vector<pickle::Value> items;
  if (value->Is(Kind::kList) || value->Is(Kind::kTuple)) {
    items = value->node().items;
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array array, record.Array(attribute));
    if (array.type.kind == 'O') {
      items.assign(array.objects.begin(), array.objects.end());
    } else {
      SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, record.Integers(attribute));
      for (const int64_t number : numbers) items.push_back(pickle::Value::Int(number));
    }
  }
  if (items.size() == width) return items;
  return record.Damaged(StrCat(attribute, ": ", items.size(), " entries for ", width, " columns"));
}

// Where each category of a column goes when rare ones are one group.
struct Grouping {
  std::vector<int64_t> group;  // of each category
  int64_t groups = 0;
  int64_t infrequent = -1;  // the group of rare ones, the last; -1 when there is none
};

Result<Grouping> ReadGrouping(const Record& record, const Categories& categories,
                              const pickle::Value* mapping) {
  Grouping out;
  out.group.resize(categories.size());
  std::iota(out.group.begin(), out.group.end(), 0);
  out.groups = static_cast<int64_t>(categories.size());
  if (mapping == nullptr || mapping->Is(Kind::kNone)) return out;
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array array, pickle::ReadArray(*mapping));
  SLIPWAY_ASSIGN_OR_RETURN(out.group, pickle::ToIntegers(array));
  if (out.group.size() != categories.size() || out.group.empty()) {
    return record.Damaged("_default_to_infrequent_mappings: of other categories");
  }
  for (const int64_t group : out.group) {
    if (group < 0 || group >= static_cast<int64_t>(out.group.size())) {
      return record.Damaged("_default_to_infrequent_mappings: a group out of range");
    }
  }
  out.infrequent = *std::ranges::max_element(out.group);
  out.groups = out.infrequent + 1;
  return out;
}

Result<std::vector<Grouping>> ReadGroupings(const Record& record,
                                            std::span<const Categories> categories) {
  SLIPWAY_ASSIGN_OR_RETURN(const bool enabled, record.BoolOr("_infrequent_enabled", false));
  std::vector<pickle::Value> mappings;
  if (enabled) {
    SLIPWAY_ASSIGN_OR_RETURN(
        mappings, PerColumn(record, "_default_to_infrequent_mappings", categories.size()));
  }
  std::vector<Grouping> out;
  for (size_t i = 0; i < categories.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(
        Grouping grouping,
        ReadGrouping(record, categories[i], mappings.empty() ? nullptr : &mappings[i]));
    out.push_back(std::move(grouping));
  }
  return out;
}

// The group whose column is left out of each column's; -1 where none is.
Result<std::vector<int64_t>> ReadDrops(const Record& record, size_t width) {
  const std::string_view attribute =
      record.Has("_drop_idx_after_grouping") ? "_drop_idx_after_grouping" : "drop_idx_";
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<pickle::Value> items,
                           PerColumn(record, attribute, width));
  std::vector<int64_t> drops(width, -1);
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].Is(Kind::kNone)) continue;
    auto index = pickle::ReadInteger(items[i]);
    if (!index.ok()) return record.At(attribute, index.status());
    drops[i] = *index;
  }
  return drops;
}

Result<Answer> ConvertOneHot(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_RETURN_IF_ERROR(CheckWidth(record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Categories> categories,
                           ReadCategories(record, input.width()));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Grouping> groupings,
                           ReadGroupings(record, categories));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> drops, ReadDrops(record, categories.size()));
  const std::string unknown = record.TextOr("handle_unknown", "error");
  if (unknown == "error")
    scope.Warn(record, "an unknown category gives zeros, where Python raises");
  const bool to_infrequent = unknown == "infrequent_if_exist" || unknown == "warn";
  std::vector<Frame> parts;
  for (size_t i = 0; i < categories.size(); ++i) {
    const Grouping& grouping = groupings[i];
    const auto column_of = [&](int64_t group) {
      if (group == drops[i]) return int64_t{-1};
      return drops[i] >= 0 && group > drops[i] ? group - 1 : group;
    };
    std::vector<int64_t> columns;
    columns.reserve(grouping.group.size());
    for (const int64_t group : grouping.group) columns.push_back(column_of(group));
    const int64_t otherwise =
        to_infrequent && grouping.infrequent >= 0 ? column_of(grouping.infrequent) : -1;
    const int64_t width = grouping.groups - (drops[i] >= 0 ? 1 : 0);
    if (width <= 0) continue;
    SLIPWAY_ASSIGN_OR_RETURN(const Value code, LookUp(scope, record, input, static_cast<int64_t>(i),
                                                      categories[i], columns, otherwise));
    parts.push_back(Frame::Of(OneHot(scope, code, width), width));
  }
  return Answer::Output(Frame::Join(std::move(parts)));
}

Result<Answer> ConvertOrdinal(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_RETURN_IF_ERROR(CheckWidth(record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Categories> categories,
                           ReadCategories(record, input.width()));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Grouping> groupings,
                           ReadGroupings(record, categories));
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  SLIPWAY_ASSIGN_OR_RETURN(const double missing, record.NumberOr("encoded_missing_value", kNan));
  const bool encodes_unknown = record.Is("handle_unknown", "use_encoded_value");
  double otherwise = kNan;
  if (encodes_unknown) {
    SLIPWAY_ASSIGN_OR_RETURN(otherwise, record.NumberOr("unknown_value", kNan));
  } else {
    scope.Warn(record, "an unknown category gives NaN, where Python raises");
  }
  std::vector<Frame> parts;
  for (size_t i = 0; i < categories.size(); ++i) {
    std::vector<double> values;
    for (const int64_t group : groupings[i].group) values.push_back(static_cast<double>(group));
    if (const auto at = categories[i].missing) values[*at] = missing;
    SLIPWAY_ASSIGN_OR_RETURN(
        Value code, LookUpNumbers(scope, record, input, static_cast<int64_t>(i), categories[i],
                                  values, otherwise));
    parts.push_back(Frame::Of(std::move(code), 1));
  }
  return Answer::Output(Frame::Join(std::move(parts)));
}

Result<Answer> ConvertTarget(Scope& scope, const Record& record, const Frame& input) {
  SLIPWAY_RETURN_IF_ERROR(CheckWidth(record, input));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Categories> categories,
                           ReadCategories(record, input.width()));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<pickle::Value> encodings, record.List("encodings_"));
  SLIPWAY_ASSIGN_OR_RETURN(const Reals means, record.Numbers("target_mean_"));
  const size_t classes = record.Is("target_type_", "multiclass") ? means.values.size() : 1;
  if (classes == 0 || encodings.size() != categories.size() * classes) {
    return record.Damaged("encodings_: does not fit the columns and classes");
  }
  std::vector<Frame> parts;
  for (size_t i = 0; i < encodings.size(); ++i) {
    const size_t column = i / classes;
    auto values = ReadReals(encodings[i], record.budget());
    if (!values.ok()) return record.At("encodings_", values.status());
    if (values->values.size() != categories[column].size()) {
      return record.Damaged("encodings_: of other categories");
    }
    SLIPWAY_ASSIGN_OR_RETURN(
        Value code, LookUpNumbers(scope, record, input, static_cast<int64_t>(column),
                                  categories[column], values->values, means.values[i % classes]));
    parts.push_back(Frame::Of(std::move(code), 1));
  }
  return Answer::Output(Frame::Join(std::move(parts)));
}

constexpr std::string_view kPreprocessing = "sklearn.preprocessing";

constexpr Estimator kEstimators[] = {
    {kPreprocessing, "OneHotEncoder", ConvertOneHot},
    {kPreprocessing, "OrdinalEncoder", ConvertOrdinal},
    {kPreprocessing, "TargetEncoder", ConvertTarget},
};

}  // namespace

std::span<const Estimator> EncoderEstimators() { return kEstimators; }

}  // namespace slipway::import::sklearn
