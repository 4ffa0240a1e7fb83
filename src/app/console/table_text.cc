#include "app/console/table_text.h"

#include <algorithm>

#include "base/check.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

constexpr std::string_view kGap = "  ";
constexpr size_t kMaxCellBytes = 4096;

}  // namespace

size_t DisplayWidth(std::string_view text) {
  const auto begins_character = [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  };
  return static_cast<size_t>(std::ranges::count_if(text, begins_character));
}

void TableText::Add(std::vector<std::string> cells) {
  SLIPWAY_CHECK(cells.size() == columns_.size());
  for (std::string& cell : cells) cell = base::Printable(cell, kMaxCellBytes);
  rows_.push_back(std::move(cells));
}

void TableText::Print(std::ostream& out) const {
  std::vector<size_t> widths;
  std::vector<std::string> titles;
  for (const Column& column : columns_) {
    widths.push_back(DisplayWidth(column.title));
    titles.push_back(column.title);
  }
  for (const std::vector<std::string>& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  const bool titled = std::ranges::any_of(titles, [](const auto& title) { return !title.empty(); });
  if (titled) PrintRow(titles, widths, out);
  for (const std::vector<std::string>& row : rows_) PrintRow(row, widths, out);
}

void TableText::PrintRow(const std::vector<std::string>& cells, std::span<const size_t> widths,
                         std::ostream& out) const {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths[i] - DisplayWidth(cells[i]), ' ');
    line.append(kGap);
    line.append(columns_[i].align == Align::kLeft ? base::StrCat(cells[i], padding)
                                                  : base::StrCat(padding, cells[i]));
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out << line << "\n";
}

void PrintWrapped(std::span<const std::string> words, size_t width, std::ostream& out) {
  size_t used = 0;
  for (const std::string& word : words) {
    const size_t needed = kGap.size() + DisplayWidth(word);
    if (used > 0 && used + needed > width) {
      out << "\n";
      used = 0;
    }
    out << kGap << word;
    used += needed;
  }
  if (used > 0) out << "\n";
}

std::string WithThousands(uint64_t number) {
  std::string text = base::StrCat(number);
  for (size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

}  // namespace slipway::app
