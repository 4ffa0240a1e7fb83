#include "import/finish.h"

#include <algorithm>
#include <utility>

#include "graph/tabular_metadata.h"

namespace slipway::import {

void Finish(graph::GraphBuilder&& graph, ImportedModel& model) {
  graph::TabularMetadata metadata{.source = model.format,
                                  .framework = model.framework,
                                  .framework_version = model.framework_version,
                                  .columns = {},
                                  .classes = model.class_names};
  const bool named = std::ranges::none_of(
      model.columns, [](const ImportedColumn& column) { return column.name.empty(); });
  if (named) {
    for (const ImportedColumn& column : model.columns) metadata.columns.push_back(column.name);
  }
  graph::WriteTabularMetadata(metadata, graph);
  model.onnx = std::move(graph).Finish();
}

}  // namespace slipway::import
