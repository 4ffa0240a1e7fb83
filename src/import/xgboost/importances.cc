#include "import/xgboost/importances.h"

#include <algorithm>
#include <string>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/document.h"
#include "import/xgboost/ubjson.h"

namespace slipway::import::xgboost {
namespace {

using base::Result;
using base::Status;
using base::StrCat;

constexpr int64_t kMaxFeatures = 1'000'000;

Result<Document> Read(std::span<const std::byte> bytes, const ImportLimits& limits) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with('{')) {
    return base::Unimplemented("the importances of columns in XGBoost's old binary format");
  }
  const bool ubjson = text.starts_with("{L") || text.starts_with("{i");
  return ubjson ? ReadUbjson(bytes, limits) : ReadJson(text, limits);
}

struct Scores {
  std::vector<float> splits;
  std::vector<float> sums;
};

// Adds the numbers of a tree's splits to those of their columns, from the root down, right before
// left.
Status AddTree(const Place& tree, std::string_view statistic, Scores& scores) {
  SLIPWAY_ASSIGN_OR_RETURN(const Place left_place, tree.At("left_children"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto left, left_place.Integers());
  SLIPWAY_ASSIGN_OR_RETURN(const Place right_place, tree.At("right_children"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto right, right_place.Integers());
  SLIPWAY_ASSIGN_OR_RETURN(const Place feature_place, tree.At("split_indices"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto features,
                           feature_place.Integers(0, static_cast<int64_t>(scores.sums.size()) - 1));
  SLIPWAY_ASSIGN_OR_RETURN(const Place number_place, tree.At(statistic));
  SLIPWAY_ASSIGN_OR_RETURN(const auto numbers, number_place.Numbers());
  const size_t size = left.size();
  if (size == 0 || right.size() != size || features.size() != size || numbers.size() != size) {
    return tree.Error("arrays of different lengths");
  }
  std::vector<int64_t> open = {0};
  for (size_t visited = 0; !open.empty(); ++visited) {
    const int64_t node = open.back();
    open.pop_back();
    if (node < 0 || node >= static_cast<int64_t>(size) || visited >= size) {
      return tree.Error("children that are no tree");
    }
    const auto at = static_cast<size_t>(node);
    if (left[at] < 0) continue;
    const auto feature = static_cast<size_t>(features[at]);
    scores.splits[feature] += 1;
    scores.sums[feature] += static_cast<float>(numbers[at]);
    open.push_back(left[at]);
    open.push_back(right[at]);
  }
  return base::OkStatus();
}

}  // namespace

Result<std::vector<float>> ColumnImportances(std::span<const std::byte> bytes,
                                             std::string_view type, const ImportLimits& limits) {
  const bool by_gain = type == "gain" || type == "total_gain";
  if (!by_gain && type != "weight" && type != "cover" && type != "total_cover") {
    return base::Unimplemented(StrCat("importance_type '", base::Printable(type), "'"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Document document, Read(bytes, limits));
  Place root(document);
  if (const auto inner = root.Find("Model")) root = *inner;
  SLIPWAY_ASSIGN_OR_RETURN(const Place learner, root.At("learner"));
  SLIPWAY_ASSIGN_OR_RETURN(const Place param, learner.At("learner_model_param"));
  SLIPWAY_ASSIGN_OR_RETURN(const Place count_place, param.At("num_feature"));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, count_place.Integer(1, kMaxFeatures));
  SLIPWAY_ASSIGN_OR_RETURN(Place booster, learner.At("gradient_booster"));
  if (const auto dart = booster.Find("gbtree")) booster = *dart;
  SLIPWAY_ASSIGN_OR_RETURN(const Place model, booster.At("model"));
  const auto trees = model.Find("trees");
  if (!trees) return base::Unimplemented("the importances of columns of a booster without trees");
  SLIPWAY_ASSIGN_OR_RETURN(const auto items, trees->Items());
  const auto width = static_cast<size_t>(count);
  Scores scores{.splits = std::vector<float>(width, 0), .sums = std::vector<float>(width, 0)};
  for (const Place& tree : items) {
    SLIPWAY_RETURN_IF_ERROR(AddTree(tree, by_gain ? "loss_changes" : "sum_hessian", scores));
  }
  if (type == "weight") return scores.splits;
  if (type == "total_gain" || type == "total_cover") return scores.sums;
  for (size_t i = 0; i < width; ++i) scores.sums[i] /= std::max(1.0F, scores.splits[i]);
  return scores.sums;
}

}  // namespace slipway::import::xgboost
