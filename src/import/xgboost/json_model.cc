// What XGBoost's JSON and UBJSON files hold, as a Model.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/xgboost/model.h"

namespace slipway::import::xgboost {
namespace {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

constexpr int64_t kMaxCount = std::numeric_limits<int32_t>::max();

std::vector<float> AsFloats(std::span<const double> numbers) {
  std::vector<float> out(numbers.size());
  std::ranges::transform(numbers, out.begin(), [](double x) { return static_cast<float>(x); });
  return out;
}

template <typename T>
std::vector<T> As(const std::vector<int64_t>& numbers) {
  return {numbers.begin(), numbers.end()};
}

// The value of `name`, or `otherwise` where older versions did not write it.
Result<int64_t> IntegerOr(const Place& place, std::string_view name, int64_t otherwise) {
  const auto found = place.Find(name);
  if (!found) return otherwise;
  return found->Integer(0, kMaxCount);
}

Status CheckSize(const Place& place, std::string_view name, size_t size, size_t expected) {
  if (size == expected) return OkStatus();
  return place.Error(StrCat("'", name, "' has ", size, " entries for ", expected, " nodes"));
}

Status ReadCategories(const Place& place, Tree& tree) {
  const auto types = place.Find("split_type");
  const auto found = place.Find("categories_nodes");
  if (!types || !found) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const auto nodes, found->Integers(0, kMaxCount));
  SLIPWAY_ASSIGN_OR_RETURN(const Place flat_place, place.At("categories"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto flat, flat_place.Integers(0, kMaxCount));
  SLIPWAY_ASSIGN_OR_RETURN(const Place starts_place, place.At("categories_segments"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto starts, starts_place.Integers(0, kMaxCount));
  SLIPWAY_ASSIGN_OR_RETURN(const Place sizes_place, place.At("categories_sizes"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto sizes, sizes_place.Integers(0, kMaxCount));
  SLIPWAY_ASSIGN_OR_RETURN(const auto split_types, types->Integers(0, 1));
  SLIPWAY_RETURN_IF_ERROR(CheckSize(place, "split_type", split_types.size(), tree.size()));
  if (starts.size() != nodes.size() || sizes.size() != nodes.size()) {
    return place.Error("'categories_nodes', '..._segments' and '..._sizes' differ in length");
  }
  tree.category_set.assign(tree.size(), -1);
  size_t copied = 0;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const auto node = static_cast<size_t>(nodes[i]);
    const auto end = static_cast<size_t>(starts[i] + sizes[i]);
    copied += static_cast<size_t>(sizes[i]);
    if (node >= tree.size() || end > flat.size() || copied > flat.size()) {
      return place.Error(StrCat("'categories_nodes'[", i, "]: out of range"));
    }
    tree.category_set[node] = static_cast<int32_t>(i);
    tree.categories.emplace_back(flat.begin() + starts[i],
                                 flat.begin() + static_cast<ptrdiff_t>(end));
  }
  for (size_t node = 0; node < tree.size(); ++node) {
    const bool category = split_types[node] == 1 && tree.left[node] >= 0;
    if (!category) tree.category_set[node] = -1;
    if (category && tree.category_set[node] < 0) {
      return place.Error(StrCat("node ", node, ": a split by category without categories"));
    }
  }
  return OkStatus();
}

// Up to 3.1 the values of leaf i are row i of 'base_weights'; later, row right_children[i] of
// 'leaf_weights'.
Status ReadVectorLeaves(const Place& place, Tree& tree) {
  const auto compact = place.Find("leaf_weights");
  const std::string_view name = compact ? "leaf_weights" : "base_weights";
  SLIPWAY_ASSIGN_OR_RETURN(const Place values_place, place.At(name));
  SLIPWAY_ASSIGN_OR_RETURN(const auto values, values_place.Numbers());
  tree.leaf_values = AsFloats(values);
  tree.leaf_row.assign(tree.size(), 0);
  for (size_t node = 0; node < tree.size(); ++node) {
    if (tree.left[node] >= 0) continue;
    const int64_t row = compact ? tree.right[node] : static_cast<int64_t>(node);
    if (row < 0 || static_cast<size_t>(row + 1) * tree.leaf_size > tree.leaf_values.size()) {
      return place.Error(StrCat("node ", node, ": its values lie outside of '", name, "'"));
    }
    tree.leaf_row[node] = static_cast<uint32_t>(row);
  }
  return OkStatus();
}

Result<Tree> ReadTree(const Place& place) {
  Tree tree;
  SLIPWAY_ASSIGN_OR_RETURN(const Place left_place, place.At("left_children"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto left, left_place.Integers());
  SLIPWAY_ASSIGN_OR_RETURN(const Place right_place, place.At("right_children"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto right, right_place.Integers());
  SLIPWAY_ASSIGN_OR_RETURN(const Place feature_place, place.At("split_indices"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto features, feature_place.Integers(0, kMaxCount));
  SLIPWAY_ASSIGN_OR_RETURN(const Place condition_place, place.At("split_conditions"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto conditions, condition_place.Numbers());
  SLIPWAY_ASSIGN_OR_RETURN(const Place default_place, place.At("default_left"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto defaults, default_place.Integers(0, 1));
  SLIPWAY_ASSIGN_OR_RETURN(const Place param, place.At("tree_param"));
  SLIPWAY_ASSIGN_OR_RETURN(const Place count, param.At("num_nodes"));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t nodes, count.Integer(1, kMaxCount));
  const auto size = static_cast<size_t>(nodes);
  SLIPWAY_RETURN_IF_ERROR(CheckSize(place, "left_children", left.size(), size));
  SLIPWAY_RETURN_IF_ERROR(CheckSize(place, "right_children", right.size(), size));
  SLIPWAY_RETURN_IF_ERROR(CheckSize(place, "split_indices", features.size(), size));
  SLIPWAY_RETURN_IF_ERROR(CheckSize(place, "split_conditions", conditions.size(), size));
  SLIPWAY_RETURN_IF_ERROR(CheckSize(place, "default_left", defaults.size(), size));
  tree.left = As<int32_t>(left);
  tree.right = As<int32_t>(right);
  tree.feature = As<uint32_t>(features);
  tree.condition = AsFloats(conditions);
  tree.default_left = As<uint8_t>(defaults);
  SLIPWAY_RETURN_IF_ERROR(ReadCategories(place, tree));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t leaf_size, IntegerOr(param, "size_leaf_vector", 0));
  if (leaf_size > 1) {
    tree.leaf_size = static_cast<uint32_t>(leaf_size);
    SLIPWAY_RETURN_IF_ERROR(ReadVectorLeaves(place, tree));
  }
  return tree;
}

// Texts lie end to end as the numbers of their bytes.
Result<FrameCategories> ReadFrameCategories(const Place& place) {
  FrameCategories out;
  SLIPWAY_ASSIGN_OR_RETURN(const Place values_place, place.At("values"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::span<const double> values, values_place.Numbers());
  const auto offsets_place = place.Find("offsets");
  if (!offsets_place) {
    out.numbers.assign(values.begin(), values.end());
    return out;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const auto offsets, offsets_place->Integers(0, kMaxCount));
  SLIPWAY_ASSIGN_OR_RETURN(const auto bytes, values_place.Integers(-128, 255));
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    if (offsets[i] > offsets[i + 1] || static_cast<size_t>(offsets[i + 1]) > bytes.size()) {
      return offsets_place->Error(StrCat("number ", i + 1, " is out of order"));
    }
    std::string text;
    for (int64_t at = offsets[i]; at < offsets[i + 1]; ++at) {
      text.push_back(static_cast<char>(bytes[static_cast<size_t>(at)]));
    }
    out.texts.push_back(std::move(text));
  }
  return out;
}

Status ReadTrees(const Place& place, Model& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const Place trees_place, place.At("trees"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto trees, trees_place.Items());
  for (const Place& item : trees) {
    SLIPWAY_ASSIGN_OR_RETURN(Tree tree, ReadTree(item));
    model.trees.push_back(std::move(tree));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Place info, place.At("tree_info"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto groups, info.Integers(0, kMaxCount));
  if (groups.size() != trees.size()) {
    return info.Error(StrCat(groups.size(), " entries for ", trees.size(), " trees"));
  }
  model.tree_group = As<uint32_t>(groups);
  SLIPWAY_ASSIGN_OR_RETURN(const Place param, place.At("gbtree_model_param"));
  SLIPWAY_ASSIGN_OR_RETURN(const Place count, param.At("num_trees"));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t said, count.Integer(0, kMaxCount));
  if (static_cast<size_t>(said) != trees.size()) {
    return count.Error(StrCat("says ", said, ", the file has ", trees.size()));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t parallel, IntegerOr(param, "num_parallel_tree", 1));
  model.parallel_trees = static_cast<uint32_t>(std::max<int64_t>(parallel, 1));
  if (const auto starts = place.Find("iteration_indptr")) {
    SLIPWAY_ASSIGN_OR_RETURN(model.iteration_start,
                             starts->Integers(0, static_cast<int64_t>(trees.size())));
  }
  if (const auto cats = place.Find("cats")) {
    const auto encoders = cats->Find("enc");
    if (encoders && encoders->is_array()) {
      SLIPWAY_ASSIGN_OR_RETURN(const auto items, encoders->Items());
      model.has_category_names = !items.empty();
      for (const Place& item : items) {
        SLIPWAY_ASSIGN_OR_RETURN(FrameCategories categories, ReadFrameCategories(item));
        model.frame_categories.push_back(std::move(categories));
      }
    }
  }
  return OkStatus();
}

Status ReadBooster(const Place& place, Model& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const Place name_place, place.At("name"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, name_place.Text());
  if (name == "gblinear") {
    model.booster = BoosterKind::kLinear;
    SLIPWAY_ASSIGN_OR_RETURN(const Place linear, place.At("model"));
    SLIPWAY_ASSIGN_OR_RETURN(const Place weights_place, linear.At("weights"));
    SLIPWAY_ASSIGN_OR_RETURN(const auto weights, weights_place.Numbers());
    model.linear = AsFloats(weights);
    return OkStatus();
  }
  if (name == "gbtree") {
    SLIPWAY_ASSIGN_OR_RETURN(const Place trees, place.At("model"));
    return ReadTrees(trees, model);
  }
  if (name != "dart") {
    return name_place.Error(
        StrCat("expected gbtree, dart or gblinear, got '", base::Printable(name), "'"));
  }
  model.booster = BoosterKind::kDart;
  SLIPWAY_ASSIGN_OR_RETURN(const Place gbtree, place.At("gbtree"));
  SLIPWAY_ASSIGN_OR_RETURN(const Place trees, gbtree.At("model"));
  SLIPWAY_RETURN_IF_ERROR(ReadTrees(trees, model));
  SLIPWAY_ASSIGN_OR_RETURN(const Place weights_place, place.At("weight_drop"));
  SLIPWAY_ASSIGN_OR_RETURN(const auto weights, weights_place.Numbers());
  if (weights.size() != model.trees.size()) {
    return weights_place.Error(
        StrCat(weights.size(), " weights for ", model.trees.size(), " trees"));
  }
  model.tree_weight = AsFloats(weights);
  return OkStatus();
}

// "5E-1", or since 3.1 "[1.5E-1,-1.8E-2]".
Result<std::vector<float>> ReadBaseScore(const Place& place) {
  if (!place.is_text()) {
    SLIPWAY_ASSIGN_OR_RETURN(const double number, place.Number());
    return std::vector<float>{static_cast<float>(number)};
  }
  SLIPWAY_ASSIGN_OR_RETURN(const std::string text, place.Text());
  std::string_view rest = text;
  if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  std::vector<float> out;
  while (true) {
    const size_t comma = rest.find(',');
    const auto number = ParseNumber(base::TrimWhitespace(rest.substr(0, comma)));
    if (!number) {
      return place.Error(StrCat("expected numbers, got '", base::Printable(text), "'"));
    }
    out.push_back(static_cast<float>(*number));
    if (comma == std::string_view::npos) return out;
    rest.remove_prefix(comma + 1);
  }
}

Status ReadLearnerParam(const Place& place, Model& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const Place base_score, place.At("base_score"));
  SLIPWAY_ASSIGN_OR_RETURN(model.base_score, ReadBaseScore(base_score));
  SLIPWAY_ASSIGN_OR_RETURN(const Place features, place.At("num_feature"));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t feature_count, features.Integer(0, kMaxCount));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t classes, IntegerOr(place, "num_class", 0));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t targets, IntegerOr(place, "num_target", 1));
  model.features = static_cast<uint32_t>(feature_count);
  model.classes = static_cast<uint32_t>(classes);
  model.targets = static_cast<uint32_t>(std::max<int64_t>(targets, 1));
  return OkStatus();
}

Status ReadAttributes(const Place& learner, Model& model) {
  const auto attributes = learner.Find("attributes");
  if (!attributes) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const Document::Object* members, attributes->Members());
  for (const auto& [name, value] : *members) {
    if (const auto* text = std::get_if<std::string>(&value.value)) model.attributes[name] = *text;
  }
  return OkStatus();
}

}  // namespace

Result<Model> ReadModel(const Document& document) {
  Model model;
  Place root(document);
  // A pickled Booster holds the model and its configuration.
  if (const auto inner = root.Find("Model")) root = *inner;
  if (const auto version = root.Find("version")) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto numbers, version->Integers(0, kMaxCount));
    std::copy_n(numbers.begin(), std::min<size_t>(numbers.size(), 3), model.version.begin());
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Place learner, root.At("learner"));
  SLIPWAY_ASSIGN_OR_RETURN(const Place param, learner.At("learner_model_param"));
  SLIPWAY_RETURN_IF_ERROR(ReadLearnerParam(param, model));
  SLIPWAY_ASSIGN_OR_RETURN(const Place objective, learner.At("objective"));
  SLIPWAY_ASSIGN_OR_RETURN(const Place name, objective.At("name"));
  SLIPWAY_ASSIGN_OR_RETURN(model.objective, name.Text());
  SLIPWAY_ASSIGN_OR_RETURN(const Place booster, learner.At("gradient_booster"));
  SLIPWAY_RETURN_IF_ERROR(ReadBooster(booster, model));
  SLIPWAY_RETURN_IF_ERROR(ReadAttributes(learner, model));
  if (const auto names = learner.Find("feature_names")) {
    SLIPWAY_ASSIGN_OR_RETURN(model.feature_names, names->Texts());
  }
  return model;
}

}  // namespace slipway::import::xgboost
