#include "engine/trees/block_kernel.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/trees/avx512.h"
#include "engine/trees/block_bins.h"
#include "engine/trees/byte_forest.h"
#include "engine/trees/forest_sizes.h"
#include "engine/trees/leaf_sum.h"
#include "engine/trees/row_bins.h"

namespace slipway::engine {

#if defined(SLIPWAY_HAS_AVX512)
namespace {

constexpr size_t kRows = 64;
constexpr size_t kMaxLeaves = 256;
constexpr size_t kMaxColumns = 512;
// Rows that go through all columns before the next: more, and their cache lines crowd each other
// out; fewer, and the thresholds are read too often. Measured.
template <typename T>
constexpr size_t kRowsTogether = 4 * sizeof(T);

// A vector of one byte a row.
struct alignas(64) RowBytes {
  uint8_t bytes[kRows];
};

// Positions in bytes, of vectors: the column's, and the children's among the leaves and nodes.
struct BlockNode {
  uint16_t column;
  uint16_t left;
  uint16_t right;
  uint8_t rank;
};

// What the rows of a block have reached: vector i, for i < kMaxLeaves, is leaf i for all of them;
// behind it lie the vectors of the nodes of one tree.
struct Reached {
  RowBytes leaves[kMaxLeaves];
  RowBytes nodes[kMaxLeaves];
};

// Adds values[leaf of the row] to the sum of each row.
SLIPWAY_AVX512 inline void AddValues(__m512i leaves, const float* values, float* sums) {
  alignas(64) uint8_t bytes[kRows];
  _mm512_store_si512(bytes, leaves);
  for (size_t row = 0; row < kRows; row += 16) {
    const __m512i index =
        _mm512_cvtepu8_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(bytes + row)));
    const __m512 value = _mm512_i32gather_ps(index, values, sizeof(float));
    _mm512_storeu_ps(sums + row, _mm512_add_ps(_mm512_loadu_ps(sums + row), value));
  }
}
SLIPWAY_AVX512 inline void AddValues(__m512i leaves, const double* values, double* sums) {
  alignas(64) uint8_t bytes[kRows];
  _mm512_store_si512(bytes, leaves);
  for (size_t row = 0; row < kRows; row += 8) {
    const __m256i index =
        _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes + row)));
    const __m512d value = _mm512_i32gather_pd(index, values, sizeof(double));
    _mm512_storeu_pd(sums + row, _mm512_add_pd(_mm512_loadu_pd(sums + row), value));
  }
}

template <typename T>
class BlockKernel final : public Kernel<T> {
 public:
  BlockKernel(const Forest<T>& forest, ByteForest<T> bytes, size_t leaves)
      : bytes_(std::move(bytes)), leaves_(forest, leaves) {
    for (const int32_t root : forest.roots) {
      leaves_.AddTree();
      size_t placed = 0;
      first_.push_back(static_cast<uint32_t>(nodes_.size()));
      roots_.push_back(Place(forest, root, placed));
    }
    first_.push_back(static_cast<uint32_t>(nodes_.size()));
    MakeCuts();
  }

  void AddTrees(const ColumnRows<T>& rows, T* sums) const override {
    for (size_t row = 0; row < rows.count; row += kRows) {
      const size_t count = std::min(kRows, rows.count - row);
      AddBlock(rows.values + row * rows.stride, rows.stride, count, sums + row * leaves_.targets());
    }
  }
  std::string_view name() const override { return "block"; }

 private:
  // Appends the nodes below `child`, children first, and returns where its vector is. A tree of 256
  // leaves is at most 255 levels deep.
  uint16_t Place(const Forest<T>& forest, int32_t child, size_t& placed) {
    if (child < 0) {
      leaves_.SetLeaf(forest, placed, graph::TreeEnsemble::LeafOf(child));
      return static_cast<uint16_t>(placed++ * sizeof(RowBytes));
    }
    const auto& node = forest.nodes[static_cast<size_t>(child)];
    const uint16_t left = Place(forest, node.left, placed);
    const uint16_t right = Place(forest, node.right, placed);
    const size_t number = nodes_.size() - first_.back();
    nodes_.push_back({.column = static_cast<uint16_t>(node.column * sizeof(RowBytes)),
                      .left = left,
                      .right = right,
                      .rank = bytes_.ranks[static_cast<size_t>(child)]});
    return static_cast<uint16_t>((kMaxLeaves + number) * sizeof(RowBytes));
  }

  // The thresholds of every column for FillBlockBins(); nothing when a column has too many.
  void MakeCuts() {
    for (size_t column = 0; column < bytes_.columns.size(); ++column) {
      BlockCuts<T> cuts;
      const size_t first = bytes_.columns[column].first;
      const size_t end = column + 1 < bytes_.columns.size() ? bytes_.columns[column + 1].first
                                                            : bytes_.blocks.size();
      constexpr size_t kBlock = ByteForest<T>::kBlock;
      if ((end - first) * kBlock > std::size(cuts.all)) {
        cuts_.clear();
        return;
      }
      for (size_t i = 0; i < std::size(cuts.all); ++i) {
        const size_t block = first + i / kBlock;
        cuts.all[i] = block < end ? bytes_.blocks[block].values[i % kBlock]
                                  : std::numeric_limits<T>::quiet_NaN();
      }
      for (size_t i = 0; i < 16; ++i) cuts.every_fourth[i] = cuts.all[4 * i + 3];
      cuts_.push_back(cuts);
    }
  }

  // The bytes of the rows, column by column; what stands for rows from `count` on has no meaning.
  SLIPWAY_AVX512 void FillColumns(const T* rows, size_t stride, size_t count,
                                  RowBytes* columns) const {
    if (cuts_.empty()) {
      if (count < kRows) std::memset(columns, 0, bytes_.columns.size() * sizeof(RowBytes));
      for (size_t row = 0; row < count; ++row) {
        FillBinsAvx512(bytes_, rows + row * stride, columns[0].bytes + row, sizeof(RowBytes));
      }
      return;
    }
    alignas(64) std::array<int32_t, kRows> offsets;
    for (size_t row = 0; row < kRows; ++row) {
      offsets[row] = static_cast<int32_t>(std::min(row, count - 1) * stride);
    }
    for (size_t first = 0; first < kRows; first += kRowsTogether<T>) {
      for (size_t column = 0; column < cuts_.size(); ++column) {
        for (size_t row = first; row < first + kRowsTogether<T>; row += Lanes<T>::kCount) {
          FillBlockBins(cuts_[column], rows + column, &offsets[row], columns[column].bytes + row);
        }
      }
    }
  }

  SLIPWAY_AVX512 void AddBlock(const T* rows, size_t stride, size_t count, T* sums) const {
    RowBytes columns[kMaxColumns];
    FillColumns(rows, stride, count, columns);
    Reached reached;
    for (size_t leaf = 0; leaf < kMaxLeaves; ++leaf) {
      std::memset(&reached.leaves[leaf], static_cast<int>(leaf), sizeof(RowBytes));
    }
    if (leaves_.one_target()) {
      AddOneTarget(columns, reached, count, sums);
    } else {
      AddTargets(columns, reached, count, sums);
    }
  }

  SLIPWAY_AVX512 void AddOneTarget(const RowBytes* columns, Reached& reached, size_t count,
                                   T* sums) const {
    alignas(64) std::array<T, kRows> all = {};
    std::copy_n(sums, count, all.data());
    for (size_t tree = 0; tree < roots_.size(); ++tree) {
      AddValues(FindLeaves(columns, reached, tree), leaves_.values(tree), all.data());
    }
    std::copy_n(all.data(), count, sums);
  }

  SLIPWAY_AVX512 void AddTargets(const RowBytes* columns, Reached& reached, size_t count,
                                 T* sums) const {
    for (size_t tree = 0; tree < roots_.size(); ++tree) {
      RowBytes leaves;
      _mm512_store_si512(&leaves, FindLeaves(columns, reached, tree));
      for (size_t row = 0; row < count; ++row) {
        leaves_.AddTo(tree, leaves.bytes[row], sums + row * leaves_.targets());
      }
    }
  }

  // The leaf of each row in one tree.
  SLIPWAY_AVX512 __m512i FindLeaves(const RowBytes* columns, Reached& reached, size_t tree) const {
    const auto* values = reinterpret_cast<const std::byte*>(columns);
    const auto* places = reinterpret_cast<const std::byte*>(&reached);
    RowBytes* to = reached.nodes;
    const BlockNode* end = nodes_.data() + first_[tree + 1];
    for (const BlockNode* node = nodes_.data() + first_[tree]; node != end; ++node) {
      const __mmask64 right =
          _mm512_cmpge_epu8_mask(_mm512_load_si512(values + node->column),
                                 _mm512_set1_epi8(static_cast<char>(node->rank)));
      _mm512_store_si512(to++, _mm512_mask_blend_epi8(right, _mm512_load_si512(places + node->left),
                                                      _mm512_load_si512(places + node->right)));
    }
    return _mm512_load_si512(places + roots_[tree]);
  }

  ByteForest<T> bytes_;
  std::vector<BlockCuts<T>> cuts_;  // by column; empty when one has too many thresholds
  LeafSum<T> leaves_;
  std::vector<BlockNode> nodes_;
  std::vector<uint32_t> first_;  // node of each tree, and behind the last
  std::vector<uint16_t> roots_;  // where each tree's answer is
};

}  // namespace

template <typename T>
std::unique_ptr<Kernel<T>> MakeBlockKernel(const Forest<T>& forest) {
  if (!HasAvx512() || forest.columns.size() > kMaxColumns) return nullptr;
  const ForestSizes sizes = SizesOf(forest);
  if (sizes.leaves > kMaxLeaves) return nullptr;
  std::optional<ByteForest<T>> bytes = ByteForest<T>::Make(forest);
  if (!bytes) return nullptr;
  return std::make_unique<BlockKernel<T>>(forest, *std::move(bytes), sizes.leaves);
}
#else
template <typename T>
std::unique_ptr<Kernel<T>> MakeBlockKernel(const Forest<T>&) {
  return nullptr;
}
#endif

template std::unique_ptr<Kernel<float>> MakeBlockKernel(const Forest<float>&);
template std::unique_ptr<Kernel<double>> MakeBlockKernel(const Forest<double>&);

}  // namespace slipway::engine
