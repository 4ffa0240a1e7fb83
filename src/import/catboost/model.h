#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "import/answer.h"
#include "import/document.h"
#include "import/importer.h"

namespace slipway::import::catboost {

// A number that trees look at.
struct FloatFeature {
  uint32_t index = 0;   // among the numbers
  uint32_t column = 0;  // of the input
  std::vector<float> borders;
  bool nan_is_above = false;  // NaN counts as above every border; else as below
  std::string name;
};

struct CategoricalFeature {
  uint32_t index = 0;  // among the categories
  uint32_t column = 0;
  std::string name;
};

// What a tree asks about a row. Splits by what is made of categories, texts or embeddings are known
// by their kind only.
struct Split {
  enum class Kind : uint8_t { kNumber, kOneHot, kCtr, kEstimated };
  Kind kind = Kind::kNumber;
  uint32_t feature = 0;  // position in `floats`; index of the categorical feature
  float border = 0;      // kNumber: true when the value is above
};

// A tree as nodes that follow each other from the root on. A split that holds leads to `yes`.
struct Node {
  uint32_t split = 0;  // position in `splits`
  int32_t yes = 0;     // >= 0: a node; negative: the leaf ~yes
  int32_t no = 0;
};

// Leaf i of the model has the values [i * dimension, (i + 1) * dimension) of leaf_values.
struct Tree {
  int32_t root = 0;  // like Node::yes
};

// A model of CatBoost as its file has it. Children and leaves are in range, nothing else is
// checked.
struct Model {
  std::string version;
  std::vector<FloatFeature> floats;
  std::vector<CategoricalFeature> categories;
  std::vector<Split> splits;
  std::vector<Node> nodes;
  std::vector<Tree> trees;
  uint32_t dimension = 1;
  std::vector<double> leaf_values;
  double scale = 1;
  std::vector<double> bias;  // `dimension` of them

  std::string loss;  // "Logloss"; empty where the file does not say
  ClassLabels labels;
  double threshold = 0.5;  // of the probability, for the second of two classes
};

// Adds a tree that asks the same at every node of a level; leaf `first_leaf` + k is the one where
// split i holds exactly when bit i of k is set. Its leaves must exist.
void AddObliviousTree(std::span<const uint32_t> splits, size_t first_leaf, Model& model);

// What the file says about loss and classes: `info` is the object "model_info", whose members are
// texts of JSON in binary files. kInvalidArgument names the place.
base::Status ReadModelInfo(const Place& info, const ImportLimits& limits, Model& model);

// kInvalidArgument unless sizes fit each other: bias and dimension, columns, leaf values.
base::Status CheckModel(const Model& model);

// Source: CatBoost 1.2, catboost/libs/model/model_export/json_model_helpers.cpp.
base::Result<Model> ReadJsonModel(const Document& document, const ImportLimits& limits);

// A .cbm file. Source: CatBoost 1.2, catboost/libs/model/model.cpp and flatbuffers/model.fbs.
base::Result<Model> ReadBinaryModel(std::span<const std::byte> file, const ImportLimits& limits);

}  // namespace slipway::import::catboost
