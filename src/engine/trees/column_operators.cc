// Operators that move columns or pick rows of a table, and change no number.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "engine/trees/operators.h"

namespace slipway::engine {

using base::OkStatus;
using base::Result;
using base::Status;
using graph::ElementType;
using graph::OnnxNode;

namespace {

bool IsConstant(const Slot& slot) { return slot.kind == Slot::Kind::kConstant; }

// The INT64 constant that is input `i`.
Result<std::vector<int64_t>> ConstantInts(const ProgramBuilder& builder, const OnnxNode& node,
                                          size_t i) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t at, builder.Input(node, i));
  if (!IsConstant(builder.slot(at)) || builder.slot(at).type != ElementType::kInt64) {
    return NotUnderstood(node, base::StrCat("input ", i, " is no constant of INT64"));
  }
  const auto values = builder.ConstantAs<int64_t>(at);
  return std::vector<int64_t>(values.begin(), values.end());
}

// Copies columns of `size` bytes: out[row][i] = in[row][columns[i]].
Step PickColumns(size_t in, size_t in_width, size_t out, std::vector<size_t> columns, size_t size) {
  return [=, columns = std::move(columns)](const Frame& frame) {
    const std::byte* from = frame.data[in];
    std::byte* to = frame.data[out];
    for (size_t row = 0; row < frame.rows; ++row, from += in_width * size) {
      for (const size_t column : columns) {
        std::memcpy(to, from + column * size, size);
        to += size;
      }
    }
  };
}

// Columns by constant numbers, which may count from the end.
Status AddColumnGather(ProgramBuilder& builder, const OnnxNode& node, size_t in) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t at, builder.Input(node, 1));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> indices, ConstantInts(builder, node, 1));
  const Slot slot = builder.slot(in);
  const size_t index_rank = builder.slot(at).rank;
  if (slot.rank != 2 || index_rank > 1 || slot.type == ElementType::kString) {
    return NotUnderstood(node, "another shape or type");
  }
  std::vector<size_t> columns;
  const auto width = static_cast<int64_t>(slot.width);
  for (const int64_t index : indices) {
    if (index < -width || index >= width) return NotUnderstood(node, "a column out of range");
    columns.push_back(static_cast<size_t>(index < 0 ? index + width : index));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out,
                           builder.Output(node, slot.type, 1 + index_rank, columns.size()));
  builder.AddStep(PickColumns(in, slot.width, out, std::move(columns), SlotBytes(slot.type)));
  return OkStatus();
}

// out[row] = table[index[row]], a row of the table.
Step PickRows(size_t table, size_t index, size_t out, size_t row_bytes) {
  return [=](const Frame& frame) {
    for (size_t row = 0; row < frame.rows; ++row) {
      const auto at = static_cast<size_t>(frame.As<int64_t>(index)[row]);
      std::memcpy(frame.data[out] + row * row_bytes, frame.data[table] + at * row_bytes, row_bytes);
    }
  };
}

// A row of a constant table for each row, where the index cannot be out of range: ONNX Runtime
// refuses one that is, when it runs.
Status AddTableGather(ProgramBuilder& builder, const OnnxNode& node, size_t table) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t index, builder.Input(node, 1));
  const Slot from = builder.slot(table);
  const Slot at = builder.slot(index);
  const std::vector<int64_t> dims = builder.ConstantDims(table);
  const bool fits = at.per_row && at.type == ElementType::kInt64 && at.width == 1 &&
                    (dims.size() == 1 || (dims.size() == 2 && at.rank == 1)) && from.width > 0;
  if (!fits) return NotUnderstood(node, "another shape or type");
  if (at.below == 0 || at.below > dims[0]) return NotUnderstood(node, "an index of any size");
  const size_t width = from.width / static_cast<size_t>(dims[0]);
  const size_t rank = dims.size() == 2 ? 2 : at.rank;
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out, builder.Output(node, from.type, rank, width));
  if (from.type == ElementType::kString) {
    if (dims.size() != 1) return NotUnderstood(node, "a table of texts");
    builder.SetTexts(out, from.texts);
    builder.AddStep([=](const Frame& frame) {
      std::memcpy(frame.data[out], frame.data[index], frame.rows * sizeof(int64_t));
    });
    return OkStatus();
  }
  builder.AddStep(PickRows(table, index, out, width * SlotBytes(from.type)));
  return OkStatus();
}

Status AddGather(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 0));
  if (axis == 0 && IsConstant(builder.slot(in))) return AddTableGather(builder, node, in);
  if (axis == 1 && builder.slot(in).per_row) return AddColumnGather(builder, node, in);
  return NotUnderstood(node, "another axis");
}

// Slices of columns with step 1.
Status AddSlice(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> starts, ConstantInts(builder, node, 1));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> ends, ConstantInts(builder, node, 2));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, ConstantInts(builder, node, 3));
  const Slot slot = builder.slot(in);
  const bool fits = slot.per_row && slot.rank == 2 && slot.type != ElementType::kString &&
                    node.inputs.size() == 4 && starts.size() == 1 && ends.size() == 1 &&
                    axes.size() == 1 && (axes[0] == 1 || axes[0] == -1);
  if (!fits) return NotUnderstood(node, "another axis, shape or type");
  const auto width = static_cast<int64_t>(slot.width);
  const auto place = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + width : at, 0, width);
  };
  const int64_t begin = place(starts[0]);
  const int64_t end = std::max(begin, place(ends[0]));
  std::vector<size_t> columns(static_cast<size_t>(end - begin));
  std::iota(columns.begin(), columns.end(), static_cast<size_t>(begin));
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out, builder.Output(node, slot.type, 2, columns.size()));
  builder.AddStep(PickColumns(in, slot.width, out, std::move(columns), SlotBytes(slot.type)));
  return OkStatus();
}

Status AddConcat(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 0));
  if (axis != 1 && axis != -1) return NotUnderstood(node, "another axis");
  std::vector<std::pair<size_t, size_t>> parts;  // slot, bytes a row
  size_t width = 0;
  ElementType type = ElementType::kUndefined;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, i));
    const Slot& slot = builder.slot(in);
    if (i == 0) type = slot.type;
    const bool fits =
        slot.per_row && slot.rank == 2 && slot.type == type && type != ElementType::kString;
    if (!fits) return NotUnderstood(node, "another shape or type");
    parts.emplace_back(in, slot.width * SlotBytes(type));
    width += slot.width;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out, builder.Output(node, type, 2, width));
  builder.AddStep(
      [=, parts = std::move(parts), bytes = width * SlotBytes(type)](const Frame& frame) {
        size_t offset = 0;
        for (const auto& [in, part_bytes] : parts) {
          for (size_t row = 0; row < frame.rows; ++row) {
            std::memcpy(frame.data[out] + row * bytes + offset, frame.data[in] + row * part_bytes,
                        part_bytes);
          }
          offset += part_bytes;
        }
      });
  return OkStatus();
}

// Reshapes that leave the rows as they are: to [-1] and to [-1, width].
Status AddReshape(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> dims, ConstantInts(builder, node, 1));
  const Slot& slot = builder.slot(in);
  const auto width = static_cast<int64_t>(slot.width);
  const bool flat = dims.size() == 1 && dims[0] == -1 && width == 1;
  const bool wide = dims.size() == 2 && dims[0] == -1 && dims[1] == width;
  if (!slot.per_row || !(flat || wide)) return NotUnderstood(node, "another shape");
  return builder.Alias(node, in, dims.size());
}

// Adds or takes away the axis behind the batch.
Status AddSqueeze(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, ConstantInts(builder, node, 1));
  const Slot& slot = builder.slot(in);
  const size_t before = node.op_type == "Squeeze" ? 2 : 1;
  const bool fits = slot.per_row && slot.rank == before && slot.width == 1 && axes.size() == 1 &&
                    (axes[0] == 1 || axes[0] == -1);
  if (!fits) return NotUnderstood(node, "another axis");
  return builder.Alias(node, in, 3 - before);
}

Status AddIdentity(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  const Slot& slot = builder.slot(in);
  if (!slot.per_row) return NotUnderstood(node, "a constant");
  return builder.Alias(node, in, slot.rank);
}

// LabelEncoder from INT64 to INT64.
Status AddLabelEncoder(ProgramBuilder& builder, const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const size_t in, builder.Input(node, 0));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> keys, node.Ints("keys_int64s"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> values, node.Ints("values_int64s"));
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t otherwise, node.Int("default_int64", -1));
  const Slot slot = builder.slot(in);
  const bool fits = slot.per_row && slot.type == ElementType::kInt64 && slot.texts.empty() &&
                    !keys.empty() && keys.size() == values.size();
  if (!fits) return NotUnderstood(node, "other types");
  std::vector<std::pair<int64_t, int64_t>> table;
  table.reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) table.emplace_back(keys[i], values[i]);
  const auto by_key = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::ranges::sort(table, by_key);
  const auto same_key = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (std::ranges::adjacent_find(table, same_key) != table.end()) {
    return NotUnderstood(node, "a key that comes twice");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const size_t out,
                           builder.Output(node, ElementType::kInt64, slot.rank, slot.width));
  const auto [low, high] = std::ranges::minmax(values);
  const int64_t highest = std::max(high, otherwise);
  if (low >= 0 && otherwise >= 0 && highest < INT32_MAX) builder.SetBelow(out, highest + 1);
  builder.AddStep([=, table = std::move(table), width = slot.width](const Frame& frame) {
    for (size_t i = 0; i < frame.rows * width; ++i) {
      const int64_t key = frame.As<int64_t>(in)[i];
      const auto at = std::ranges::lower_bound(table, key, {}, &std::pair<int64_t, int64_t>::first);
      const bool found = at != table.end() && at->first == key;
      frame.As<int64_t>(out)[i] = found ? at->second : otherwise;
    }
  });
  return OkStatus();
}

struct ColumnOperator {
  std::string_view op_type;
  std::string_view domain;
  Status (*add)(ProgramBuilder&, const OnnxNode&);
};

constexpr ColumnOperator kOperators[] = {
    {"Identity", "", &AddIdentity},
    {"Gather", "", &AddGather},
    {"Concat", "", &AddConcat},
    {"Slice", "", &AddSlice},
    {"Reshape", "", &AddReshape},
    {"Squeeze", "", &AddSqueeze},
    {"Unsqueeze", "", &AddSqueeze},
    {"LabelEncoder", graph::GraphBuilder::kMlDomain, &AddLabelEncoder},
};

const ColumnOperator* Find(const OnnxNode& node) {
  const auto* found = std::ranges::find_if(kOperators, [&](const ColumnOperator& one) {
    return one.op_type == node.op_type && one.domain == node.domain;
  });
  return found == std::end(kOperators) ? nullptr : found;
}

}  // namespace

bool IsColumns(const OnnxNode& node) { return Find(node) != nullptr; }

Status AddColumns(ProgramBuilder& builder, const OnnxNode& node) {
  return Find(node)->add(builder, node);
}

}  // namespace slipway::engine
