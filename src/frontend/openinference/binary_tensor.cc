#include "frontend/openinference/binary_tensor.h"

#include <charconv>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::frontend::openinference {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;

Result<InferBody> InferBody::Divide(std::span<std::byte> body,
                                    std::optional<std::string_view> header_length) {
  if (!header_length) return InferBody{.json = body, .tail = {}, .raw = false};
  const char* const end = header_length->data() + header_length->size();
  size_t length = 0;
  const auto [stop, error] = std::from_chars(header_length->data(), end, length);
  if (error != std::errc() || stop != end || length > body.size()) {
    return InvalidArgument(StrCat("header ", kHeaderLengthName, ": expected a number from 0 to ",
                                  body.size(), " (the size of the body), got '",
                                  base::Printable(*header_length), "'"));
  }
  if (length == 0) return InferBody{.json = {}, .tail = body, .raw = true};
  return InferBody{.json = body.first(length), .tail = body.subspan(length), .raw = false};
}

Result<std::span<const std::byte>> BinaryTail::Take(uint64_t size) {
  const size_t left = bytes_.size() - taken_;
  if (size > left) {
    return InvalidArgument(StrCat("binary_data_size is ", size, " bytes, but only ", left,
                                  " bytes of the body are left for it"));
  }
  const std::span<const std::byte> piece = bytes_.subspan(taken_, static_cast<size_t>(size));
  taken_ += static_cast<size_t>(size);
  return piece;
}

Status BinaryTail::Finish() const {
  if (taken_ == bytes_.size()) return base::OkStatus();
  return InvalidArgument(StrCat("the body holds ", bytes_.size(),
                                " bytes of binary data, but the inputs take only ", taken_));
}

}  // namespace slipway::frontend::openinference
