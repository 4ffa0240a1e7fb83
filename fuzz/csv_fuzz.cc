// CSV tables: every column has one cell for each row.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tensor/csv.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto table =
      slipway::tensor::ReadCsv(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!table.ok()) return 0;
  for (const slipway::tensor::CsvColumn& column : table->columns) {
    if (column.text.size() != table->rows) std::abort();
    if (column.numeric && column.numbers.size() != table->rows) std::abort();
  }
  return 0;
}
