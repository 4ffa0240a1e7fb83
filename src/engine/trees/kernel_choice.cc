#include "engine/trees/kernel_choice.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "base/str_cat.h"
#include "engine/trees/block_kernel.h"
#include "engine/trees/block_steps.h"
#include "engine/trees/jump_kernel.h"
#include "engine/trees/oblivious_kernel.h"
#include "engine/trees/perfect_kernel.h"
#include "engine/trees/tree_sizes.h"
#include "engine/trees/walk_kernel.h"

namespace slipway::engine {
namespace {

constexpr size_t kTrialRows = 64;
// Of them, so many are tried one by one, because that takes longer.
constexpr size_t kSingleRows = 16;
// The kernels are tried in turn, so often, or less often when they have had so much time: what else
// a shared machine does comes in bursts, and each kernel needs a moment without.
constexpr int kMaxTrials = 40;
constexpr int kMinTrials = 5;
constexpr auto kTrialTime = std::chrono::milliseconds(20);

// Time on a processor: what other threads take of it does not count.
std::chrono::nanoseconds ThreadTime() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// Rows whose values lie among the thresholds of the forest, so that they go down different ways.
template <typename T>
std::vector<T> TrialRows(const Forest<T>& forest) {
  std::vector<std::vector<T>> thresholds(forest.columns.size());
  for (const auto& node : forest.nodes) thresholds[node.column].push_back(node.threshold);
  std::mt19937 random(1);
  std::vector<T> rows;
  for (size_t row = 0; row < kTrialRows; ++row) {
    for (const std::vector<T>& column : thresholds) {
      rows.push_back(column.empty() ? T{0} : column[random() % column.size()]);
    }
    rows.push_back(std::numeric_limits<T>::quiet_NaN());
  }
  return rows;
}

// The time that rows [begin, end) take, `together` at a time.
template <typename T>
std::chrono::nanoseconds TimeOf(const Kernel<T>& kernel, const Forest<T>& forest,
                                const std::vector<T>& rows, size_t begin, size_t end,
                                size_t together, std::vector<T>& sums) {
  const size_t stride = forest.columns.size() + 1;
  const auto start = ThreadTime();
  for (size_t row = begin; row < end; row += together) {
    kernel.AddTrees({rows.data() + row * stride, stride, together}, &sums[row * forest.targets]);
  }
  return ThreadTime() - start;
}

template <typename T>
using Kernels = std::vector<std::shared_ptr<const Kernel<T>>>;

// The fastest of some kernels of a forest: for one row at a time, and for many.
template <typename T>
struct Fastest {
  std::shared_ptr<const Kernel<T>> few;
  std::shared_ptr<const Kernel<T>> many;
};

template <typename T>
Fastest<T> FastestOf(const Forest<T>& forest, const Kernels<T>& kernels) {
  if (kernels.size() == 1) return {kernels.front(), kernels.front()};
  const std::vector<T> rows = TrialRows(forest);
  std::vector<T> sums(forest.targets * kTrialRows);
  constexpr auto kNever = std::chrono::nanoseconds::max();
  std::vector<std::chrono::nanoseconds> few(kernels.size(), kNever);
  std::vector<std::chrono::nanoseconds> many(kernels.size(), kNever);
  const auto start = ThreadTime();
  for (int trial = 0; trial < kMaxTrials; ++trial) {
    if (trial >= kMinTrials && ThreadTime() - start > kTrialTime) break;
    for (size_t i = 0; i < kernels.size(); ++i) {
      // The many rows first: after them the forest lies in the caches as it does under load, and
      // not as the other kernels have left it.
      many[i] =
          std::min(many[i], TimeOf(*kernels[i], forest, rows, 0, kTrialRows, kTrialRows, sums));
      const size_t first = static_cast<size_t>(trial) * kSingleRows % kTrialRows;
      few[i] =
          std::min(few[i], TimeOf(*kernels[i], forest, rows, first, first + kSingleRows, 1, sums));
    }
  }
  return {kernels[static_cast<size_t>(std::ranges::min_element(few) - few.begin())],
          kernels[static_cast<size_t>(std::ranges::min_element(many) - many.begin())]};
}

// One kernel for the first trees, another one for the rest.
template <typename T>
class SplitKernel final : public Kernel<T> {
 public:
  SplitKernel(std::shared_ptr<const Kernel<T>> first, std::shared_ptr<const Kernel<T>> rest)
      : first_(std::move(first)),
        rest_(std::move(rest)),
        name_(base::StrCat(first_->name(), ", ", rest_->name())) {}

  void AddTrees(const ColumnRows<T>& rows, T* sums) const override {
    first_->AddTrees(rows, sums);
    rest_->AddTrees(rows, sums);
  }
  bool replaces_missing() const override {
    return first_->replaces_missing() && rest_->replaces_missing();
  }
  std::string_view name() const override { return name_; }

 private:
  const std::shared_ptr<const Kernel<T>> first_;
  const std::shared_ptr<const Kernel<T>> rest_;
  const std::string name_;
};

// How many trees come up to the last one that is too large for the block kernel; 0 when few come
// after it. Boosting goes on with small trees once there is little left to learn.
template <typename T>
size_t LargeTrees(const Forest<T>& forest) {
  const std::vector<TreeSize> sizes = SizesOf(forest);
  const auto last = std::find_if(sizes.rbegin(), sizes.rend(), [](const TreeSize& size) {
    return size.leaves > kMaxBlockLeaves;
  });
  const auto large = static_cast<size_t>(sizes.rend() - last);
  return (sizes.size() - large) * 4 < sizes.size() ? 0 : large;
}

}  // namespace

template <typename T>
std::vector<std::unique_ptr<Kernel<T>>> EligibleKernels(const Forest<T>& forest,
                                                        base::CpuLevel level) {
  std::vector<std::unique_ptr<Kernel<T>>> kernels = MakeWalkKernels(forest);
  for (auto& kernel : MakeByteWalkKernels(forest, level)) kernels.push_back(std::move(kernel));
  for (auto* make :
       {&MakePerfectKernel<T>, &MakeObliviousKernel<T>, &MakeJumpKernel<T>, &MakeBlockKernel<T>}) {
    if (auto kernel = make(forest, level)) kernels.push_back(std::move(kernel));
  }
  return kernels;
}

template <typename T>
KernelChoice<T>::KernelChoice(const Forest<T>& forest, base::CpuLevel level) {
  Kernels<T> kernels;
  for (auto& kernel : EligibleKernels(forest, level)) kernels.push_back(std::move(kernel));
  Fastest<T> fastest = FastestOf(forest, kernels);
  if (const size_t large = LargeTrees(forest); large > 0) {
    const KernelChoice first(TreesOf(forest, 0, large), level);
    const KernelChoice rest(TreesOf(forest, large, forest.roots.size()), level);
    fastest = FastestOf<T>(
        forest, {fastest.few, fastest.many, std::make_shared<SplitKernel<T>>(first.few_, rest.few_),
                 std::make_shared<SplitKernel<T>>(first.many_, rest.many_)});
  }
  few_ = std::move(fastest.few);
  many_ = std::move(fastest.many);
}

template std::vector<std::unique_ptr<Kernel<float>>> EligibleKernels(const Forest<float>&,
                                                                     base::CpuLevel);
template std::vector<std::unique_ptr<Kernel<double>>> EligibleKernels(const Forest<double>&,
                                                                      base::CpuLevel);
template class KernelChoice<float>;
template class KernelChoice<double>;

}  // namespace slipway::engine
