#include "engine/trees/forest_runner.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace slipway::engine {
namespace {

// Whether column i is feature i.
template <typename Column>
bool AreFeatures(const std::vector<Column>& columns) {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] != Column{.feature = static_cast<uint32_t>(i)}) return false;
  }
  return true;
}

}  // namespace

template <typename T>
ForestRunner<T>::ForestRunner(const graph::TreeEnsemble& ensemble)
    : ForestRunner(ensemble, MakeForest<T>(ensemble)) {}

template <typename T>
ForestRunner<T>::ForestRunner(const graph::TreeEnsemble& ensemble, Forest<T> forest)
    : features_(forest.features),
      targets_(forest.targets),
      stride_(forest.columns.size() + 1),
      kernels_(forest),
      columns_(std::move(forest.columns)),
      as_they_are_(AreFeatures(columns_)),
      divisor_(ensemble.aggregate == graph::TreeEnsemble::Aggregate::kMean
                   ? static_cast<T>(ensemble.roots.size())
                   : 0) {}

template <typename T>
void ForestRunner<T>::FillRow(const T* row, T* out) const {
  if (as_they_are_) {
    std::copy_n(row, columns_.size(), out);
    out[columns_.size()] = std::numeric_limits<T>::quiet_NaN();
    return;
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    const T x = row[columns_[i].feature];
    switch (columns_[i].missing) {
      case Column::Missing::kStays:
        out[i] = x;
        break;
      case Column::Missing::kInfinity:
        out[i] = std::isnan(x) ? std::numeric_limits<T>::infinity() : x;
        break;
      case Column::Missing::kFlag:
        out[i] = std::isnan(x) ? 1 : 0;
        break;
    }
  }
  out[columns_.size()] = std::numeric_limits<T>::quiet_NaN();
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
