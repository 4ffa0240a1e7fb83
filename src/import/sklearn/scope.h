#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph_builder.h"
#include "import/sklearn/frame.h"
#include "import/sklearn/record.h"

namespace slipway::import::sklearn {

// What all converters of one import share: the graph, the inputs, and what is to be said about the
// model. Not thread-safe; lives for one conversion.
class Scope {
 public:
  Scope(graph::GraphBuilder& graph_builder, Inputs& model_inputs, Budget& shared_budget,
        int max_depth)
      : graph(graph_builder), inputs(model_inputs), budget(shared_budget), max_depth_(max_depth) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  graph::GraphBuilder& graph;
  Inputs& inputs;
  Budget& budget;

  // Notes something that cannot be imported, and returns kUnimplemented. Whoever holds several
  // estimators goes on with the next, so that one message names everything (see Recover()).
  base::Status Unsupported(const Record& record, std::string_view what);
  // OK for kUnimplemented, which was noted; any other status as it is.
  static base::Status Recover(const base::Status& status);
  const std::vector<std::string>& problems() const { return problems_; }

  void Warn(const Record& record, std::string_view what);
  const std::vector<std::string>& warnings() const { return warnings_; }

  // The lines that tell what was found. Enter() begins an estimator, within the one that was
  // entered before; kInvalidArgument when they are nested too deeply.
  base::Status Enter(const Record& record);
  void Leave() { entered_.pop_back(); }
  // Adds to the line of the estimator that was entered last and not left.
  void Describe(std::string_view detail);
  const std::vector<std::string>& structure() const { return structure_; }

  // The columns as one matrix of doubles. kInvalidArgument when there is text among them.
  base::Result<graph::Value> Matrix(const Record& record, const Frame& frame);
  // One column, [batch, 1], as text or as numbers.
  base::Result<graph::Value> TextColumn(const Record& record, const Frame& frame, int64_t column);
  base::Result<graph::Value> NumberColumn(const Record& record, const Frame& frame, int64_t column);
  // Columns of the frame, in the order of `indices`, which are checked.
  base::Result<Frame> Select(const Record& record, const Frame& frame,
                             std::span<const int64_t> indices);

 private:
  graph::Value NumberInput(int64_t column);

  const int max_depth_;
  std::vector<std::string> problems_;
  std::vector<std::string> warnings_;
  std::vector<std::string> structure_;
  std::vector<size_t> entered_;  // and not left: their lines
};

}  // namespace slipway::import::sklearn
