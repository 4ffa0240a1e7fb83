#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/protobuf_wire.h"
#include "base/status.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::frontend::grpc {

// OK, or kInvalidArgument: the text is not UTF-8.
inline base::Status CheckText(const base::WireField& field) {
  if (base::IsValidUtf8(field.text())) return base::OkStatus();
  return base::InvalidArgument(
      base::StrCat("damaged at byte ", field.offset, ": field ", field.number, " is not UTF-8"));
}

// Reads fields 1 to N of a message, all of them strings; the rest is skipped. kInvalidArgument.
template <size_t N>
base::Status ReadTextFields(std::span<const std::byte> message,
                            std::array<std::string_view, N>& texts) {
  base::WireReader reader(message);
  for (base::WireField field; reader.Next(field);) {
    if (field.number > N || field.type != base::WireType::kBytes) continue;
    SLIPWAY_RETURN_IF_ERROR(CheckText(field));
    texts[field.number - 1] = field.text();
  }
  return reader.status();
}

// Reads an entry of a map with string keys. `value` is the entry's value message, empty when it has
// none. kInvalidArgument.
inline base::Status ReadMapEntry(base::WireReader reader, std::string_view& key,
                                 base::WireField& value) {
  value.type = base::WireType::kBytes;
  for (base::WireField field; reader.Next(field);) {
    if (field.type != base::WireType::kBytes) continue;
    if (field.number == 1) {
      SLIPWAY_RETURN_IF_ERROR(CheckText(field));
      key = field.text();
    } else if (field.number == 2) {
      value = field;
    }
  }
  return reader.status();
}

}  // namespace slipway::frontend::grpc
