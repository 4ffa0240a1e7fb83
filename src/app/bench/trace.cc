#include "app/bench/trace.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;

constexpr size_t kMaxLines = 10'000'000;
constexpr double kLongestSeconds = 366.0 * 24 * 3600;
constexpr int64_t kMostRows = int64_t{1} << 24;

enum class Column : uint8_t { kOffset, kModel, kRows };

std::vector<std::string_view> Cells(std::string_view line) {
  std::vector<std::string_view> cells;
  while (true) {
    const size_t comma = line.find(',');
    cells.push_back(base::TrimWhitespace(line.substr(0, comma)));
    if (comma == std::string_view::npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

template <typename T>
bool ParseWhole(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

Result<std::vector<Column>> ReadTitles(std::string_view line) {
  std::vector<Column> columns;
  for (const std::string_view title : Cells(line)) {
    Column column = Column::kOffset;
    if (title == "model") {
      column = Column::kModel;
    } else if (title == "rows") {
      column = Column::kRows;
    } else if (title != "offset_s") {
      return InvalidArgument(StrCat("line 1: unknown column '", Printable(title),
                                    "'; the columns are offset_s, model and rows"));
    }
    if (std::ranges::find(columns, column) != columns.end()) {
      return InvalidArgument(StrCat("line 1: column '", Printable(title), "' is there twice"));
    }
    columns.push_back(column);
  }
  if (std::ranges::find(columns, Column::kOffset) == columns.end()) {
    return InvalidArgument("line 1: expected a column 'offset_s', seconds from the start");
  }
  return columns;
}

Status ReadCell(Column column, std::string_view cell, TraceLine& line) {
  const auto bad = [&](std::string_view expected) {
    return InvalidArgument(StrCat("expected ", expected, ", got '", Printable(cell), "'"));
  };
  if (column == Column::kModel) {
    line.model = cell;
  } else if (column == Column::kRows) {
    if (!ParseWhole(cell, line.rows) || line.rows < 1 || line.rows > kMostRows) {
      return bad("rows from 1 to 16,777,216");
    }
  } else {
    double seconds = 0;
    if (!ParseWhole(cell, seconds) || !(seconds >= 0) || seconds > kLongestSeconds) {
      return bad("seconds from 0 up, at most a year");
    }
    line.offset = std::chrono::nanoseconds(std::llround(seconds * 1e9));
  }
  return base::OkStatus();
}

Result<TraceLine> ReadLine(std::string_view text, const std::vector<Column>& columns) {
  const std::vector<std::string_view> cells = Cells(text);
  if (cells.size() != columns.size()) {
    return InvalidArgument(StrCat("expected ", columns.size(), " cells, got ", cells.size()));
  }
  TraceLine line;
  for (size_t i = 0; i < cells.size(); ++i) {
    SLIPWAY_RETURN_IF_ERROR(ReadCell(columns[i], cells[i], line));
  }
  return line;
}

}  // namespace

Result<std::vector<TraceLine>> ParseTrace(std::string_view csv) {
  std::vector<Column> columns;
  std::vector<TraceLine> lines;
  for (size_t number = 1; !csv.empty(); ++number) {
    const size_t end = csv.find('\n');
    const std::string_view text = base::TrimWhitespace(csv.substr(0, end));
    csv.remove_prefix(end == std::string_view::npos ? csv.size() : end + 1);
    if (number == 1) {
      SLIPWAY_ASSIGN_OR_RETURN(columns, ReadTitles(text));
      continue;
    }
    if (text.empty()) continue;
    if (lines.size() == kMaxLines) {
      return InvalidArgument(StrCat("more than ", kMaxLines, " requests"));
    }
    Result<TraceLine> line = ReadLine(text, columns);
    if (!line.ok()) return line.status().WithContext(StrCat("line ", number));
    lines.push_back(*std::move(line));
  }
  if (lines.empty())
    return InvalidArgument("expected a line of titles and then requests, got none");
  std::ranges::stable_sort(lines, {}, &TraceLine::offset);
  return lines;
}

}  // namespace slipway::app
