#include "engine/trees/kernel_choice.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <random>
#include <utility>

#include "engine/trees/block_kernel.h"
#include "engine/trees/jump_kernel.h"
#include "engine/trees/perfect_kernel.h"
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

}  // namespace

template <typename T>
std::vector<std::unique_ptr<Kernel<T>>> EligibleKernels(const Forest<T>& forest, CpuLevel level) {
  std::vector<std::unique_ptr<Kernel<T>>> kernels;
  kernels.push_back(MakeWalkKernel(forest));
  for (auto* make : {&MakeByteWalkKernel<T>, &MakePerfectKernel<T>, &MakeJumpKernel<T>,
                     &MakeBlockKernel<T>}) {
    if (auto kernel = make(forest, level)) kernels.push_back(std::move(kernel));
  }
  return kernels;
}

template <typename T>
KernelChoice<T>::KernelChoice(const Forest<T>& forest, CpuLevel level) {
  std::vector<std::shared_ptr<const Kernel<T>>> kernels;
  for (auto& kernel : EligibleKernels(forest, level)) kernels.push_back(std::move(kernel));
  few_ = many_ = kernels.front();
  if (kernels.size() == 1) return;
  const std::vector<T> rows = TrialRows(forest);
  std::vector<T> sums(forest.targets * kTrialRows);
  constexpr auto kNever = std::chrono::nanoseconds::max();
  std::vector<std::chrono::nanoseconds> few(kernels.size(), kNever);
  std::vector<std::chrono::nanoseconds> many(kernels.size(), kNever);
  const auto start = ThreadTime();
  for (int trial = 0; trial < kMaxTrials; ++trial) {
    if (trial >= kMinTrials && ThreadTime() - start > kTrialTime) break;
    for (size_t i = 0; i < kernels.size(); ++i) {
      const size_t first = static_cast<size_t>(trial) * kSingleRows % kTrialRows;
      few[i] =
          std::min(few[i], TimeOf(*kernels[i], forest, rows, first, first + kSingleRows, 1, sums));
      many[i] =
          std::min(many[i], TimeOf(*kernels[i], forest, rows, 0, kTrialRows, kTrialRows, sums));
    }
  }
  few_ = kernels[static_cast<size_t>(std::ranges::min_element(few) - few.begin())];
  many_ = kernels[static_cast<size_t>(std::ranges::min_element(many) - many.begin())];
}

template std::vector<std::unique_ptr<Kernel<float>>> EligibleKernels(const Forest<float>&,
                                                                     CpuLevel);
template std::vector<std::unique_ptr<Kernel<double>>> EligibleKernels(const Forest<double>&,
                                                                      CpuLevel);
template class KernelChoice<float>;
template class KernelChoice<double>;

}  // namespace slipway::engine
