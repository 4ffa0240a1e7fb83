#pragma once

#include <cstddef>
#include <string_view>

namespace slipway::engine {

// Rows of a forest's columns: row i begins at values[i * stride], and behind its last column lies a
// NaN. Borrows.
//
// To kernels that replace_missing() rows may come as the caller has them: with no NaN behind them,
// and with numbers that stand for missing values, by column.
template <typename T>
struct ColumnRows {
  const T* values = nullptr;
  size_t stride = 0;
  size_t count = 0;
  const T* where_missing = nullptr;
};

// One way to run one forest. Every kernel adds the same leaves in the same order, so that all give
// the same bits. Immutable, so thread-safe.
template <typename T>
class Kernel {
 public:
  virtual ~Kernel() = default;
  // Adds every tree's leaf to `sums`, [rows.count][targets].
  virtual void AddTrees(const ColumnRows<T>& rows, T* sums) const = 0;
  // Whether it heeds ColumnRows::where_missing.
  virtual bool replaces_missing() const { return false; }
  // "walk", for tests and benchmarks.
  virtual std::string_view name() const = 0;
};

}  // namespace slipway::engine
