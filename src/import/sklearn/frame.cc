#include "import/sklearn/frame.h"

#include <utility>

namespace slipway::import::sklearn {

std::optional<int64_t> Inputs::FindColumn(std::string_view name) const {
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].name == name) return static_cast<int64_t>(i);
  }
  return std::nullopt;
}

void Inputs::Use(int64_t column, ImportedColumn::Kind kind) {
  auto& used = used_[static_cast<size_t>(column)];
  if (!used || kind == ImportedColumn::Kind::kText) used = kind;
}

std::vector<ImportedColumn> Inputs::Found() const {
  std::vector<ImportedColumn> found = columns_;
  for (size_t i = 0; i < found.size(); ++i) {
    found[i].kind = used_[i].value_or(found[i].kind);
  }
  return found;
}

int64_t Frame::width() const {
  int64_t sum = 0;
  for (const Block& block : blocks) sum += block.width;
  return sum;
}

Frame Frame::Of(graph::Value value, int64_t width) {
  Frame out;
  out.blocks.push_back({.value = std::move(value), .width = width});
  return out;
}

Frame Frame::Join(std::vector<Frame> frames) {
  Frame out;
  for (Frame& frame : frames) {
    for (Block& block : frame.blocks) out.blocks.push_back(std::move(block));
  }
  return out;
}

}  // namespace slipway::import::sklearn
