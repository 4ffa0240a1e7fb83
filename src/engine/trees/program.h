#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "graph/element_type.h"

namespace slipway::engine {

// Where a value of the graph lies while rows run through a program.
struct Slot {
  enum class Kind : uint8_t {
    kInput,     // `index` is the input's
    kConstant,  // `index` is that in Program::constants
    kComputed,  // at `offset` times the rows of a block in its memory
  };
  Kind kind = Kind::kComputed;
  graph::ElementType type = graph::ElementType::kUndefined;
  bool per_row = true;  // the first dimension is the batch
  size_t rank = 0;      // with the batch; 1 or 2 where there is one
  size_t width = 1;     // elements a row, or of a constant
  size_t index = 0;
  size_t offset = 0;  // bytes a row
  int64_t below = 0;  // of INT64: 0 <= element < below, where that is certain; else 0
  // For texts: one of these for each row, and what is computed is its number (INT64).
  std::vector<std::string> texts;
};

// The slots of a block of rows: `data[slot]` is the first element.
struct Frame {
  size_t rows = 0;
  std::span<std::byte* const> data;
  std::byte* scratch = nullptr;  // for the steps in turn

  template <typename T>
  T* As(size_t slot) const {
    return reinterpret_cast<T*>(data[slot]);
  }
};

using Step = std::function<void(const Frame&)>;

// A graph made ready to run over blocks of rows: what each value is, and the steps that compute
// them. Immutable once it is made, so thread-safe.
struct Program {
  static constexpr size_t kBlockRows = 64;

  std::vector<Slot> slots;
  std::vector<std::vector<std::byte>> constants;
  std::vector<Step> steps;
  std::vector<size_t> outputs;  // slots, in the graph's order
  size_t row_bytes = 0;         // of what is computed for a row
  size_t scratch_row_bytes = 0;
  size_t tree_nodes = 0;  // of all ensembles
};

// Bytes of an element in a slot; texts count as their numbers. 0 for types that no program has.
size_t SlotBytes(graph::ElementType type);

}  // namespace slipway::engine
