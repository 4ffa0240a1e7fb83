#include "import/columns.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::import {

using base::InvalidArgument;
using base::Result;
using base::StrCat;
using graph::Value;

Result<std::vector<Value>> AddSeparateInputs(graph::GraphBuilder& graph,
                                             std::span<const ImportedColumn> columns,
                                             graph::ElementType number) {
  std::set<std::string> names;
  std::vector<Value> values;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string name = columns[i].name.empty() ? StrCat("column_", i) : columns[i].name;
    if (!names.insert(name).second) {
      return InvalidArgument(StrCat("two columns are called '", base::Printable(name),
                                    "': import the model with one input for all columns"));
    }
    const bool text = columns[i].kind == ImportedColumn::Kind::kText;
    values.push_back(
        graph.AddInput(name, text ? graph::ElementType::kString : number, {"batch", int64_t{1}}));
  }
  return values;
}

Result<Value> AddNumberInput(graph::GraphBuilder& graph, std::span<const ImportedColumn> columns,
                             graph::ElementType type, Columns how) {
  for (const ImportedColumn& column : columns) {
    if (column.kind == ImportedColumn::Kind::kNumber) continue;
    return InvalidArgument(StrCat("column '", base::Printable(column.name),
                                  "' is text: import the model with an input for each column"));
  }
  if (columns.empty()) return InvalidArgument("a model without columns");
  if (how != Columns::kSeparate) {
    return graph.AddInput("x", type, {"batch", static_cast<int64_t>(columns.size())});
  }
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<Value> values, AddSeparateInputs(graph, columns, type));
  return graph.Concat(std::move(values));
}

}  // namespace slipway::import
