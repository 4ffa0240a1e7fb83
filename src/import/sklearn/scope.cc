#include "import/sklearn/scope.h"

#include <algorithm>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::import::sklearn {

using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::Value;

namespace {

std::string Label(const Record& record) {
  return StrCat(record.place().empty() ? "the model" : record.place(), " (",
                base::Printable(record.name()), ")");
}

}  // namespace

Status Scope::Unsupported(const Record& record, std::string_view what) {
  std::string problem = StrCat(Label(record), ": ", base::Printable(what, kMaxMessageBytes));
  if (std::ranges::find(problems_, problem) == problems_.end()) problems_.push_back(problem);
  return base::Unimplemented(std::move(problem));
}

Status Scope::Recover(const Status& status) {
  return status.code() == base::StatusCode::kUnimplemented ? base::OkStatus() : status;
}

void Scope::Warn(const Record& record, std::string_view what) {
  std::string warning = StrCat(Label(record), ": ", what);
  if (std::ranges::find(warnings_, warning) == warnings_.end()) {
    warnings_.push_back(std::move(warning));
  }
}

Status Scope::Enter(const Record& record) {
  if (entered_.size() >= static_cast<size_t>(max_depth_)) {
    return record.Damaged(StrCat("estimators nested deeper than ", max_depth_));
  }
  if (budget.estimators_left-- == 0) {
    budget.estimators_left = 0;
    return base::ResourceExhausted("the model uses the same estimators over and over");
  }
  const std::string indent(2 * entered_.size(), ' ');
  entered_.push_back(structure_.size());
  structure_.push_back(indent + base::Printable(record.name()));
  return base::OkStatus();
}

void Scope::Describe(std::string_view detail) {
  if (!entered_.empty()) structure_[entered_.back()] += StrCat(": ", detail);
}

Value Scope::NumberInput(int64_t column) {
  inputs.Use(column, ImportedColumn::Kind::kNumber);
  return {.name = StrCat("probe_", column), .type = ElementType::kDouble};
}

Result<Value> Scope::Matrix(const Record& record, const Frame& frame) {
  std::vector<Value> parts;
  for (const Frame::Block& block : frame.blocks) {
    if (block.input >= 0) {
      parts.push_back(NumberInput(block.input));
    } else if (block.value.type == ElementType::kString) {
      return record.Damaged("expected numbers, but an earlier estimator treats a column as text");
    } else {
      parts.push_back(graph.Cast(block.value, ElementType::kDouble));
    }
  }
  if (parts.empty()) return record.Damaged("gets no columns");
  return graph.Concat(std::move(parts));
}

Result<Frame> Scope::Select(const Record& record, const Frame& frame,
                            std::span<const int64_t> indices) {
  std::vector<std::pair<size_t, int64_t>> places;  // of each column: its block, and where in it
  for (size_t b = 0; b < frame.blocks.size(); ++b) {
    for (int64_t k = 0; k < frame.blocks[b].width; ++k) places.emplace_back(b, k);
  }
  Frame out;
  for (size_t i = 0; i < indices.size();) {
    if (indices[i] < 0 || static_cast<size_t>(indices[i]) >= places.size()) {
      return record.Damaged(StrCat("takes column ", indices[i], " of ", places.size()));
    }
    const size_t b = places[static_cast<size_t>(indices[i])].first;
    const Frame::Block& block = frame.blocks[b];
    std::vector<int64_t> local;
    bool whole = true;
    for (; i < indices.size() && indices[i] >= 0 && static_cast<size_t>(indices[i]) < places.size();
         ++i) {
      const auto [other, position] = places[static_cast<size_t>(indices[i])];
      if (other != b || (block.width == 1 && !local.empty())) break;
      whole = whole && position == static_cast<int64_t>(local.size());
      local.push_back(position);
    }
    if (whole && static_cast<int64_t>(local.size()) == block.width) {
      out.blocks.push_back(block);
    } else {
      out.blocks.push_back({.value = graph.Columns(block.value, local),
                            .width = static_cast<int64_t>(local.size())});
    }
  }
  return out;
}

Result<Value> Scope::TextColumn(const Record& record, const Frame& frame, int64_t column) {
  SLIPWAY_ASSIGN_OR_RETURN(const Frame one, Select(record, frame, std::span(&column, 1)));
  const Frame::Block& block = one.blocks.front();
  if (block.input >= 0) {
    inputs.Use(block.input, ImportedColumn::Kind::kText);
    return Value{.name = StrCat("probe_", block.input), .type = ElementType::kString};
  }
  if (block.value.type != ElementType::kString) {
    return record.Damaged(
        StrCat("expected text in column ", column, ", but an earlier estimator makes it numbers"));
  }
  return block.value;
}

Result<Value> Scope::NumberColumn(const Record& record, const Frame& frame, int64_t column) {
  SLIPWAY_ASSIGN_OR_RETURN(const Frame one, Select(record, frame, std::span(&column, 1)));
  return Matrix(record, one);
}

}  // namespace slipway::import::sklearn
