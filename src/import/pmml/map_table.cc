#include "import/pmml/map_table.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>

#include "import/pmml/formulas.h"
#include "import/pmml/search_tree.h"

namespace slipway::import::pmml {
namespace {

using graph::Value;

// Rows are sorted by the first column, then the second and so on: the rows that have the same
// beginning are a range.
class RowTree {
 public:
  explicit RowTree(const MapTable& table)
      : table_(table),
        tree_(static_cast<uint32_t>(table.inputs.size()), 2),
        rows_(table.outputs.size()) {
    std::iota(rows_.begin(), rows_.end(), size_t{0});
    std::ranges::stable_sort(rows_, [&table](size_t a, size_t b) {
      for (const std::vector<double>& column : table.inputs) {
        if (column[a] != column[b]) return column[a] < column[b];
      }
      return false;
    });
  }

  base::Result<Value> AddTo(graph::GraphBuilder& graph, const Value& x) {
    const SearchTree::Place root = Among(0, rows_);
    return std::move(tree_).AddTo(graph, x, root);
  }
  bool is_ambiguous() const { return is_ambiguous_; }

 private:
  // Rows that are equal up to `column`.
  SearchTree::Place Among(size_t column, std::span<const size_t> rows) {
    if (column == table_.inputs.size()) {
      is_ambiguous_ = is_ambiguous_ || rows.size() > 1;
      const double leaf[] = {table_.outputs[rows[0]], rows.size() > 1 ? 1.0 : 0.0};
      return tree_.Leaf(leaf);
    }
    std::vector<double> keys;
    std::vector<size_t> starts;
    for (size_t i = 0; i < rows.size(); ++i) {
      const double key = table_.inputs[column][rows[i]];
      if (!keys.empty() && key == keys.back()) continue;
      keys.push_back(key);
      starts.push_back(i);
    }
    starts.push_back(rows.size());
    return tree_.Equal(static_cast<uint32_t>(column), keys, [&](size_t key) {
      return Among(column + 1, rows.subspan(starts[key], starts[key + 1] - starts[key]));
    });
  }

  const MapTable& table_;
  SearchTree tree_;
  std::vector<size_t> rows_;
  bool is_ambiguous_ = false;
};

}  // namespace

base::Result<Mapped> FindRow(graph::GraphBuilder& graph, const MapTable& table, const Value& x) {
  RowTree tree(table);
  SLIPWAY_ASSIGN_OR_RETURN(const Value found, tree.AddTo(graph, x));
  const int64_t output[] = {0};
  const int64_t more[] = {1};
  Mapped out = {.value = graph.Columns(found, output), .ambiguous = {}};
  if (tree.is_ambiguous()) {
    out.ambiguous = Compare(graph, "Greater", graph.Columns(found, more), Number(graph, 0.5));
  }
  return out;
}

}  // namespace slipway::import::pmml
