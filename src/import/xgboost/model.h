#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "import/document.h"

namespace slipway::import::xgboost {

// One tree as the file has it: arrays with an entry for each node. Node 0 is the root; left < 0
// marks a leaf. Nothing is checked yet but that the arrays are as long as each other.
struct Tree {
  std::vector<int32_t> left;
  std::vector<int32_t> right;
  std::vector<uint32_t> feature;
  std::vector<float> condition;  // the threshold of a split, the value of a leaf
  std::vector<uint8_t> default_left;
  // Position in `categories` of a split by category, -1 for a numeric one; empty when there is
  // none.
  std::vector<int32_t> category_set;
  std::vector<std::vector<int64_t>> categories;  // the categories that go right
  // Vector leaves: `leaf_size` values for node i at leaf_values[leaf_row[i] * leaf_size].
  uint32_t leaf_size = 1;
  std::vector<uint32_t> leaf_row;
  std::vector<float> leaf_values;

  size_t size() const { return left.size(); }
};

// The categories of a data frame's column, in the order of their codes: texts, or numbers, or, of a
// column without categories, neither.
struct FrameCategories {
  std::vector<std::string> texts = {};
  std::vector<double> numbers = {};
};

enum class BoosterKind : uint8_t { kTree, kDart, kLinear };

// A model of XGBoost as its file has it, whichever of the three formats that was.
struct Model {
  std::array<int64_t, 3> version = {};  // zeros where the file does not say
  std::string objective;                // "binary:logistic"
  uint32_t features = 0;
  uint32_t classes = 0;  // 0 unless multiclass
  uint32_t targets = 1;
  std::vector<float> base_score;
  bool base_score_is_margin = false;  // very old binary files

  BoosterKind booster = BoosterKind::kTree;
  std::vector<Tree> trees;
  std::vector<uint32_t> tree_group;  // to which output a tree adds
  std::vector<float> tree_weight;    // dart
  std::vector<float> linear;         // gblinear: [features + 1, groups], the bias last
  uint32_t parallel_trees = 1;
  std::vector<int64_t> iteration_start;  // trees before each iteration, and all; may be empty

  std::map<std::string, std::string> attributes;  // "best_iteration", "scikit_learn", ...
  std::vector<std::string> feature_names;
  bool has_category_names = false;  // trained on a frame whose categories the file names
  std::vector<FrameCategories> frame_categories;  // of each feature; empty where it does not

  uint32_t groups() const { return classes > targets ? classes : targets; }
};

// Reads what JSON and UBJSON files hold. kInvalidArgument names the place in the document.
// Source: XGBoost, doc/model.schema and src/tree/io_utils.h.
base::Result<Model> ReadModel(const Document& document);

// Reads the binary format that XGBoost wrote until 3.0. kInvalidArgument names the byte.
// Source: XGBoost 2.0, src/learner.cc, src/gbm/gbtree_model.h and src/tree/tree_model.cc.
base::Result<Model> ReadBinaryModel(std::span<const std::byte> file);

}  // namespace slipway::import::xgboost
