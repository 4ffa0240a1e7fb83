#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "import/answer.h"
#include "import/importer.h"

namespace slipway::import::catboost {

// CatBoost's model files: .cbm and JSON (1.0 and later). See README.md for what is read, and what
// the numbers are held to.
const Importer& CatboostImporter();

// Where the columns of a model come from that is part of another one.
struct ColumnSource {
  // These columns as FP32 [batch, columns.size()].
  std::function<base::Result<graph::Value>(std::span<const int64_t> columns)> numbers;
  // A category, STRING [batch, 1].
  std::function<base::Result<graph::Value>(int64_t column)> category;
};

// A model, and how its classes are called; empty unless its answer tells classes apart.
struct AddedModel {
  Answer answer;
  ClassLabels labels;
};

// A model's bytes alone, .cbm or JSON, as a pickled CatBoostClassifier holds them, added to a
// graph. Errors as Importer::import, and those of `source`.
base::Result<AddedModel> AddModelBytes(graph::GraphBuilder& graph, const ColumnSource& source,
                                       std::span<const std::byte> bytes,
                                       const ImportLimits& limits);

// What is to be said about such a model: columns, structure, warnings. `onnx` stays empty.
base::Result<ImportedModel> DescribeModelBytes(std::span<const std::byte> bytes,
                                               const ImportLimits& limits);

}  // namespace slipway::import::catboost
