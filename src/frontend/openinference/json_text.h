#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

#include "tensor/shape.h"

namespace slipway::frontend::openinference {

// Small pieces of JSON text for the end of a string.

template <std::integral T>
void AppendNumber(T value, std::string& out) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  out.append(digits, end);
}

// "[1,3,-1]"
inline void AppendShape(const tensor::Shape& shape, std::string& out) {
  out.push_back('[');
  for (size_t i = 0; i < shape.rank(); ++i) {
    if (i > 0) out.push_back(',');
    AppendNumber(shape[i], out);
  }
  out.push_back(']');
}

}  // namespace slipway::frontend::openinference
