#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/graph_builder.h"
#include "import/importer.h"

namespace slipway::import::sklearn {

// The inputs of the model that is being made. Whether a column holds numbers or texts is not in the
// file: it shows in what the estimators do with it. So a model that could take texts is converted
// twice, once to find out (kProbe), and once for good.
class Inputs {
 public:
  enum class Mode : uint8_t {
    kProbe,     // nothing is known: columns are noted down as they are used
    kSeparate,  // one input for each column
    kTensor,    // one input for all
  };

  // `probe`, where there was one, knows which columns are used at all.
  Inputs(Mode mode, std::vector<ImportedColumn> columns, const Inputs* probe = nullptr)
      : mode_(mode), columns_(std::move(columns)), used_(columns_.size()) {
    if (probe != nullptr) used_ = probe->used_;
    all_are_used_ = probe == nullptr;
  }

  Mode mode() const { return mode_; }
  int64_t size() const { return static_cast<int64_t>(columns_.size()); }
  const std::vector<ImportedColumn>& columns() const { return columns_; }
  // Position of the column of that name.
  std::optional<int64_t> FindColumn(std::string_view name) const;
  // What the probe found. A column that is used as both, which no model does that works, is text.
  std::vector<ImportedColumn> Found() const;
  void Use(int64_t column, ImportedColumn::Kind kind);
  // False for a column that the model was fitted on but never looks at.
  bool IsUsed(int64_t column) const {
    return all_are_used_ || used_[static_cast<size_t>(column)].has_value();
  }

 private:
  const Mode mode_;
  std::vector<ImportedColumn> columns_;
  std::vector<std::optional<ImportedColumn::Kind>> used_;
  bool all_are_used_ = true;
};

// What flows from one estimator to the next: a table of [batch, width], in blocks of columns of
// equal type. A value. Numbers are doubles, as they are in scikit-learn.
struct Frame {
  struct Block {
    graph::Value value;  // [batch, width]; without a name: a column of the inputs, of unknown type
    int64_t width = 0;
    int64_t input = -1;  // for such a column: which
  };
  std::vector<Block> blocks;

  int64_t width() const;
  static Frame Of(graph::Value value, int64_t width);
  // One after the other.
  static Frame Join(std::vector<Frame> frames);
};

}  // namespace slipway::import::sklearn
