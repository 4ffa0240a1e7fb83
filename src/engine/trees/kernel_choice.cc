#include "engine/trees/kernel_choice.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <random>
#include <utility>

#include "engine/trees/block_kernel.h"
#include "engine/trees/mask_kernel.h"
#include "engine/trees/walk_kernel.h"

namespace slipway::engine {
namespace {

constexpr size_t kTrialRows = 64;
// A kernel is tried so often, or until it has had so much time.
constexpr int kTrials = 20;
constexpr auto kTrialTime = std::chrono::milliseconds(2);

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

// The shortest time that the rows took, `together` at a time.
template <typename T>
std::chrono::nanoseconds TimeOf(const Kernel<T>& kernel, const Forest<T>& forest,
                                const std::vector<T>& rows, size_t together) {
  const size_t stride = forest.columns.size() + 1;
  std::vector<T> sums(forest.targets * kTrialRows);
  auto shortest = std::chrono::nanoseconds::max();
  auto spent = std::chrono::nanoseconds(0);
  for (int trial = 0; trial < kTrials && spent < kTrialTime; ++trial) {
    const auto start = std::chrono::steady_clock::now();
    for (size_t row = 0; row < kTrialRows; row += together) {
      kernel.AddTrees({rows.data() + row * stride, stride, together}, &sums[row * forest.targets]);
    }
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
    shortest = std::min(shortest, took);
    spent += took;
  }
  return shortest;
}

}  // namespace

template <typename T>
std::vector<std::unique_ptr<Kernel<T>>> EligibleKernels(const Forest<T>& forest) {
  std::vector<std::unique_ptr<Kernel<T>>> kernels;
  kernels.push_back(MakeWalkKernel(forest));
  for (auto* make :
       {&MakeByteWalkKernel<T>, &MakePerfectKernel<T>, &MakeLeavesKernel<T>, &MakeBlockKernel<T>}) {
    if (auto kernel = make(forest)) kernels.push_back(std::move(kernel));
  }
  return kernels;
}

template <typename T>
KernelChoice<T>::KernelChoice(const Forest<T>& forest) {
  std::vector<std::shared_ptr<const Kernel<T>>> kernels;
  for (auto& kernel : EligibleKernels(forest)) kernels.push_back(std::move(kernel));
  few_ = many_ = kernels.front();
  if (kernels.size() == 1) return;
  const std::vector<T> rows = TrialRows(forest);
  auto few = std::chrono::nanoseconds::max();
  auto many = std::chrono::nanoseconds::max();
  for (const auto& kernel : kernels) {
    const auto one_row = TimeOf(*kernel, forest, rows, 1);
    if (one_row < few) {
      few = one_row;
      few_ = kernel;
    }
    const auto all_rows = TimeOf(*kernel, forest, rows, kTrialRows);
    if (all_rows < many) {
      many = all_rows;
      many_ = kernel;
    }
  }
}

template std::vector<std::unique_ptr<Kernel<float>>> EligibleKernels(const Forest<float>&);
template std::vector<std::unique_ptr<Kernel<double>>> EligibleKernels(const Forest<double>&);
template class KernelChoice<float>;
template class KernelChoice<double>;

}  // namespace slipway::engine
