#include "engine/trees/kernel_choice.h"

#include <utility>

#include "engine/trees/walk_kernel.h"

namespace slipway::engine {

template <typename T>
std::vector<std::unique_ptr<Kernel<T>>> EligibleKernels(const Forest<T>& forest) {
  std::vector<std::unique_ptr<Kernel<T>>> kernels;
  kernels.push_back(MakeWalkKernel(forest));
  return kernels;
}

template <typename T>
std::unique_ptr<Kernel<T>> ChooseKernel(const Forest<T>& forest) {
  return std::move(EligibleKernels(forest).front());
}

template std::vector<std::unique_ptr<Kernel<float>>> EligibleKernels(const Forest<float>&);
template std::vector<std::unique_ptr<Kernel<double>>> EligibleKernels(const Forest<double>&);
template std::unique_ptr<Kernel<float>> ChooseKernel(const Forest<float>&);
template std::unique_ptr<Kernel<double>> ChooseKernel(const Forest<double>&);

}  // namespace slipway::engine
