#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "import/answer.h"
#include "import/catboost/flatbuffer.h"
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
  std::vector<int32_t> values;  // hashes of the categories that splits ask for
};

// What a tree asks about a row. Splits by texts or embeddings are known by their kind only.
struct Split {
  enum class Kind : uint8_t { kNumber, kOneHot, kCounter, kEstimated };
  Kind kind = Kind::kNumber;
  uint32_t feature = 0;  // position in `floats`, `categories` or `counters`
  float border = 0;      // of a number or counter: true when the value is above
  int32_t value = 0;     // kOneHot: true when the category has this hash
};

// Counts of categories, or of combinations of these, met in training. Row i has the counts
// [i * width, (i + 1) * width). Rows are found by a hash of the combination.
struct CounterTable {
  std::vector<int64_t> keys;
  size_t width = 0;
  std::vector<double> counts;
  double denominator = 0;
};

// A number made of categories: what CatBoost calls a CTR.
struct Counter {
  enum class Type : uint8_t { kBorders, kBuckets, kMean, kFrequency };
  // Parts of the combination, in the order of its hash.
  struct Part {
    bool whole_category = false;  // the category's hash; else whether the split holds
    Split split;                  // by number or category
  };
  Type type = Type::kBorders;
  std::vector<Part> parts;
  uint32_t table = 0;  // position in `tables`
  uint32_t target_border = 0;
  float prior = 0;
  float prior_denominator = 1;
  float shift = 0;
  float scale = 1;
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
  std::vector<Counter> counters;
  std::vector<CounterTable> tables;  // of the counters
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

// How many counts a row of the counter's table has at least.
size_t CountsNeeded(const Counter& counter);

// Reads "ctrs" of `features`, and their tables in "ctr_data" of `root`, into the model, whose
// numbers and categories are there already; `borders` gets the splits by counters, in the file's
// order. Source: CatBoost 1.2, catboost/libs/model/static_ctr_provider.cpp.
base::Status ReadJsonCounters(const Place& root, const Place& features, Model& model,
                              std::vector<Split>& borders);

// Source: CatBoost 1.2, catboost/libs/model/model_export/json_model_helpers.cpp.
base::Result<Model> ReadJsonModel(const Document& document, const ImportLimits& limits);

// Reads the counters `features`, tables of the schema, and their tables from `parts`, which is what
// follows the trees in a .cbm file. `borders` gets the splits by counters, in the file's order.
base::Status ReadBinaryCounters(std::span<const FlatTable> features,
                                std::span<const std::byte> parts, Model& model,
                                std::vector<Split>& borders);

// A .cbm file. Source: CatBoost 1.2, catboost/libs/model/model.cpp and flatbuffers/model.fbs.
base::Result<Model> ReadBinaryModel(std::span<const std::byte> file, const ImportLimits& limits);

}  // namespace slipway::import::catboost
