// CatBoost's binary files as a Model: "CBM1", the size of a FlatBuffers table, and that table.
#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/catboost/flatbuffer.h"
#include "import/catboost/model.h"

namespace slipway::import::catboost {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

// Fields of the tables, by their position in the schema.
namespace core {
enum Field { kFormatVersion, kModelTrees, kInfoMap, kModelPartIds };
}
namespace trees {
enum Field {
  kDimension,
  kSplits,
  kSizes,
  kStartOffsets,
  kCatFeatures,
  kFloatFeatures,
  kOneHotFeatures,
  kCtrFeatures,
  kLeafValues,
  kLeafWeights,
  kStepNodes,
  kNodeToLeaf,
  kTextFeatures,
  kEstimatedFeatures,
  kScale,
  kBias,
  kMultiBias,
};
}
namespace float_feature {
enum Field { kHasNans, kIndex, kColumn, kBorders, kName, kNanTreatment };
}
namespace cat_feature {
enum Field { kIndex, kColumn, kName };
}
namespace one_hot_feature {
enum Field { kIndex, kValues };
}
namespace estimated_feature {
enum Field { kSource, kCalcer, kLocalIndex, kBorders };
}

constexpr int8_t kNanAsTrue = 2;

// How far behind a node its children are; 0 for none.
struct StepNode {
  uint16_t no = 0;
  uint16_t yes = 0;
};

class BinaryModelReader {
 public:
  BinaryModelReader(std::span<const std::byte> parts, const ImportLimits& limits)
      : parts_(parts), limits_(limits) {}

  Result<Model> Read(const FlatTable& root) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string format, root.Text(core::kFormatVersion));
    if (format != "FlabuffersModel_v1") {  // CatBoost's spelling
      return base::Unimplemented(
          StrCat("the format '", base::Printable(format), "' is not supported"));
    }
    SLIPWAY_ASSIGN_OR_RETURN(const auto table, root.Table(core::kModelTrees));
    if (!table) return InvalidArgument("the file has no trees");
    SLIPWAY_RETURN_IF_ERROR(ReadFeatures(*table));
    SLIPWAY_RETURN_IF_ERROR(ReadLeaves(*table));
    SLIPWAY_RETURN_IF_ERROR(ReadTrees(*table));
    SLIPWAY_RETURN_IF_ERROR(ReadInfo(root));
    return std::move(model_);
  }

 private:
  template <typename Feature>
  static Status ReadPosition(const FlatTable& table, int index_field, int column_field,
                             int name_field, Feature& feature) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto index, table.Scalar<int32_t>(index_field, -1));
    SLIPWAY_ASSIGN_OR_RETURN(const auto column, table.Scalar<int32_t>(column_field, -1));
    if (index < 0 || column < 0) return InvalidArgument("a feature without a column");
    feature.index = static_cast<uint32_t>(index);
    feature.column = static_cast<uint32_t>(column);
    SLIPWAY_ASSIGN_OR_RETURN(feature.name, table.Text(name_field));
    return OkStatus();
  }

  // Trees know splits by number: the borders of all numbers, then estimated features, values of
  // categories, and counters.
  Status ReadFeatures(const FlatTable& table) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto floats, table.Tables(trees::kFloatFeatures));
    for (const FlatTable& item : floats) SLIPWAY_RETURN_IF_ERROR(ReadFloat(item));
    SLIPWAY_ASSIGN_OR_RETURN(const auto categories, table.Tables(trees::kCatFeatures));
    for (const FlatTable& item : categories) {
      CategoricalFeature& feature = model_.categories.emplace_back();
      SLIPWAY_RETURN_IF_ERROR(ReadPosition(item, cat_feature::kIndex, cat_feature::kColumn,
                                           cat_feature::kName, feature));
    }
    SLIPWAY_ASSIGN_OR_RETURN(const auto estimated, table.Tables(trees::kEstimatedFeatures));
    for (const FlatTable& item : estimated) {
      SLIPWAY_ASSIGN_OR_RETURN(const auto borders, item.Vector<float>(estimated_feature::kBorders));
      AddSplits(borders.size(), {.kind = Split::Kind::kEstimated});
    }
    SLIPWAY_ASSIGN_OR_RETURN(const auto one_hot, table.Tables(trees::kOneHotFeatures));
    for (const FlatTable& item : one_hot) SLIPWAY_RETURN_IF_ERROR(ReadOneHot(item));
    SLIPWAY_ASSIGN_OR_RETURN(const auto counters, table.Tables(trees::kCtrFeatures));
    SLIPWAY_RETURN_IF_ERROR(ReadBinaryCounters(counters, parts_, model_, model_.splits));
    return OkStatus();
  }

  Status ReadFloat(const FlatTable& item) {
    FloatFeature feature;
    SLIPWAY_RETURN_IF_ERROR(ReadPosition(item, float_feature::kIndex, float_feature::kColumn,
                                         float_feature::kName, feature));
    SLIPWAY_ASSIGN_OR_RETURN(const auto treatment,
                             item.Scalar<int8_t>(float_feature::kNanTreatment, 0));
    feature.nan_is_above = treatment == kNanAsTrue;
    SLIPWAY_ASSIGN_OR_RETURN(const auto borders, item.Vector<float>(float_feature::kBorders));
    const auto position = static_cast<uint32_t>(model_.floats.size());
    for (const float border : borders) {
      model_.splits.push_back({.feature = position, .border = border});
    }
    model_.floats.push_back(std::move(feature));
    return OkStatus();
  }

  Status ReadOneHot(const FlatTable& item) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto index, item.Scalar<int32_t>(one_hot_feature::kIndex, -1));
    SLIPWAY_ASSIGN_OR_RETURN(const auto values, item.Vector<int32_t>(one_hot_feature::kValues));
    const auto found = std::ranges::find(model_.categories, static_cast<uint32_t>(index),
                                         &CategoricalFeature::index);
    if (found == model_.categories.end()) {
      return InvalidArgument(StrCat("splits by a category: no feature has index ", index));
    }
    const auto position = static_cast<uint32_t>(found - model_.categories.begin());
    for (const int32_t value : values) {
      model_.splits.push_back({.kind = Split::Kind::kOneHot, .feature = position, .value = value});
    }
    return OkStatus();
  }

  void AddSplits(size_t count, const Split& split) {
    model_.splits.insert(model_.splits.end(), count, split);
  }

  Status ReadLeaves(const FlatTable& table) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto dimension, table.Scalar<int32_t>(trees::kDimension, 0));
    if (dimension < 1 || dimension > 100'000) {
      return InvalidArgument(StrCat("expected 1 to 100000 outputs, got ", dimension));
    }
    model_.dimension = static_cast<uint32_t>(dimension);
    SLIPWAY_ASSIGN_OR_RETURN(model_.leaf_values, table.Vector<double>(trees::kLeafValues));
    SLIPWAY_ASSIGN_OR_RETURN(model_.scale, table.Scalar<double>(trees::kScale, 1.0));
    SLIPWAY_ASSIGN_OR_RETURN(const auto bias, table.Scalar<double>(trees::kBias, 0.0));
    SLIPWAY_ASSIGN_OR_RETURN(model_.bias, table.Vector<double>(trees::kMultiBias));
    if (model_.bias.empty()) model_.bias.assign(model_.dimension, bias);
    return OkStatus();
  }

  Status ReadTrees(const FlatTable& table) {
    SLIPWAY_ASSIGN_OR_RETURN(tree_splits_, table.Vector<int32_t>(trees::kSplits));
    SLIPWAY_ASSIGN_OR_RETURN(const auto sizes, table.Vector<int32_t>(trees::kSizes));
    SLIPWAY_ASSIGN_OR_RETURN(steps_, table.Vector<StepNode>(trees::kStepNodes));
    SLIPWAY_ASSIGN_OR_RETURN(leaf_of_, table.Vector<uint32_t>(trees::kNodeToLeaf));
    if (!steps_.empty() &&
        (steps_.size() != tree_splits_.size() || leaf_of_.size() != tree_splits_.size())) {
      return InvalidArgument(StrCat(tree_splits_.size(), " splits, ", steps_.size(), " steps and ",
                                    leaf_of_.size(), " leaf numbers of nodes"));
    }
    size_t start = 0;
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i] < 0 || static_cast<size_t>(sizes[i]) > tree_splits_.size() - start) {
        return InvalidArgument(StrCat("tree ", i, ": ", sizes[i], " splits with ",
                                      tree_splits_.size() - start, " left"));
      }
      const auto size = static_cast<size_t>(sizes[i]);
      const Status status = steps_.empty() ? ReadOblivious(start, size) : ReadSteps(start, size);
      if (!status.ok()) return status.WithContext(StrCat("tree ", i));
      start += size;
    }
    return OkStatus();
  }

  Status ReadOblivious(size_t start, size_t depth) {
    const size_t leaves = model_.leaf_values.size() / model_.dimension;
    if (depth > 30 || (size_t{1} << depth) > leaves - next_leaf_) {
      return InvalidArgument(
          StrCat("of depth ", depth, ", with ", leaves - next_leaf_, " leaves left"));
    }
    std::vector<uint32_t> splits;
    for (size_t i = start; i < start + depth; ++i) {
      SLIPWAY_ASSIGN_OR_RETURN(const uint32_t split, SplitAt(i));
      splits.push_back(split);
    }
    AddObliviousTree(splits, next_leaf_, model_);
    next_leaf_ += size_t{1} << depth;
    return OkStatus();
  }

  // Children lie behind their node, so that there are no rings; two nodes with one child are left
  // to the check of the ensemble.
  Status ReadSteps(size_t start, size_t size) {
    if (size == 0) return InvalidArgument("without a node");
    std::vector<int32_t> position(size);  // of the tree's nodes in the model
    for (size_t i = 0; i < size; ++i) {
      const StepNode& step = steps_[start + i];
      if (step.no == 0 && step.yes == 0) {
        SLIPWAY_ASSIGN_OR_RETURN(position[i], LeafAt(start + i));
      } else {
        position[i] = static_cast<int32_t>(model_.nodes.size());
        SLIPWAY_ASSIGN_OR_RETURN(const uint32_t split, SplitAt(start + i));
        model_.nodes.push_back({.split = split});
      }
    }
    for (size_t i = 0; i < size; ++i) {
      if (position[i] < 0) continue;
      Node& node = model_.nodes[static_cast<size_t>(position[i])];
      SLIPWAY_ASSIGN_OR_RETURN(node.no, Child(position, start, i, steps_[start + i].no));
      SLIPWAY_ASSIGN_OR_RETURN(node.yes, Child(position, start, i, steps_[start + i].yes));
    }
    model_.trees.push_back({.root = position[0]});
    return OkStatus();
  }

  // A node with one child has its own leaf on the other side.
  Result<int32_t> Child(const std::vector<int32_t>& position, size_t start, size_t node,
                        size_t step) const {
    if (step == 0) return LeafAt(start + node);
    if (node + step >= position.size()) {
      return InvalidArgument(
          StrCat("node ", node, ": child ", node + step, " of ", position.size(), " nodes"));
    }
    return position[node + step];
  }

  Result<int32_t> LeafAt(size_t node) const {
    const uint32_t value = leaf_of_[node];
    if (value % model_.dimension != 0 ||
        uint64_t{value} + model_.dimension > model_.leaf_values.size()) {
      return InvalidArgument(StrCat("node ", node, ": its leaf has the values from ", value,
                                    " on, of ", model_.leaf_values.size()));
    }
    return ~static_cast<int32_t>(value / model_.dimension);
  }

  Result<uint32_t> SplitAt(size_t i) const {
    const int32_t split = tree_splits_[i];
    if (split < 0 || static_cast<size_t>(split) >= model_.splits.size()) {
      return InvalidArgument(StrCat("split ", split, " of ", model_.splits.size()));
    }
    return static_cast<uint32_t>(split);
  }

  Status ReadInfo(const FlatTable& root) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto entries, root.Tables(core::kInfoMap));
    Document::Object members;
    for (const FlatTable& entry : entries) {
      SLIPWAY_ASSIGN_OR_RETURN(std::string key, entry.Text(0));
      SLIPWAY_ASSIGN_OR_RETURN(std::string value, entry.Text(1));
      members.push_back({std::move(key), Document{std::move(value)}});
    }
    const Document info{std::move(members)};
    return ReadModelInfo(Place(info, "InfoMap"), limits_, model_);
  }

  const std::span<const std::byte> parts_;
  const ImportLimits& limits_;
  Model model_;
  std::vector<int32_t> tree_splits_;
  std::vector<StepNode> steps_;    // of trees that are not oblivious
  std::vector<uint32_t> leaf_of_;  // first value of each such node
  size_t next_leaf_ = 0;           // of the oblivious trees
};

}  // namespace

Result<Model> ReadBinaryModel(std::span<const std::byte> file, const ImportLimits& limits) {
  if (file.size() < 8 || std::memcmp(file.data(), "CBM1", 4) != 0) {
    return InvalidArgument("expected 'CBM1' at the beginning of the file");
  }
  uint32_t size = 0;
  std::memcpy(&size, file.data() + 4, 4);
  if (size > file.size() - 8) {
    return InvalidArgument(
        StrCat("byte 4: the model takes ", size, " bytes, the file has ", file.size() - 8));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const FlatTable root, FlatTable::Root(file.subspan(8, size)));
  return BinaryModelReader(file.subspan(8 + size), limits).Read(root);
}

}  // namespace slipway::import::catboost
