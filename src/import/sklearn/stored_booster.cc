#include "import/sklearn/stored_booster.h"

#include <array>
#include <utility>

#include "base/str_cat.h"

// Source: XGBoost 3.2, python-package/xgboost/sklearn.py; LightGBM 4.7,
// python-package/lightgbm/sklearn.py; CatBoost 1.2, catboost/python-package/catboost/core.py.
namespace slipway::import::sklearn {

using base::Result;
using base::StrCat;
using Kind = pickle::Value::Kind;

namespace {

// The bytes of a model, against the budget: many estimators may share them.
Result<std::string_view> ReadStored(const Record& record,
                                    std::span<const std::string_view> attributes) {
  const std::string_view attribute = record.FirstOf(attributes);
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Value* value, record.Get(attribute));
  if (!value->Is(Kind::kBytes) && !value->Is(Kind::kText)) {
    return record.Damaged(StrCat(attribute, ": expected the model, got ",
                                 pickle::KindName(value->kind()), "; was it fitted?"));
  }
  const std::string_view bytes = value->node().text;
  uint64_t& left = record.budget().elements_left;
  const uint64_t cost = bytes.size() / 2;
  if (cost > left) return base::ResourceExhausted("the model reads the same trees over and over");
  left -= cost;
  return bytes;
}

}  // namespace

Result<StoredBooster> FindStored(const Record& record) {
  constexpr std::array<std::string_view, 1> kCatboost = {"__model"};
  constexpr std::array<std::string_view, 3> kOthers = {"handle", "_handle", "model_str"};
  if (record.module().starts_with("catboost.")) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string_view bytes, ReadStored(record, kCatboost));
    return StoredBooster{record, bytes};
  }
  if (record.name() == "Booster") {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string_view bytes, ReadStored(record, kOthers));
    return StoredBooster{record, bytes};
  }
  SLIPWAY_ASSIGN_OR_RETURN(Record booster, record.Child("_Booster"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view bytes, ReadStored(booster, kOthers));
  return StoredBooster{std::move(booster), bytes};
}

Labels Numbered(int64_t count) {
  Labels labels;
  for (int64_t i = 0; i < count; ++i) labels.integers.push_back(i);
  return labels;
}

Result<std::optional<Labels>> LearnedLabels(const Record& record) {
  const auto read = [](const Record& holder,
                       std::string_view attribute) -> Result<std::optional<Labels>> {
    if (!holder.Has(attribute)) return std::optional<Labels>();
    SLIPWAY_ASSIGN_OR_RETURN(Labels labels, Labels::Read(holder, attribute));
    return std::optional(std::move(labels));
  };
  if (!record.Has("_le")) return read(record, record.Has("_classes") ? "_classes" : "classes_");
  SLIPWAY_ASSIGN_OR_RETURN(const Record encoder, record.Child("_le"));
  return read(encoder, "classes_");
}

Result<Labels> WrapperLabels(const Record& record, int64_t count) {
  SLIPWAY_ASSIGN_OR_RETURN(std::optional<Labels> learned, LearnedLabels(record));
  if (!learned) return Numbered(count);
  if (learned->size() == count) return *std::move(learned);
  return record.Damaged(
      StrCat(learned->size(), " class labels for a model of ", count, " classes"));
}

}  // namespace slipway::import::sklearn
