#include "tensor/csv.h"

#include <charconv>
#include <limits>
#include <set>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::tensor {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

// Cuts a text into lines of fields.
class CsvReader {
 public:
  CsvReader(std::string_view text, const CsvLimits& limits) : text_(text), limits_(limits) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
    while (text_.ends_with('\n') || text_.ends_with('\r')) text_.remove_suffix(1);
  }

  bool AtEnd() const { return at_ >= text_.size(); }
  // Number of the line that Next() reads, from 1; a quoted field may make it several.
  size_t line() const { return line_; }

  Status Next(std::vector<std::string>& fields) {
    fields.clear();
    for (;;) {
      if (fields.size() == limits_.max_columns) {
        return base::ResourceExhausted(
            StrCat("line ", line_, ": expected at most ", limits_.max_columns, " fields"));
      }
      std::string& field = fields.emplace_back();
      SLIPWAY_RETURN_IF_ERROR(at_ < text_.size() && text_[at_] == '"' ? Quoted(field)
                                                                      : Plain(field));
      if (field.size() > limits_.max_cell_bytes) {
        return base::ResourceExhausted(StrCat("line ", line_, ": a field is longer than ",
                                              base::FormatByteSize(limits_.max_cell_bytes)));
      }
      if (AtEnd()) return OkStatus();
      const char separator = text_[at_++];
      if (separator == ',') continue;
      if (separator == '\r' && at_ < text_.size() && text_[at_] == '\n') ++at_;
      ++line_;
      return OkStatus();
    }
  }

 private:
  // Up to the next comma or end of line.
  Status Plain(std::string& field) {
    size_t end = text_.find_first_of(",\n\"", at_);
    if (end == std::string_view::npos) end = text_.size();
    if (end < text_.size() && text_[end] == '"') {
      return InvalidArgument(StrCat("line ", line_, ": a quote inside a field that is not quoted"));
    }
    std::string_view value = text_.substr(at_, end - at_);
    if (end < text_.size() && text_[end] == '\n' && value.ends_with('\r')) value.remove_suffix(1);
    field = value;
    at_ = end;
    return OkStatus();
  }

  // From the opening quote to behind the closing one; two quotes stand for one.
  Status Quoted(std::string& field) {
    const size_t first_line = line_;
    for (++at_;; ++at_) {
      const size_t end = text_.find('"', at_);
      if (end == std::string_view::npos) {
        return InvalidArgument(StrCat("line ", first_line, ": a quoted field has no end"));
      }
      const std::string_view piece = text_.substr(at_, end - at_);
      for (const char c : piece) line_ += c == '\n' ? 1 : 0;
      field.append(piece);
      at_ = end + 1;
      if (AtEnd() || text_[at_] != '"') break;
      field.push_back('"');
    }
    if (AtEnd() || text_[at_] == ',' || text_[at_] == '\n' || text_[at_] == '\r') return OkStatus();
    return InvalidArgument(StrCat("line ", line_, ": expected a comma behind a quoted field"));
  }

  std::string_view text_;
  const CsvLimits& limits_;
  size_t at_ = 0;
  size_t line_ = 1;
};

Status ReadNames(CsvReader& reader, CsvTable& table) {
  std::vector<std::string> names;
  std::set<std::string_view> seen;
  SLIPWAY_RETURN_IF_ERROR(reader.Next(names));
  for (const std::string& name : names) {
    if (name.empty()) return InvalidArgument("line 1: a column has no name");
    if (!seen.insert(name).second) {
      return InvalidArgument(StrCat("line 1: column '", base::Printable(name), "' is there twice"));
    }
  }
  for (std::string& name : names) {
    table.columns.push_back({.name = std::move(name), .numeric = false, .text = {}, .numbers = {}});
  }
  return OkStatus();
}

bool ReadNumber(std::string_view cell, double& number) {
  cell = base::TrimWhitespace(cell);
  number = std::numeric_limits<double>::quiet_NaN();
  if (cell.empty()) return true;
  const auto [stop, error] = std::from_chars(cell.data(), cell.data() + cell.size(), number);
  return error == std::errc() && stop == cell.data() + cell.size();
}

// A column is one of numbers when all its cells are, and at least one is not empty.
void FindNumbers(CsvColumn& column) {
  bool any = false;
  std::vector<double> numbers;
  numbers.reserve(column.text.size());
  for (const std::string& cell : column.text) {
    double number = 0;
    if (!ReadNumber(cell, number)) return;
    any = any || !base::TrimWhitespace(cell).empty();
    numbers.push_back(number);
  }
  column.numeric = any;
  if (any) column.numbers = std::move(numbers);
}

}  // namespace

Result<CsvTable> ReadCsv(std::string_view text, const CsvLimits& limits) {
  if (!base::IsValidUtf8(text)) return InvalidArgument("the table is not UTF-8 text");
  CsvReader reader(text, limits);
  if (reader.AtEnd())
    return InvalidArgument("line 1: expected the names of the columns, got nothing");
  CsvTable table;
  SLIPWAY_RETURN_IF_ERROR(ReadNames(reader, table));
  std::vector<std::string> fields;
  while (!reader.AtEnd()) {
    const size_t line = reader.line();
    SLIPWAY_RETURN_IF_ERROR(reader.Next(fields));
    if (fields.size() != table.columns.size()) {
      return InvalidArgument(StrCat("line ", line, ": expected ", table.columns.size(),
                                    " fields, got ", fields.size()));
    }
    if (++table.rows > limits.max_cells / table.columns.size()) {
      return base::ResourceExhausted(
          StrCat("line ", line, ": expected at most ", limits.max_cells, " cells"));
    }
    for (size_t i = 0; i < fields.size(); ++i) {
      table.columns[i].text.push_back(std::move(fields[i]));
    }
  }
  for (CsvColumn& column : table.columns) FindNumbers(column);
  return table;
}

}  // namespace slipway::tensor
