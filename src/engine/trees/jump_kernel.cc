#include "engine/trees/jump_kernel.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cpu_level.h"
#include "engine/trees/byte_forest.h"
#include "engine/trees/cut_trees.h"
#include "engine/trees/leaf_sum.h"
#include "engine/trees/mask_forest.h"

namespace slipway::engine {

#if defined(SLIPWAY_HAS_X86_LEVELS)
namespace {

// With as many ways out of them as there are lanes.
constexpr size_t kMaxNodes = kLanes - 1;

// From so many rows on the trees are gone through one after the other.
constexpr size_t kMinBlockRows = 8;
constexpr size_t kMaxBlockRows = 64;

// A way out of a piece, where the number of a lane may stand, too.
alignas(64) constexpr std::array<uint8_t, kLanes> kExits = [] {
  std::array<uint8_t, kLanes> numbers = {};
  for (size_t i = 0; i < kLanes; ++i) numbers[i] = static_cast<uint8_t>(kLanes + i);
  return numbers;
}();

// By lane of a piece: the lane or the way out that follows.
struct alignas(64) Followers {
  std::array<uint8_t, kLanes> left = {};
  std::array<uint8_t, kLanes> right = {};
};

// Where the ways out of a piece lead: the first of them to other pieces, the rest to leaves.
struct Exits {
  uint32_t first_piece = 0;
  uint32_t first_leaf = 0;  // place in its tree
  uint32_t pieces = 0;
};

template <typename T>
class JumpKernel final : public Kernel<T> {
 public:
  JumpKernel(const Forest<T>& forest, ByteForest<T> bytes)
      : trees_(forest.roots.size()), tests_(std::move(bytes)), leaves_(forest) {
    const std::vector<bool> begins = CutTrees(forest, kMaxNodes);
    // The highest pieces of all trees lie side by side, because all are looked at.
    for (size_t i = 0; i < trees_; ++i) AddPiece();
    for (size_t i = 0; i < trees_; ++i) {
      leaves_.AddTree();
      uint32_t leaves = 0;
      std::vector<ToPlace> open = {{i, forest.roots[i]}};
      for (size_t k = 0; k < open.size(); ++k) Place(forest, begins, open[k], leaves, open);
    }
  }

  void AddTrees(const ColumnRows<T>& rows, T* sums) const override {
    WithPages(tests_.columns(), [&]<size_t Pages>() {
      if (levels_ <= 8) {
        AddRows<Pages, 3>(rows, sums);
      } else if (levels_ <= 16) {
        AddRows<Pages, 4>(rows, sums);
      } else if (levels_ <= 32) {
        AddRows<Pages, 5>(rows, sums);
      } else {
        AddRows<Pages, 6>(rows, sums);
      }
    });
  }
  bool replaces_missing() const override { return true; }
  std::string_view name() const override { return "jump"; }

 private:
  // A piece to fill, and the node that it begins at.
  struct ToPlace {
    size_t piece;
    int32_t root;
  };
  // The trees of one row, or the rows of one tree, whose leaves are not found yet, side by side:
  // none has to wait for the memory that another one asked for.
  struct Open {
    size_t count = 0;
    std::array<uint8_t, kTreesPerBlock> which;
    std::array<uint32_t, kTreesPerBlock> pieces;
    std::array<uint8_t, kTreesPerBlock> ways;  // out of those pieces
  };

  void AddPiece() {
    tests_.Add();
    followers_.emplace_back();
    exits_.emplace_back();
  }

  // Fills a piece, and appends those below it, to be filled later.
  void Place(const Forest<T>& forest, const std::vector<bool>& begins, ToPlace here,
             uint32_t& leaves, std::vector<ToPlace>& later) {
    struct Way {
      int32_t child;
      uint8_t* follower;
      size_t level;
    };
    Followers& followers = followers_[here.piece];
    std::vector<int32_t> below;
    std::vector<Way> to_leaves;
    uint8_t start = 0;
    std::vector<Way> open = {{here.root, &start, 0}};
    for (uint8_t lanes = 0; !open.empty();) {
      const Way way = open.back();
      open.pop_back();
      if (way.child < 0) {
        to_leaves.push_back(way);
        continue;
      }
      const auto number = static_cast<size_t>(way.child);
      if (begins[number] && way.level > 0) {
        *way.follower = kExits[below.size()];
        below.push_back(way.child);
        continue;
      }
      const uint8_t lane = lanes++;
      *way.follower = lane;
      tests_.SetTest(forest, here.piece, lane, number);
      levels_ = std::max(levels_, way.level + 1);
      open.push_back({forest.nodes[number].right, &followers.right[lane], way.level + 1});
      open.push_back({forest.nodes[number].left, &followers.left[lane], way.level + 1});
    }
    size_t exit = below.size();
    exits_[here.piece] = {.first_piece = static_cast<uint32_t>(tests_.size()),
                          .first_leaf = leaves,
                          .pieces = static_cast<uint32_t>(exit)};
    for (const Way& way : to_leaves) {
      *way.follower = kExits[exit++];
      leaves_.SetLeaf(forest, leaves++, graph::TreeEnsemble::LeafOf(way.child));
    }
    // A tree of one leaf: whatever the answer is.
    if (here.root < 0) followers.left[0] = followers.right[0] = start;
    for (const int32_t root : below) {
      later.push_back({tests_.size(), root});
      AddPiece();
    }
  }

  template <size_t Pages, size_t Steps>
  void AddRows(const ColumnRows<T>& rows, T* sums) const {
    for (size_t row = 0; row < rows.count;) {
      const size_t count = std::min(kMaxBlockRows, rows.count - row);
      T* to = sums + row * leaves_.targets();
      if (count < kMinBlockRows) {
        AddRow<Pages, Steps>(rows, row, to);
        ++row;
      } else {
        AddBlock<Pages, Steps>(rows, row, count, to);
        row += count;
      }
    }
  }

  // Tree by tree, so that each is read once for all rows.
  template <size_t Pages, size_t Steps>
  SLIPWAY_AVX512 void AddBlock(const ColumnRows<T>& rows, size_t first, size_t count,
                               T* sums) const {
    std::array<Page<Pages>, kMaxBlockRows> pages;
    for (size_t row = 0; row < count; ++row) {
      alignas(64) std::array<uint8_t, Pages * 64> bins;
      pages[row] = tests_.ReadRow(rows, first + row, bins);
    }
    Open open;
    std::array<uint32_t, kTreesPerBlock> slots;
    for (size_t tree = 0; tree < trees_; ++tree) {
      for (size_t row = 0; row < count; ++row) {
        open.which[row] = static_cast<uint8_t>(row);
        open.pieces[row] = static_cast<uint32_t>(tree);
      }
      for (open.count = count; open.count > 0; Follow(open, slots)) {
        for (size_t i = 0; i < open.count; ++i) {
          open.ways[i] = FindExit<Pages, Steps>(pages[open.which[i]], open.pieces[i]);
        }
      }
      leaves_.AddToRows(tree, std::span<const uint32_t>(slots).first(count), sums);
    }
  }

  template <size_t Pages, size_t Steps>
  SLIPWAY_AVX512 void AddRow(const ColumnRows<T>& rows, size_t row, T* sums) const {
    alignas(64) std::array<uint8_t, Pages * 64> bins;
    const Page<Pages> page = tests_.ReadRow(rows, row, bins);
    if (tests_.size() == trees_) return AddWholeTrees<Pages, Steps>(page, sums);
    Open open;
    std::array<uint32_t, kTreesPerBlock> slots;
    for (size_t first = 0; first < trees_; first += kTreesPerBlock) {
      const size_t count = std::min(kTreesPerBlock, trees_ - first);
      for (size_t i = 0; i < count; ++i) {
        open.ways[i] = FindExit<Pages, Steps>(page, first + i);
        open.pieces[i] = static_cast<uint32_t>(first + i);
        open.which[i] = static_cast<uint8_t>(i);
      }
      open.count = count;
      Follow(open, slots);
      while (open.count > 0) {
        for (size_t i = 0; i < open.count; ++i) {
          open.ways[i] = FindExit<Pages, Steps>(page, open.pieces[i]);
        }
        Follow(open, slots);
      }
      leaves_.AddAll(first, std::span(slots).first(count), sums);
    }
  }

  // The same where each tree is one piece: the next ones are gone through while a leaf is added.
  template <size_t Pages, size_t Steps>
  SLIPWAY_AVX512 void AddWholeTrees(const Page<Pages>& page, T* sums) const {
    if (leaves_.targets() == 1 && leaves_.holds_values()) {
      T sum = *sums;
      for (size_t i = 0; i < trees_; ++i) {
        sum += leaves_.values(i)[FindExit<Pages, Steps>(page, i)];
      }
      *sums = sum;
      return;
    }
    if (leaves_.holds_values()) {
      for (size_t i = 0; i < trees_; ++i) {
        sums[leaves_.target(i)] += leaves_.values(i)[FindExit<Pages, Steps>(page, i)];
      }
      return;
    }
    for (size_t i = 0; i < trees_; ++i) {
      leaves_.AddTo(i, FindExit<Pages, Steps>(page, i), sums);
    }
  }

  // Notes the leaves that have been found, and keeps what is left.
  void Follow(Open& open, std::array<uint32_t, kTreesPerBlock>& slots) const {
    size_t left = 0;
    for (size_t i = 0; i < open.count; ++i) {
      const Exits& exits = exits_[open.pieces[i]];
      const uint8_t which = open.which[i];
      const uint32_t way = open.ways[i];
      slots[which] = exits.first_leaf + way - exits.pieces;
      open.pieces[left] = exits.first_piece + way;
      open.which[left] = which;
      left += way < exits.pieces ? 1 : 0;
    }
    open.count = left;
  }

  // Inlined everywhere: called, it would read the row's registers from memory for each piece.
  template <size_t Pages, size_t Steps>
  [[gnu::always_inline]] SLIPWAY_AVX512 uint8_t FindExit(const Page<Pages>& page,
                                                         size_t piece) const {
    const Followers& followers = followers_[piece];
    const uint64_t answers = tests_.Answers(page, piece);
    const __m512i exits = _mm512_load_si512(kExits.data());
    __m512i next = _mm512_mask_blend_epi8(answers, _mm512_load_si512(followers.left.data()),
                                          _mm512_load_si512(followers.right.data()));
#pragma GCC unroll 6
    for (size_t step = 0; step < Steps; ++step) {
      next = _mm512_permutex2var_epi8(next, next, exits);
    }
    return static_cast<uint8_t>(_mm512_cvtsi512_si32(next)) % kLanes;
  }

  const size_t trees_;
  size_t levels_ = 0;  // of nodes, in a piece
  // By piece.
  MaskForest<T> tests_;
  std::vector<Followers> followers_;
  std::vector<Exits> exits_;
  LeafSum<T> leaves_;
};

}  // namespace

template <typename T>
std::unique_ptr<Kernel<T>> MakeJumpKernel(const Forest<T>& forest, base::CpuLevel level) {
  std::optional<ByteForest<T>> bytes = BytesForMasks(forest, level);
  if (!bytes) return nullptr;
  return std::make_unique<JumpKernel<T>>(forest, *std::move(bytes));
}
#else
template <typename T>
std::unique_ptr<Kernel<T>> MakeJumpKernel(const Forest<T>&, base::CpuLevel) {
  return nullptr;
}
#endif

template std::unique_ptr<Kernel<float>> MakeJumpKernel(const Forest<float>&, base::CpuLevel);
template std::unique_ptr<Kernel<double>> MakeJumpKernel(const Forest<double>&, base::CpuLevel);

}  // namespace slipway::engine
