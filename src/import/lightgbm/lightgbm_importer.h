#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "import/answer.h"
#include "import/importer.h"

namespace slipway::import::lightgbm {

// LightGBM's text models, versions v2 to v4 (LightGBM 2.1 and later). See README.md for what is
// read, and what the numbers are held to.
const Importer& LightgbmImporter();

// What is known about a model from outside its text: from the pickled wrapper it was part of.
struct WrapperFacts {
  ClassLabels labels = {};
  int64_t iterations = 0;  // how many are used; 0 for all
};

// A model's text alone, as a pickled Booster holds it, added to a graph: `x` is FP64 [batch,
// features]. Errors as Importer::import.
base::Result<Answer> AddBoosterText(graph::GraphBuilder& graph, const graph::Value& x,
                                    std::string_view text, const WrapperFacts& facts);

struct Description {
  ImportedModel about;                    // columns, structure, warnings; `onnx` stays empty
  std::vector<int64_t> category_columns;  // that trees may split by category
};
// What is to be said about such a model.
base::Result<Description> DescribeBoosterText(std::string_view text);

// The same as a model of its own.
base::Result<ImportedModel> ImportBoosterText(std::string_view text, const WrapperFacts& facts,
                                              const ImportOptions& options);

}  // namespace slipway::import::lightgbm
