#include "import/pmml/inline_table.h"

#include "base/str_cat.h"
#include "import/pmml/model_scope.h"

namespace slipway::import::pmml {

using base::StrCat;

std::optional<std::string> Cell(const Element& row, std::string_view column) {
  for (const Element& cell : row.Children()) {
    if (cell.full_name() == column) return cell.Text();
  }
  return std::nullopt;
}

RowReader::RowReader(std::span<const std::string> columns) {
  for (const std::string& column : columns) positions_.emplace(column, positions_.size());
}

std::vector<std::optional<std::string>> RowReader::Read(const Element& row) const {
  std::vector<std::optional<std::string>> out(positions_.size());
  for (const Element& cell : row.Children()) {
    const auto [first, last] = positions_.equal_range(cell.full_name());
    for (auto at = first; at != last; ++at) {
      if (!out[at->second]) out[at->second] = cell.Text();
    }
  }
  return out;
}

base::Result<std::vector<Element>> TableRows(const Element& holder, size_t limit) {
  if (holder.Child("TableLocator")) {
    return Conversion::Unsupported(holder, "a table that is not in the file");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Element table, holder.NeedChild("InlineTable"));
  std::vector<Element> rows = table.Children("row");
  if (rows.empty()) return table.Error("expected rows");
  if (rows.size() <= limit) return rows;
  return base::ResourceExhausted(
      StrCat(table.Where(), ": ", rows.size(), " rows, the limit is ", limit));
}

base::Status CheckCount(const Element& at, std::string_view attribute, size_t count) {
  if (!at.Find(attribute)) return base::OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const double stated, at.Number(attribute));
  if (stated == static_cast<double>(count)) return base::OkStatus();
  return at.Error(StrCat("'", attribute, "' is ", stated, ", but there are ", count));
}

}  // namespace slipway::import::pmml
