#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/protobuf_wire.h"

namespace slipway::frontend::grpc {

// Fields of a message as proto3 has them: what is 0 or empty is left out.

inline void WriteText(uint32_t field, std::string_view text, std::string& out) {
  if (!text.empty()) base::WireWriter(out).Bytes(field, text);
}
inline void WriteNumber(uint32_t field, uint64_t value, std::string& out) {
  if (value != 0) base::WireWriter(out).Varint(field, value);
}
inline void WriteFlag(uint32_t field, bool value, std::string& out) {
  if (value) base::WireWriter(out).Varint(field, 1);
}
// A message within a message, also an empty one.
inline void WriteMessage(uint32_t field, std::string_view message, std::string& out) {
  base::WireWriter(out).Bytes(field, message);
}

}  // namespace slipway::frontend::grpc
