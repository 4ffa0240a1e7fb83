#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/trees/block_search.h"
#include "engine/trees/byte_forest.h"

namespace slipway::engine {

constexpr size_t kBlockRows = 64;

// A vector of one byte for each row of a block.
struct alignas(64) RowBytes {
  uint8_t bytes[kBlockRows];
};

// Turns blocks of rows into bytes (see ByteForest), column by column. The values of some columns
// are first brought together: from there on each instruction works on many rows, and a column's
// thresholds are read once for all of them.
template <typename T>
class BlockBins {
 public:
  explicit BlockBins(ByteForest<T> bytes);

  // Of `count` rows, 1 to 64, row i beginning at rows[i * stride]; the bytes of column i go to
  // columns[i]. Those that stand for rows from `count` on have no meaning.
  void Fill(const T* rows, size_t stride, size_t count, RowBytes* columns) const;

  const ByteForest<T>& bytes() const { return bytes_; }

 private:
  // Counts the thresholds of a column that each of 64 values reaches.
  void Count(size_t column, const T* values, uint8_t* bins) const;

  ByteForest<T> bytes_;
  std::vector<BlockSearch<T>> searches_;  // by column, where there is AVX-512
};

}  // namespace slipway::engine
