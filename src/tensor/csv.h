#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace slipway::tensor {

struct CsvLimits {
  size_t max_columns = 100'000;
  size_t max_cells = 100'000'000;
  size_t max_cell_bytes = size_t{16} << 20;
};

// One column: numbers where every cell that is not empty is one, else text. A value.
struct CsvColumn {
  std::string name;
  bool numeric = false;
  std::vector<std::string> text;  // every cell as it was written
  std::vector<double> numbers;    // when numeric; NaN where the cell is empty
};

struct CsvTable {
  std::vector<CsvColumn> columns;
  size_t rows = 0;
};

// Reads a table whose first line names the columns. Fields are separated by commas and may be
// quoted; lines end with LF or CRLF; a byte order mark and empty lines at the end are passed over.
// kInvalidArgument (with the line number: unequal numbers of fields, quotes out of place, a name
// twice, not UTF-8), kResourceExhausted (limits). Source: RFC 4180.
base::Result<CsvTable> ReadCsv(std::string_view text, const CsvLimits& limits = {});

}  // namespace slipway::tensor
