#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/pmml/element.h"

namespace slipway::import::pmml {

// The text of a row's cell as it is; nullopt where the row has none. Columns have the names that
// elements are written with, prefix and all.
std::optional<std::string> Cell(const Element& row, std::string_view column);

// Reads rows of many columns, each in one pass. Immutable.
class RowReader {
 public:
  explicit RowReader(std::span<const std::string> columns);
  // For each column, in order, what Cell() gives. Of two cells of a column the first counts.
  std::vector<std::optional<std::string>> Read(const Element& row) const;

 private:
  std::multimap<std::string, size_t, std::less<>> positions_;
};

// The rows of the InlineTable of `holder`. kUnimplemented for a table that is not in the file,
// kInvalidArgument for none, kResourceExhausted for more than `limit`.
base::Result<std::vector<Element>> TableRows(const Element& holder, size_t limit);

// kInvalidArgument when the attribute is there and says another count.
base::Status CheckCount(const Element& at, std::string_view attribute, size_t count);

}  // namespace slipway::import::pmml
