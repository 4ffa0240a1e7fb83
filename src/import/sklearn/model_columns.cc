#include "import/sklearn/model_columns.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/sklearn/boosters.h"
#include "import/sklearn/column_choice.h"
#include "import/sklearn/dict_vectorizer.h"
#include "import/sklearn/estimator.h"

namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using pickle::Value;
using Kind = pickle::Value::Kind;

constexpr int kMaxDepth = 50;
constexpr int64_t kMaxColumns = 10'000'000;

// Attributes that hold an estimator which sees the same columns.
constexpr std::array<std::string_view, 4> kInner = {"best_estimator_", "estimator_", "regressor_",
                                                    "base_estimator_"};
// Attributes that hold a list of such, or of (name, estimator).
constexpr std::array<std::string_view, 4> kInnerLists = {"steps", "transformer_list", "estimators_",
                                                         "calibrated_classifiers_"};
// Arrays with a column for each column of the input, for files of versions that did not count them.
constexpr std::array<std::string_view, 6> kPerColumn = {"coef_",  "scale_", "components_",
                                                        "theta_", "_fit_X", "cluster_centers_"};

std::optional<Value> FirstOfList(const Record& record, std::string_view attribute) {
  const auto items = record.List(attribute);
  if (!items.ok()) return std::nullopt;
  for (const Value& item : *items) {
    const bool named = item.Is(Kind::kTuple) && item.node().items.size() >= 2;
    const Value& candidate = named ? item.node().items[1] : item;
    if (candidate.Is(Kind::kObject)) return candidate;
  }
  return std::nullopt;
}

std::optional<Value> InnerEstimator(const Record& record) {
  for (const std::string_view attribute : kInner) {
    const Value* inner = record.Find(attribute);
    if (inner != nullptr && inner->Is(Kind::kObject)) return *inner;
  }
  for (const std::string_view attribute : kInnerLists) {
    if (!record.Has(attribute)) continue;
    if (const auto first = FirstOfList(record, attribute)) return first;
  }
  const Value* frozen = record.Find("estimator");
  if (frozen != nullptr && frozen->Is(Kind::kObject)) return *frozen;
  return std::nullopt;
}

// Encoders have a list of categories for each column, and weights of words a diagonal matrix; until
// scikit-learn 1.0 they had nothing else that tells.
std::optional<int64_t> WidthOfOthers(const Record& record) {
  if (record.Has("categories_")) {
    const auto lists = record.List("categories_");
    if (lists.ok()) return static_cast<int64_t>(lists->size());
  }
  if (record.Has("_idf_diag")) {
    const auto diagonal = record.Child("_idf_diag");
    if (!diagonal.ok()) return std::nullopt;
    const auto weights = diagonal->Numbers("data");
    if (weights.ok()) return static_cast<int64_t>(weights->values.size());
  }
  return std::nullopt;
}

std::optional<int64_t> WidthOfArrays(const Record& record) {
  constexpr std::array<std::string_view, 4> kOfOne = {"IsotonicRegression", "CountVectorizer",
                                                      "TfidfVectorizer", "HashingVectorizer"};
  if (std::ranges::find(kOfOne, record.name()) != kOfOne.end()) return 1;
  for (const std::string_view attribute : kPerColumn) {
    if (!record.Has(attribute)) continue;
    const auto array = record.Array(attribute);
    if (array.ok() && !array->shape.empty() && array->shape.back() > 0) return array->shape.back();
  }
  return WidthOfOthers(record);
}

}  // namespace

Result<std::vector<ImportedColumn>> FindColumns(const Value& model, Budget& budget) {
  Value at = model;
  std::vector<std::string> names;
  std::optional<int64_t> width;
  for (int depth = 0; depth < kMaxDepth && !width; ++depth) {
    SLIPWAY_ASSIGN_OR_RETURN(const Record record, Record::From(at, "", budget));
    SLIPWAY_ASSIGN_OR_RETURN(const auto of_booster, BoosterColumns(record));
    if (of_booster) return *of_booster;
    if (names.empty() && record.name() == "DictVectorizer") {
      SLIPWAY_ASSIGN_OR_RETURN(const std::vector<DictKey> keys, ReadDictKeys(record));
      for (const DictKey& key : keys) names.push_back(key.name);
    } else if (names.empty()) {
      SLIPWAY_ASSIGN_OR_RETURN(names, ColumnNames(record));
    }
    width = FittedWidth(record);
    if (!width && !names.empty()) width = static_cast<int64_t>(names.size());
    if (width) break;
    const auto inner = InnerEstimator(record);
    if (!inner) {
      width = WidthOfArrays(record);
      break;
    }
    at = *inner;
  }
  if (!width || *width > kMaxColumns) {
    return base::InvalidArgument(
        "the file does not say how many columns the model takes; was it fitted before it was "
        "saved?");
  }
  std::vector<ImportedColumn> columns(static_cast<size_t>(*width));
  if (names.size() == columns.size()) {
    for (size_t i = 0; i < names.size(); ++i) {
      if (base::IsValidUtf8(names[i])) columns[i].name = std::move(names[i]);
    }
  }
  return columns;
}

}  // namespace slipway::import::sklearn
