#include "engine/trees/byte_forest.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/trees/row_bins.h"

namespace slipway::engine {
namespace {

template <typename T>
void FillBinsBaseline(const ByteForest<T>& bytes, const T* row, uint8_t* bins, size_t step) {
  for (const auto& column : bytes.columns) {
    *bins = static_cast<uint8_t>(BinOf(bytes, column, *row++));
    bins += step;
  }
}

#if defined(SLIPWAY_HAS_X86_LEVELS)
template <typename T>
SLIPWAY_AVX2 void FillBinsAvx2(const ByteForest<T>& bytes, const T* row, uint8_t* bins,
                               size_t step) {
  for (const auto& column : bytes.columns) {
    *bins = static_cast<uint8_t>(BinOfAvx2(bytes, column, *row++));
    bins += step;
  }
}

template <typename T>
SLIPWAY_AVX512 void FillBinsAvx512(const ByteForest<T>& bytes, const T* row, uint8_t* bins,
                                   size_t step) {
  for (const auto& column : bytes.columns) {
    *bins = static_cast<uint8_t>(BinOfAvx512(bytes, column, *row++));
    bins += step;
  }
}
#endif

}  // namespace

template <typename T>
void ByteForest<T>::FillBins(const T* row, uint8_t* bins, size_t step) const {
#if defined(SLIPWAY_HAS_X86_LEVELS)
  if (level == CpuLevel::kAvx512) return FillBinsAvx512(*this, row, bins, step);
  if (level == CpuLevel::kAvx2) return FillBinsAvx2(*this, row, bins, step);
#endif
  FillBinsBaseline(*this, row, bins, step);
}

template <typename T>
std::optional<ByteForest<T>> ByteForest<T>::Make(const Forest<T>& forest, CpuLevel level) {
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
