#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tensor/json_reader.h"

namespace slipway::tensor {

// Text that may be read beyond its end, as bodies of requests may. What follows it looks like more
// JSON: a parser that forgets to look for the end is found out.
class PaddedText {
 public:
  explicit PaddedText(std::string_view text, char padding = '7')
      : memory_(text), size_(text.size()) {
    memory_.append(JsonReader::kPadding, padding);
  }
  std::span<char> text() { return {memory_.data(), size_}; }
  std::span<std::byte> bytes() { return std::as_writable_bytes(text()); }

 private:
  std::string memory_;
  size_t size_;
};

}  // namespace slipway::tensor
