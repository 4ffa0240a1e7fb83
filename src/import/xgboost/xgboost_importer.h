#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "import/answer.h"
#include "import/importer.h"
#include "import/xgboost/model.h"

namespace slipway::import::xgboost {

// XGBoost's model files: JSON and UBJSON (1.0 and later) and the binary format (up to 3.0). See
// README.md for what is read, and what the numbers are held to.
const Importer& XgboostImporter();

// What is known about a booster from outside its bytes: from the pickled wrapper it was part of.
struct WrapperFacts {
  ClassLabels labels = {};
  // Stops at the best iteration where early stopping has noted one, as XGBClassifier and its
  // relatives do and Booster.predict() does not.
  bool stop_at_best_iteration = false;
};

// A booster's bytes alone, in any of the formats, or as a pickled Booster holds them (`handle`),
// added to a graph: `x` is FP32 [batch, features], NaN where a value is missing. Errors as
// Importer::import.
base::Result<Answer> AddBoosterBytes(graph::GraphBuilder& graph, const graph::Value& x,
                                     std::span<const std::byte> bytes, const WrapperFacts& facts,
                                     const ImportLimits& limits);

struct Description {
  ImportedModel about;                      // columns, structure, warnings; `onnx` stays empty
  std::vector<FrameCategories> categories;  // of each column, or empty: the file has none
};
// What is to be said about such a booster.
base::Result<Description> DescribeBoosterBytes(std::span<const std::byte> bytes,
                                               const WrapperFacts& facts,
                                               const ImportLimits& limits);

// The same as a model of its own.
base::Result<ImportedModel> ImportBoosterBytes(std::span<const std::byte> bytes,
                                               const WrapperFacts& facts,
                                               const ImportOptions& options);

}  // namespace slipway::import::xgboost
