#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/importer.h"

namespace slipway::import::lightgbm {

// How a split treats what is not there. Bits 2 and 3 of decision_type.
enum class Missing : uint8_t { kNone = 0, kZero = 1, kNan = 2 };

// One tree as the file has it: arrays with an entry for each inner node or leaf, all checked to be
// as long as num_leaves says. Children below zero are leaves, ~child. Nothing else is checked yet.
struct Tree {
  std::vector<int32_t> feature;
  std::vector<double> threshold;  // of a split by category: the position of its set
  std::vector<uint8_t> decision;  // bit 0: by category, bit 1: missing goes left, bits 2-3: Missing
  std::vector<int32_t> left;
  std::vector<int32_t> right;
  std::vector<double> leaf_value;
  // Set i of categories: bit v of the words [boundaries[i], boundaries[i + 1]) is category v.
  std::vector<int32_t> category_boundaries;
  std::vector<uint32_t> category_words;
  // Linear trees: the leaf's constant, and its features and their coefficients, leaf by leaf.
  bool linear = false;
  std::vector<double> leaf_constant;
  std::vector<int32_t> leaf_features;  // how many features each leaf has
  std::vector<int32_t> linear_feature;
  std::vector<double> coefficient;

  size_t inner_nodes() const { return feature.size(); }
  bool by_category(size_t node) const { return (decision[node] & 1) != 0; }
  bool missing_left(size_t node) const { return (decision[node] & 2) != 0; }
  Missing missing(size_t node) const { return static_cast<Missing>((decision[node] >> 2) & 3); }
};

// A text model of LightGBM as its file has it.
struct Model {
  std::string version;  // "v4"
  uint32_t classes = 1;
  uint32_t trees_per_iteration = 1;
  uint32_t features = 0;
  std::string objective;  // "binary sigmoid:1"; empty where the file has none
  bool average_output = false;
  std::vector<std::string> feature_names;
  std::vector<int64_t> category_columns;  // of which feature_infos lists the categories
  bool has_frame_categories = false;      // trained on a data frame with categories
  std::vector<Tree> trees;
};

// Reads the text. kInvalidArgument names tree and line, kUnimplemented a version that is not known.
// Source: LightGBM 4.6, src/boosting/gbdt_model_text.cpp and src/io/tree.cpp.
base::Result<Model> ReadModel(std::string_view text);

}  // namespace slipway::import::lightgbm
