#include "engine/trees/forest_runner.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/trees/fill_missing.h"

namespace slipway::engine {
template <typename T>
ForestRunner<T>::ForestRunner(const graph::TreeEnsemble& ensemble, base::CpuLevel level,
                              std::span<const double> missing_becomes)
    : ForestRunner(ensemble, MakeForest<T>(ensemble), level, missing_becomes) {}

template <typename T>
ForestRunner<T>::ForestRunner(const graph::TreeEnsemble& ensemble, const Forest<T>& forest,
                              base::CpuLevel level, std::span<const double> missing_becomes)
    : level_(level),
      features_(forest.features),
      targets_(forest.targets),
      stride_(forest.columns.size() + 1),
      kernels_(forest, level),
      where_missing_(WhereMissing(forest.columns, missing_becomes)),
      stretches_(StretchesOf(forest.columns, where_missing_)),
      divisor_(ensemble.aggregate == graph::TreeEnsemble::Aggregate::kMean
                   ? static_cast<T>(ensemble.roots.size())
                   : 0) {}

template <typename T>
std::vector<T> ForestRunner<T>::WhereMissing(const std::vector<Column>& columns,
                                             std::span<const double> missing_becomes) {
  std::vector<T> all;
  for (const Column& column : columns) {
    const size_t at = missing_becomes.size() == 1 ? 0 : column.feature;
    const T becomes = missing_becomes.empty() ? std::numeric_limits<T>::quiet_NaN()
                                              : static_cast<T>(missing_becomes[at]);
    const bool stays = std::isnan(becomes);
    switch (column.missing) {
      case Column::Missing::kStays:
        all.push_back(becomes);
        break;
      case Column::Missing::kInfinity:
        all.push_back(stays ? std::numeric_limits<T>::infinity() : becomes);
        break;
      case Column::Missing::kFlag:
        all.push_back(stays ? 1 : 0);
        break;
    }
  }
  return all;
}

template <typename T>
std::vector<typename ForestRunner<T>::Stretch> ForestRunner<T>::StretchesOf(
    const std::vector<Column>& columns, std::span<const T> where_missing) {
  std::vector<Stretch> all;
  for (size_t i = 0; i < columns.size(); ++i) {
    const bool flagged = columns[i].missing == Column::Missing::kFlag;
    const auto kind = flagged                        ? Stretch::Kind::kFlagged
                      : std::isnan(where_missing[i]) ? Stretch::Kind::kCopied
                                                     : Stretch::Kind::kFilled;
    const bool goes_on = !all.empty() && all.back().kind == kind &&
                         all.back().first_feature + all.back().count == columns[i].feature;
    if (goes_on) {
      ++all.back().count;
    } else {
      all.push_back({kind, columns[i].feature, i, 1});
    }
  }
  return all;
}

template <typename T>
void ForestRunner<T>::FillRow(const T* row, T* out) const {
  for (const Stretch& stretch : stretches_) {
    const T* from = row + stretch.first_feature;
    const T* where_missing = where_missing_.data() + stretch.first_column;
    T* to = out + stretch.first_column;
    switch (stretch.kind) {
      case Stretch::Kind::kCopied:
        std::copy_n(from, stretch.count, to);
        break;
      case Stretch::Kind::kFilled:
        FillMissing(level_, from, where_missing, stretch.count, to);
        break;
      case Stretch::Kind::kFlagged:
        for (size_t i = 0; i < stretch.count; ++i) {
          to[i] = from[i] != from[i] ? where_missing[i] : T{0};
        }
        break;
    }
  }
  out[stride_ - 1] = std::numeric_limits<T>::quiet_NaN();
}

template <typename T>
void ForestRunner<T>::Run(const T* rows, size_t count, T* sums, T* scratch) const {
  std::fill_n(sums, count * targets_, T{0});
  const Kernel<T>& kernel = kernels_.For(count);
  // Columns that are features side by side need no copy.
  if (stretches_.size() == 1 && stretches_[0].kind != Stretch::Kind::kFlagged &&
      kernel.replaces_missing()) {
    kernel.AddTrees({.values = rows + stretches_[0].first_feature,
                     .stride = features_,
                     .count = count,
                     .where_missing = where_missing_.data()},
                    sums);
  } else {
    for (size_t row = 0; row < count; ++row) {
      FillRow(rows + row * features_, scratch + row * stride_);
    }
    kernel.AddTrees({.values = scratch, .stride = stride_, .count = count}, sums);
  }
  if (divisor_ == 0) return;
  for (size_t i = 0; i < count * targets_; ++i) sums[i] /= divisor_;
}

template class ForestRunner<float>;
template class ForestRunner<double>;

}  // namespace slipway::engine
