#pragma once

#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::app {

// Rows of text in aligned columns, for a terminal.
//
//   TableText table({{"model"}, {"requests", TableText::Align::kRight}});
//   table.Add({"digits", "1200"});
//   table.Print(out);
//
// Two blanks between columns and in front of each line. Columns are as wide as their widest cell; a
// character counts as one place. Titles that are all empty make no title line. Thread-compatible.
class TableText {
 public:
  enum class Align : uint8_t { kLeft, kRight };
  struct Column {
    std::string title = {};
    Align align = Align::kLeft;
  };

  explicit TableText(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // One cell for each column. Control characters are shown as \xNN.
  void Add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  void Print(std::ostream& out) const;

 private:
  void PrintRow(const std::vector<std::string>& cells, std::span<const size_t> widths,
                std::ostream& out) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// How many places `text` takes: its characters, of which UTF-8 may need several bytes each.
size_t DisplayWidth(std::string_view text);

// Prints `words` with two blanks between them, as many to a line as fit into `width` places, each
// line behind two blanks.
void PrintWrapped(std::span<const std::string> words, size_t width, std::ostream& out);

// "38,282"
std::string WithThousands(uint64_t number);

}  // namespace slipway::app
