#include "engine/trees/byte_forest.h"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "base/check.h"
#include "engine/trees/row_bins.h"

namespace slipway::engine {
namespace {

template <typename T>
void FillBinsBaseline(const ByteForest<T>& bytes, const T* row, uint8_t* bins) {
  for (const auto& column : bytes.columns) {
    *bins++ = static_cast<uint8_t>(BinOf(bytes, column, *row++));
  }
}

#if defined(SLIPWAY_HAS_X86_LEVELS)
template <typename T>
SLIPWAY_AVX2 void FillBinsAvx2(const ByteForest<T>& bytes, const T* row, uint8_t* bins) {
  for (const auto& column : bytes.columns) {
    *bins++ = static_cast<uint8_t>(BinOfAvx2(bytes, column, *row++));
  }
}

template <typename T>
SLIPWAY_AVX512 inline void FillBinsAvx512(const ByteForest<T>& bytes, const T* row,
                                          const T* where_missing, uint8_t* bins) {
  for (const auto& group : bytes.groups) {
    const uint32_t first = group.first_column;
    CountSideBySide(&bytes.blocks[group.first], group.rounds, group.columns, row + first,
                    where_missing == nullptr ? nullptr : where_missing + first, bins + first);
  }
  for (const auto& range : bytes.searched) {
    for (uint32_t i = range.first; i < range.first + range.count; ++i) {
      T x = row[i];
      if (where_missing != nullptr && x != x) x = where_missing[i];
      bins[i] = static_cast<uint8_t>(BinOfAvx512(bytes, bytes.columns[i], x));
    }
  }
}
#endif

// How many smallest thresholds of each column to compare side by side: what takes the least time,
// when searching the thresholds of one column takes as long as kSearch comparisons.
template <typename T>
size_t RoundsOf(std::span<const std::vector<T>> thresholds) {
  constexpr size_t kSearch = 4;
  size_t best = 0;
  size_t least = thresholds.size() * kSearch;
  for (const std::vector<T>& some : thresholds) {
    const size_t rounds = some.size();
    const auto more = std::ranges::count_if(
        thresholds, [&](const std::vector<T>& column) { return column.size() > rounds; });
    const size_t cost = rounds + static_cast<size_t>(more) * kSearch;
    if (cost >= least) continue;
    least = cost;
    best = rounds;
  }
  return best;
}

template <typename T>
void AddGroup(std::span<const std::vector<T>> thresholds, size_t first_column, ByteForest<T>& out) {
  const size_t rounds = RoundsOf(thresholds);
  if (rounds > 0) {
    out.groups.push_back({.first = static_cast<uint32_t>(out.blocks.size()),
                          .first_column = static_cast<uint32_t>(first_column),
                          .columns = static_cast<uint16_t>(thresholds.size()),
                          .rounds = static_cast<uint16_t>(rounds)});
  }
  for (size_t round = 0; round < rounds; ++round) {
    auto& block = out.blocks.emplace_back();
    for (size_t i = 0; i < ByteForest<T>::kBlock; ++i) {
      const bool has = i < thresholds.size() && round < thresholds[i].size();
      block.values[i] = has ? thresholds[i][round] : std::numeric_limits<T>::quiet_NaN();
    }
  }
  for (size_t i = 0; i < thresholds.size(); ++i) {
    if (thresholds[i].size() <= rounds) continue;
    const auto column = static_cast<uint32_t>(first_column + i);
    auto& ranges = out.searched;
    if (ranges.empty() || ranges.back().first + ranges.back().count < column) {
      ranges.push_back({.first = column, .count = 0});
    }
    ++ranges.back().count;
  }
}

}  // namespace

template <typename T>
void ByteForest<T>::FillBins(const T* row, uint8_t* bins) const {
#if defined(SLIPWAY_HAS_X86_LEVELS)
  if (level == base::CpuLevel::kAvx512) return FillBinsAvx512<T>(*this, row, nullptr, bins);
  if (level == base::CpuLevel::kAvx2) return FillBinsAvx2(*this, row, bins);
#endif
  FillBinsBaseline(*this, row, bins);
}

template <typename T>
void ByteForest<T>::FillBins(const T* row, const T* where_missing, uint8_t* bins) const {
  SLIPWAY_CHECK(level == base::CpuLevel::kAvx512);
#if defined(SLIPWAY_HAS_X86_LEVELS)
  FillBinsAvx512(*this, row, where_missing, bins);
#endif
}

template <typename T>
std::optional<ByteForest<T>> ByteForest<T>::Make(const Forest<T>& forest, base::CpuLevel level) {
  constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
  std::vector<std::vector<T>> thresholds(forest.columns.size());
  for (const auto& node : forest.nodes) thresholds[node.column].push_back(node.threshold);
  ByteForest out;
  out.level = level;
  for (std::vector<T>& column : thresholds) {
    std::ranges::sort(column);
    column.erase(std::unique(column.begin(), column.end()), column.end());
    if (column.size() > kMaxThresholds) return std::nullopt;
    const auto at = [&](size_t i) { return i < column.size() ? column[i] : kNan; };
    const auto add_block = [&](size_t first, size_t step) {
      Block& block = out.blocks.emplace_back();
      for (size_t i = 0; i < kBlock; ++i) block.values[i] = at(first + i * step);
    };
    // The last threshold of each block but the last block's, which would not tell anything.
    const size_t ends = column.size() / kBlock;
    for (size_t first = 0; first < ends; first += kBlock) {
      add_block((first + 1) * kBlock - 1, kBlock);
    }
    const Cuts cuts = {.first = static_cast<uint32_t>(out.blocks.size()),
                       .count = static_cast<uint16_t>(column.size()),
                       .end_blocks = static_cast<uint16_t>((ends + kBlock - 1) / kBlock)};
    for (size_t first = 0; first <= column.size(); first += kBlock) add_block(first, 1);
    out.columns.push_back(cuts);
  }
  if (level == base::CpuLevel::kAvx512) {
    const std::span<const std::vector<T>> all = thresholds;
    for (size_t first = 0; first < all.size(); first += kBlock) {
      AddGroup(all.subspan(first, std::min(kBlock, all.size() - first)), first, out);
    }
  }
  for (const auto& node : forest.nodes) {
    const std::vector<T>& column = thresholds[node.column];
    const auto at = std::ranges::lower_bound(column, node.threshold);
    out.ranks.push_back(static_cast<uint8_t>(at - column.begin() + 1));
  }
  return out;
}

template struct ByteForest<float>;
template struct ByteForest<double>;

}  // namespace slipway::engine
