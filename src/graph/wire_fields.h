#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/protobuf_wire.h"
#include "base/status.h"
#include "base/str_cat.h"

namespace slipway::graph {

// Fields of known type. A field of another wire type is refused, where protobuf would quietly treat
// it as unknown: what we read must be what a runtime reads after us.
inline base::Status ReadField(const base::WireField& field, std::string_view& out) {
  if (field.type != base::WireType::kBytes) {
    return base::InvalidArgument(base::StrCat("damaged at byte ", field.offset, ": field ",
                                              field.number, ": expected text, got a number"));
  }
  out = field.text();
  return base::OkStatus();
}

inline base::Status ReadField(const base::WireField& field, int64_t& out) {
  if (field.type != base::WireType::kVarint) {
    return base::InvalidArgument(base::StrCat("damaged at byte ", field.offset, ": field ",
                                              field.number, ": expected an integer"));
  }
  out = field.signed_value();
  return base::OkStatus();
}

// Copies a field to the end of a message.
inline void AppendField(const base::WireField& field, std::string& out) {
  base::WireWriter writer(out);
  switch (field.type) {
    case base::WireType::kVarint:
      return writer.Varint(field.number, field.value);
    case base::WireType::kFixed64:
      return writer.Fixed64(field.number, field.value);
    case base::WireType::kFixed32:
      return writer.Fixed32(field.number, static_cast<uint32_t>(field.value));
    case base::WireType::kBytes:
      return writer.Bytes(field.number, field.text());
  }
}

// Which fields of a message that hold one message each have come already. A second one would be
// merged into the first by protobuf; no writer does that, and we refuse it.
class SingularFields {
 public:
  // kInvalidArgument when `field` came before.
  base::Status See(const base::WireField& field) {
    const uint64_t bit = uint64_t{1} << (field.number % 64);
    if ((seen_ & bit) != 0) {
      return base::InvalidArgument(base::StrCat("damaged at byte ", field.offset, ": field ",
                                                field.number, ": expected once, came twice"));
    }
    seen_ |= bit;
    return base::OkStatus();
  }
  bool Has(uint32_t number) const { return (seen_ & (uint64_t{1} << (number % 64))) != 0; }

 private:
  uint64_t seen_ = 0;
};

}  // namespace slipway::graph
