#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "tensor/json_reader.h"

namespace slipway::frontend::openinference {

// The value that a JsonReader reads next, as parameter_rules.h wants its values. Borrows.
class JsonValue {
 public:
  explicit JsonValue(tensor::JsonReader& reader) : reader_(reader) {}

  bool IsString() { return reader_.Peek() == Kind::kString; }
  bool ReadBool(bool& value) { return reader_.ReadBool(value); }
  bool ReadInt64(int64_t& value) { return reader_.ReadInt64(value); }
  bool ReadUint64(uint64_t& value) { return reader_.ReadUint64(value); }
  bool ReadString(std::string_view& value) { return reader_.ReadString(value); }
  base::Status SkipScalar() {
    const Kind kind = reader_.Peek();
    if (kind == Kind::kObject || kind == Kind::kArray || kind == Kind::kNull) {
      return base::InvalidArgument("expected a string, a number or a boolean");
    }
    return SkipAny();
  }
  base::Status SkipAny() {
    reader_.SkipValue();
    return reader_.status();
  }
  base::Status status() const { return reader_.status(); }

 private:
  using Kind = tensor::JsonReader::Kind;
  tensor::JsonReader& reader_;
};

}  // namespace slipway::frontend::openinference
