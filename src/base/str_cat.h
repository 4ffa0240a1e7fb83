#pragma once

#include <charconv>
#include <concepts>
#include <sstream>
#include <string>
#include <string_view>

namespace slipway::base {

namespace str_cat_internal {

template <typename T>
void Append(std::string& out, const T& piece) {
  if constexpr (std::convertible_to<const T&, std::string_view>) {
    out.append(std::string_view(piece));
  } else if constexpr (std::same_as<T, bool>) {
    out.append(piece ? "true" : "false");
  } else if constexpr (std::same_as<T, char>) {
    out.push_back(piece);
  } else if constexpr (std::integral<T> || std::floating_point<T>) {
    char text[64];
    const auto [end, error] = std::to_chars(text, text + sizeof(text), piece);
    out.append(text, end);
  } else {  // anything else that prints itself: Status, Shape, TensorSpec, ...
    std::ostringstream text;
    text << piece;
    out.append(text.view());
  }
}

}  // namespace str_cat_internal

// The pieces (text, numbers, bool, anything with operator<<) one after the other. For messages: it
// may allocate, so it has no place on the success path of a request.
template <typename... Pieces>
std::string StrCat(const Pieces&... pieces) {
  std::string out;
  (str_cat_internal::Append(out, pieces), ...);
  return out;
}

}  // namespace slipway::base
