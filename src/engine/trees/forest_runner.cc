#include "engine/trees/forest_runner.h"

#include <algorithm>
#include <limits>

namespace slipway::engine {
template <typename T>
ForestRunner<T>::ForestRunner(const graph::TreeEnsemble& ensemble, CpuLevel level)
    : ForestRunner(ensemble, MakeForest<T>(ensemble), level) {}

template <typename T>
ForestRunner<T>::ForestRunner(const graph::TreeEnsemble& ensemble, const Forest<T>& forest,
                              CpuLevel level)
    : features_(forest.features),
      targets_(forest.targets),
      stride_(forest.columns.size() + 1),
      kernels_(forest, level),
      stretches_(StretchesOf(forest.columns)),
      divisor_(ensemble.aggregate == graph::TreeEnsemble::Aggregate::kMean
                   ? static_cast<T>(ensemble.roots.size())
                   : 0) {}

template <typename T>
std::vector<typename ForestRunner<T>::Stretch> ForestRunner<T>::StretchesOf(
    const std::vector<Column>& columns) {
  std::vector<Stretch> all;
  for (size_t i = 0; i < columns.size(); ++i) {
    const bool goes_on = !all.empty() && all.back().missing == columns[i].missing &&
                         all.back().first_feature + all.back().count == columns[i].feature;
    if (goes_on) {
      ++all.back().count;
    } else {
      all.push_back({columns[i].missing, columns[i].feature, i, 1});
    }
  }
  return all;
}

template <typename T>
void ForestRunner<T>::FillRow(const T* row, T* out) const {
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  for (const Stretch& stretch : stretches_) {
    const T* from = row + stretch.first_feature;
    T* to = out + stretch.first_column;
    switch (stretch.missing) {
      case Column::Missing::kStays:
        std::copy_n(from, stretch.count, to);
        break;
      case Column::Missing::kInfinity:
        for (size_t i = 0; i < stretch.count; ++i) to[i] = from[i] != from[i] ? kInfinity : from[i];
        break;
      case Column::Missing::kFlag:
        for (size_t i = 0; i < stretch.count; ++i) to[i] = from[i] != from[i] ? T{1} : T{0};
        break;
    }
  }
  out[stride_ - 1] = std::numeric_limits<T>::quiet_NaN();
}

template <typename T>
void ForestRunner<T>::Run(const T* rows, size_t count, T* sums, T* scratch) const {
  std::fill_n(sums, count * targets_, T{0});
  for (size_t row = 0; row < count; ++row) {
    FillRow(rows + row * features_, scratch + row * stride_);
  }
  kernels_.For(count).AddTrees({.values = scratch, .stride = stride_, .count = count}, sums);
  if (divisor_ == 0) return;
  for (size_t i = 0; i < count * targets_; ++i) sums[i] /= divisor_;
}

template class ForestRunner<float>;
template class ForestRunner<double>;

}  // namespace slipway::engine
