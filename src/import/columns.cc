#include "import/columns.h"

#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::import {

using base::InvalidArgument;
using base::Result;
using base::StrCat;
using graph::Value;

Result<Value> AddNumberInput(graph::GraphBuilder& graph, std::span<const ImportedColumn> columns,
                             graph::ElementType type, Columns how) {
  if (how != Columns::kSeparate) {
    return graph.AddInput("x", type, {"batch", static_cast<int64_t>(columns.size())});
  }
  std::set<std::string_view> names;
  std::vector<Value> values;
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string& name = columns[i].name;
    if (name.empty()) {
      return InvalidArgument(StrCat("the file does not name column ", i,
                                    ": import it with one input for all columns"));
    }
    if (!names.insert(name).second) {
      return InvalidArgument(StrCat("two columns are called '", base::Printable(name),
                                    "': import the model with one input for all columns"));
    }
    values.push_back(graph.AddInput(name, type, {"batch", int64_t{1}}));
  }
  if (values.empty()) return InvalidArgument("a model without columns");
  return graph.Concat(std::move(values));
}

}  // namespace slipway::import
