#include "import/document.h"

#include <charconv>
#include <cmath>

#include "base/check.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::import {
namespace {

using base::Result;
using base::Status;
using base::StrCat;

std::string_view KindOf(const Document& document) {
  static constexpr std::string_view kNames[] = {"null",  "a boolean", "a number", "text",
                                                "array", "an array",  "an object"};
  return kNames[document.value.index()];
}

// What `item` is worth in an array of numbers; nullopt when it is not a number.
std::optional<double> AsNumber(const Document& item) {
  if (const auto* number = std::get_if<double>(&item.value)) return *number;
  if (const auto* flag = std::get_if<bool>(&item.value)) return *flag ? 1.0 : 0.0;
  return std::nullopt;
}

bool IsWhole(double value, int64_t low, int64_t high) {
  return value >= static_cast<double>(low) && value <= static_cast<double>(high) &&
         value == std::floor(value);
}

}  // namespace

void Document::Append(Document item) {
  if (auto* numbers = std::get_if<Numbers>(&value)) {
    if (const auto number = AsNumber(item)) {
      numbers->push_back(*number);
      return;
    }
    List list;
    list.reserve(numbers->size() + 1);
    for (const double number : *numbers) list.emplace_back().value = number;
    value = std::move(list);
  }
  SLIPWAY_CHECK(std::holds_alternative<List>(value));
  std::get<List>(value).push_back(std::move(item));
}

Status ValueBudget::Take() {
  if (++taken_ <= limit_) return base::OkStatus();
  return base::ResourceExhausted(StrCat("more than ", limit_, " values"));
}

Status ValueBudget::TakeItem(const Document& array) {
  return std::holds_alternative<Document::Numbers>(array.value) ? base::OkStatus() : Take();
}

bool Place::is_array() const {
  return std::holds_alternative<Document::Numbers>(document_->value) ||
         std::holds_alternative<Document::List>(document_->value);
}

Status Place::Error(std::string_view message) const {
  return base::InvalidArgument(StrCat(path_.empty() ? "the root" : path_, ": ", message));
}

Result<const Document::Object*> Place::Members() const {
  const auto* object = std::get_if<Document::Object>(&document_->value);
  if (object == nullptr) return Error(StrCat("expected an object, got ", KindOf(*document_)));
  return object;
}

std::optional<Place> Place::Find(std::string_view name) const {
  const auto* object = std::get_if<Document::Object>(&document_->value);
  if (object == nullptr) return std::nullopt;
  for (const auto& [key, member] : *object) {
    if (key != name) continue;
    if (std::holds_alternative<std::monostate>(member.value)) return std::nullopt;
    return Place(member, path_.empty() ? key : StrCat(path_, ".", key));
  }
  return std::nullopt;
}

Result<Place> Place::At(std::string_view name) const {
  SLIPWAY_RETURN_IF_ERROR(Members().status());
  auto found = Find(name);
  if (!found) return Error(StrCat("'", name, "' is missing"));
  return *std::move(found);
}

Result<std::vector<Place>> Place::Items() const {
  std::vector<Place> items;
  if (const auto* list = std::get_if<Document::List>(&document_->value)) {
    items.reserve(list->size());
    for (size_t i = 0; i < list->size(); ++i) {
      items.emplace_back((*list)[i], StrCat(path_, "[", i, "]"));
    }
    return items;
  }
  const auto* numbers = std::get_if<Document::Numbers>(&document_->value);
  if (numbers == nullptr) return Error(StrCat("expected an array, got ", KindOf(*document_)));
  if (!numbers->empty()) return Error("expected an array of objects, got numbers");
  return items;
}

Result<std::span<const double>> Place::Numbers() const {
  const auto* numbers = std::get_if<Document::Numbers>(&document_->value);
  if (numbers == nullptr) {
    return Error(StrCat("expected an array of numbers, got ", KindOf(*document_)));
  }
  return std::span<const double>(*numbers);
}

Result<std::vector<int64_t>> Place::Integers(int64_t low, int64_t high) const {
  SLIPWAY_ASSIGN_OR_RETURN(const std::span<const double> numbers, Numbers());
  std::vector<int64_t> out(numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (!IsWhole(numbers[i], low, high)) {
      return Error(StrCat("[", i, "]: expected a whole number from ", low, " to ", high, ", got ",
                          numbers[i]));
    }
    out[i] = static_cast<int64_t>(numbers[i]);
  }
  return out;
}

Result<std::vector<std::string>> Place::Texts() const {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Place> items, Items());
  std::vector<std::string> out;
  out.reserve(items.size());
  for (const Place& item : items) {
    SLIPWAY_ASSIGN_OR_RETURN(std::string text, item.Text());
    out.push_back(std::move(text));
  }
  return out;
}

Result<std::string> Place::Text() const {
  const auto* text = std::get_if<std::string>(&document_->value);
  if (text == nullptr) return Error(StrCat("expected text, got ", KindOf(*document_)));
  return *text;
}

Result<double> Place::Number() const {
  if (const auto number = AsNumber(*document_)) return *number;
  const auto* text = std::get_if<std::string>(&document_->value);
  if (text == nullptr) return Error(StrCat("expected a number, got ", KindOf(*document_)));
  const auto number = ParseNumber(*text);
  if (!number) return Error(StrCat("expected a number, got '", base::Printable(*text), "'"));
  return *number;
}

Result<int64_t> Place::Integer(int64_t low, int64_t high) const {
  SLIPWAY_ASSIGN_OR_RETURN(const double number, Number());
  if (!IsWhole(number, low, high)) {
    return Error(StrCat("expected a whole number from ", low, " to ", high, ", got ", number));
  }
  return static_cast<int64_t>(number);
}

std::optional<double> ParseNumber(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // Too small for a double, or too large: the exponent's sign tells.
    const size_t exponent = text.find_first_of("eE");
    const bool tiny = exponent != std::string_view::npos && exponent + 1 < text.size() &&
                      text[exponent + 1] == '-';
    number = tiny ? 0.0 : HUGE_VAL;
    return text.front() == '-' ? -number : number;
  }
  if (error != std::errc{}) return std::nullopt;
  return number;
}

}  // namespace slipway::import
