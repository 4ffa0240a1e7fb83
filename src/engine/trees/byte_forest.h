#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/cpu_level.h"
#include "engine/trees/forest.h"

namespace slipway::engine {

// What kernels need that compare bytes instead of numbers: a column has few thresholds, so that
// its value can be told by how many of them it reaches, and then a node asks byte >= rank. Exact:
// x >= the k-th smallest threshold if and only if x reaches at least k thresholds.
template <typename T>
struct ByteForest {
  // The thresholds of a column lie in blocks of a cache line each, NaN behind the last, which
  // nothing reaches. Where there are several, other blocks before them hold the last threshold of
  // each: counting those that x reaches tells the block to look at. Most columns take two lines in
  // all, and with many columns those lines are what the time goes to.
  static constexpr size_t kBlock = 64 / sizeof(T);
  static constexpr size_t kMaxThresholds = 255;
  struct alignas(64) Block {
    T values[kBlock];
  };
  struct Cuts {
    uint32_t first = 0;       // of its blocks
    uint16_t count = 0;       // of its thresholds
    uint16_t end_blocks = 0;  // blocks of ends, which lie before `first`
  };

  // So many columns side by side, one in each place of a block: the first block has the smallest
  // threshold of each, the next the second, NaN where a column has no more. Comparing all of a
  // group at once is the fastest way to the bytes of a row while columns have few thresholds.
  struct Group {
    uint32_t first = 0;  // of its blocks
    uint32_t first_column = 0;
    uint16_t columns = 0;  // at most kBlock
    uint16_t rounds = 0;   // blocks
  };

  struct Range {
    uint32_t first = 0;
    uint32_t count = 0;
  };

  base::CpuLevel level = base::CpuLevel::kBaseline;
  std::vector<Cuts> columns;
  std::vector<Block> blocks;
  // Where there is AVX-512: the groups, in order, and the columns that have more thresholds than
  // their group compares.
  std::vector<Group> groups;
  std::vector<Range> searched;
  std::vector<uint8_t> ranks;  // by node of the forest: 1 for the smallest threshold of its column

  // bins[i] = how many thresholds of column i the row reaches; 0 for a missing value.
  void FillBins(const T* row, uint8_t* bins) const;
  // The same with where_missing[i] in place of a missing value. Only at the highest level.
  void FillBins(const T* row, const T* where_missing, uint8_t* bins) const;

  // nullopt when a column has more than kMaxThresholds thresholds. The processor has `level`.
  static std::optional<ByteForest> Make(const Forest<T>& forest, base::CpuLevel level);
};

}  // namespace slipway::engine
