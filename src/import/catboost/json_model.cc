// What CatBoost's JSON files hold, as a Model.
#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/catboost/model.h"

namespace slipway::import::catboost {
namespace {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

constexpr int64_t kMaxCount = std::numeric_limits<int32_t>::max();
constexpr size_t kMaxDepth = 30;  // of an oblivious tree; CatBoost allows 16

// A feature's index among its kind, column and name.
template <typename Feature>
Status ReadPosition(const Place& place, Feature& feature) {
  SLIPWAY_ASSIGN_OR_RETURN(const Place index, place.At("feature_index"));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t index_value, index.Integer(0, kMaxCount));
  SLIPWAY_ASSIGN_OR_RETURN(const Place column, place.At("flat_feature_index"));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t column_value, column.Integer(0, kMaxCount));
  feature.index = static_cast<uint32_t>(index_value);
  feature.column = static_cast<uint32_t>(column_value);
  const auto name = place.Find("feature_id");
  if (!name || !name->is_text()) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(feature.name, name->Text());
  return OkStatus();
}

class JsonModelReader {
 public:
  JsonModelReader(const Place& root, const ImportLimits& limits) : root_(root), limits_(limits) {}

  Result<Model> Read() {
    SLIPWAY_ASSIGN_OR_RETURN(const Place features, root_.At("features_info"));
    SLIPWAY_RETURN_IF_ERROR(ReadFloats(features));
    SLIPWAY_RETURN_IF_ERROR(ReadCategories(features));
    SLIPWAY_RETURN_IF_ERROR(ReadJsonCounters(root_, features, model_, counter_splits_));
    SLIPWAY_RETURN_IF_ERROR(ReadScaleAndBias());
    if (const auto trees = root_.Find("oblivious_trees")) {
      SLIPWAY_RETURN_IF_ERROR(ReadObliviousTrees(*trees));
    } else {
      SLIPWAY_ASSIGN_OR_RETURN(const Place nested, root_.At("trees"));
      SLIPWAY_RETURN_IF_ERROR(ReadTrees(nested));
    }
    if (const auto info = root_.Find("model_info")) {
      SLIPWAY_RETURN_IF_ERROR(ReadModelInfo(*info, limits_, model_));
    }
    return std::move(model_);
  }

 private:
  Status ReadFloats(const Place& features) {
    const auto list = features.Find("float_features");
    if (!list) return OkStatus();
    SLIPWAY_ASSIGN_OR_RETURN(const auto items, list->Items());
    for (const Place& item : items) {
      FloatFeature feature;
      SLIPWAY_RETURN_IF_ERROR(ReadPosition(item, feature));
      if (const auto treatment = item.Find("nan_value_treatment")) {
        SLIPWAY_ASSIGN_OR_RETURN(const std::string text, treatment->Text());
        if (text != "AsIs" && text != "AsFalse" && text != "AsTrue") {
          return treatment->Error(
              StrCat("expected AsIs, AsFalse or AsTrue, got '", base::Printable(text), "'"));
        }
        feature.nan_is_above = text == "AsTrue";
      }
      if (const auto borders = item.Find("borders")) {
        SLIPWAY_ASSIGN_OR_RETURN(const auto numbers, borders->Numbers());
        number_splits_ += numbers.size();
      }
      float_at_[feature.index] = static_cast<uint32_t>(model_.floats.size());
      model_.floats.push_back(std::move(feature));
    }
    return OkStatus();
  }

  Status ReadCategories(const Place& features) {
    const auto list = features.Find("categorical_features");
    if (!list) return OkStatus();
    SLIPWAY_ASSIGN_OR_RETURN(const auto items, list->Items());
    for (const Place& item : items) {
      CategoricalFeature feature;
      SLIPWAY_RETURN_IF_ERROR(ReadPosition(item, feature));
      if (const auto values = item.Find("values")) {
        SLIPWAY_ASSIGN_OR_RETURN(const auto hashes, values->Integers());
        feature.values.assign(hashes.begin(), hashes.end());
      }
      category_at_[feature.index] = static_cast<uint32_t>(model_.categories.size());
      one_hot_splits_ += feature.values.size();
      model_.categories.push_back(std::move(feature));
    }
    return OkStatus();
  }

  // [scale, [bias, ...]]; [scale, bias] in files of old.
  Status ReadScaleAndBias() {
    const auto place = root_.Find("scale_and_bias");
    if (!place) {
      model_.bias = {0.0};
      return OkStatus();
    }
    if (const auto both = place->Numbers(); both.ok()) {
      if (both->size() != 2) return place->Error("expected a scale and a bias");
      model_.scale = (*both)[0];
      model_.bias = {(*both)[1]};
      return OkStatus();
    }
    SLIPWAY_ASSIGN_OR_RETURN(const auto items, place->Items());
    if (items.size() != 2) return place->Error("expected a scale and a list of biases");
    SLIPWAY_ASSIGN_OR_RETURN(model_.scale, items[0].Number());
    SLIPWAY_ASSIGN_OR_RETURN(const auto bias, items[1].Numbers());
    model_.bias.assign(bias.begin(), bias.end());
    if (bias.empty() || bias.size() > 100'000) {
      return items[1].Error(StrCat("expected 1 to 100000 biases, got ", bias.size()));
    }
    model_.dimension = static_cast<uint32_t>(bias.size());
    return OkStatus();
  }

  // The position of the feature whose index is the member `name`.
  static Result<uint32_t> ReadFeature(const Place& place, std::string_view name,
                                      const std::map<uint32_t, uint32_t>& positions) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place index, place.At(name));
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t value, index.Integer(0, kMaxCount));
    const auto found = positions.find(static_cast<uint32_t>(value));
    if (found == positions.end()) return index.Error(StrCat("no feature has index ", value));
    return found->second;
  }

  // Adds the split to the model's; its position there.
  Result<uint32_t> ReadSplit(const Place& place) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place type_place, place.At("split_type"));
    SLIPWAY_ASSIGN_OR_RETURN(const std::string type, type_place.Text());
    Split split;
    if (type == "FloatFeature") {
      SLIPWAY_ASSIGN_OR_RETURN(split.feature, ReadFeature(place, "float_feature_index", float_at_));
      SLIPWAY_ASSIGN_OR_RETURN(const Place border, place.At("border"));
      SLIPWAY_ASSIGN_OR_RETURN(const double border_value, border.Number());
      split.border = static_cast<float>(border_value);
    } else if (type == "OneHotFeature") {
      split.kind = Split::Kind::kOneHot;
      SLIPWAY_ASSIGN_OR_RETURN(split.feature,
                               ReadFeature(place, "cat_feature_index", category_at_));
      SLIPWAY_ASSIGN_OR_RETURN(const Place value, place.At("value"));
      SLIPWAY_ASSIGN_OR_RETURN(const int64_t hash,
                               value.Integer(std::numeric_limits<int32_t>::min(), kMaxCount));
      split.value = static_cast<int32_t>(hash);
    } else if (type == "OnlineCtr") {
      // Known by its number only: counters come after numbers and categories.
      SLIPWAY_ASSIGN_OR_RETURN(const Place index, place.At("split_index"));
      SLIPWAY_ASSIGN_OR_RETURN(const int64_t number, index.Integer(0, kMaxCount));
      const uint64_t first = number_splits_ + one_hot_splits_;
      const auto position = static_cast<uint64_t>(number);
      if (position < first || position - first >= counter_splits_.size()) {
        return index.Error(StrCat("expected a split by a counter, ", first, " to ",
                                  first + counter_splits_.size(), ", got ", number));
      }
      split = counter_splits_[position - first];
    } else {
      split.kind = Split::Kind::kEstimated;
    }
    model_.splits.push_back(split);
    return static_cast<uint32_t>(model_.splits.size() - 1);
  }

  Status ReadObliviousTrees(const Place& place) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto trees, place.Items());
    for (const Place& tree : trees) SLIPWAY_RETURN_IF_ERROR(ReadObliviousTree(tree));
    return OkStatus();
  }

  Status ReadObliviousTree(const Place& tree) {
    std::vector<uint32_t> splits;
    if (const auto list = tree.Find("splits")) {
      SLIPWAY_ASSIGN_OR_RETURN(const auto items, list->Items());
      if (items.size() > kMaxDepth) {
        return list->Error(StrCat("expected at most ", kMaxDepth, " splits, got ", items.size()));
      }
      for (const Place& item : items) {
        SLIPWAY_ASSIGN_OR_RETURN(const uint32_t split, ReadSplit(item));
        splits.push_back(split);
      }
    }
    SLIPWAY_ASSIGN_OR_RETURN(const Place values_place, tree.At("leaf_values"));
    SLIPWAY_ASSIGN_OR_RETURN(const auto values, values_place.Numbers());
    const uint64_t expected = (uint64_t{1} << splits.size()) * model_.dimension;
    if (values.size() != expected) {
      return values_place.Error(StrCat("expected ", expected, " numbers, got ", values.size()));
    }
    const size_t first_leaf = model_.leaf_values.size() / model_.dimension;
    model_.leaf_values.insert(model_.leaf_values.end(), values.begin(), values.end());
    AddObliviousTree(splits, first_leaf, model_);
    return OkStatus();
  }

  Status ReadTrees(const Place& place) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto trees, place.Items());
    for (const Place& tree : trees) {
      SLIPWAY_ASSIGN_OR_RETURN(const int32_t root, ReadNode(tree));
      model_.trees.push_back({.root = root});
    }
    return OkStatus();
  }

  // As deep as the document is, which its reader has limited.
  Result<int32_t> ReadNode(const Place& place) {
    if (const auto value = place.Find("value")) {
      const auto values = value->Numbers();
      if (values.ok()) {
        model_.leaf_values.insert(model_.leaf_values.end(), values->begin(), values->end());
      } else {
        SLIPWAY_ASSIGN_OR_RETURN(const double number, value->Number());
        model_.leaf_values.push_back(number);
      }
      const size_t count = values.ok() ? values->size() : 1;
      if (count != model_.dimension) {
        return value->Error(StrCat("expected ", model_.dimension, " numbers, got ", count));
      }
      return ~static_cast<int32_t>(model_.leaf_values.size() / model_.dimension - 1);
    }
    SLIPWAY_ASSIGN_OR_RETURN(const Place split, place.At("split"));
    const size_t at = model_.nodes.size();
    model_.nodes.emplace_back();
    SLIPWAY_ASSIGN_OR_RETURN(model_.nodes[at].split, ReadSplit(split));
    SLIPWAY_ASSIGN_OR_RETURN(const Place left, place.At("left"));
    SLIPWAY_ASSIGN_OR_RETURN(const int32_t no, ReadNode(left));
    SLIPWAY_ASSIGN_OR_RETURN(const Place right, place.At("right"));
    SLIPWAY_ASSIGN_OR_RETURN(const int32_t yes, ReadNode(right));
    model_.nodes[at].no = no;
    model_.nodes[at].yes = yes;
    return static_cast<int32_t>(at);
  }

  const Place root_;
  const ImportLimits& limits_;
  Model model_;
  std::map<uint32_t, uint32_t> float_at_;     // index among the numbers to position in `floats`
  std::map<uint32_t, uint32_t> category_at_;  // likewise
  std::vector<Split> counter_splits_;
  size_t number_splits_ = 0;  // how many splits the file knows
  size_t one_hot_splits_ = 0;
};

}  // namespace

Result<Model> ReadJsonModel(const Document& document, const ImportLimits& limits) {
  return JsonModelReader(Place(document), limits).Read();
}

}  // namespace slipway::import::catboost
