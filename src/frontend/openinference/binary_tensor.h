#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "base/status.h"

namespace slipway::frontend::openinference {

// The header that says where the JSON of a body ends, in requests and answers.
inline constexpr std::string_view kHeaderLengthName = "inference-header-content-length";

// The body of a request as the binary tensor data extension divides it.
// Source: Triton, "Binary Tensor Data Extension".
struct InferBody {
  std::span<std::byte> json;  // empty when `raw`
  std::span<std::byte> tail;
  bool raw = false;  // a header length of 0: all of it is the model's one input

  // `header_length` is the header's value, nullopt when it was not sent. kInvalidArgument unless it
  // is a number from 0 to the body's size.
  static base::Result<InferBody> Divide(std::span<std::byte> body,
                                        std::optional<std::string_view> header_length);
};

// Deals out the bytes behind the JSON, in the order of the inputs.
class BinaryTail {
 public:
  explicit BinaryTail(std::span<std::byte> bytes) : bytes_(bytes) {}

  // The next `size` bytes. kInvalidArgument when there are fewer.
  base::Result<std::span<const std::byte>> Take(uint64_t size);
  // kInvalidArgument when bytes are left over.
  base::Status Finish() const;

 private:
  std::span<std::byte> bytes_;
  size_t taken_ = 0;
};

}  // namespace slipway::frontend::openinference
