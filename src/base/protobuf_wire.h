#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace slipway::base {

// How a field's value is encoded. Groups (3 and 4) are obsolete and never reported.
enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// One field of an encoded message. Borrows from the message.
struct WireField {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  uint64_t value = 0;                // kVarint, kFixed32, kFixed64: the bits
  std::span<const std::byte> bytes;  // kBytes: a text, a packed list or an embedded message
  size_t offset = 0;                 // of the value, from the start of the outermost message

  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  // The value of an int32, int64 or enum field; all three send negative numbers as 64 bits.
  int64_t signed_value() const { return static_cast<int64_t>(value); }
};

// Reads the fields of one encoded Protocol Buffers message in the order they lie in memory, without
// copying and without a schema:
//
//   WireReader reader(message);
//   for (WireField field; reader.Next(field);) {
//     if (field.number == 7) ReadGraph(reader.Enter(field));
//   }
//   return reader.status();
//
// Takes any bytes: damage ends the loop and is in status(). Time and memory are linear in the bytes
// that are looked at; skipping a field costs nothing. Keys and lengths take at most 5 bytes. Groups
// are skipped, with the depth limit. Thread-compatible. Borrows the bytes. Source: protobuf.dev,
// "Encoding".
class WireReader {
 public:
  // As deep as the official parsers go.
  static constexpr int kDefaultDepth = 100;

  explicit WireReader(std::span<const std::byte> message, int max_depth = kDefaultDepth)
      : rest_(message), depth_left_(max_depth) {}

  // False at the end of the message and at damage.
  bool Next(WireField& field);
  // A reader for the message in `field`, one level deeper; at the depth limit one that fails.
  WireReader Enter(const WireField& field) const;

  // OK, or kInvalidArgument: what is wrong at which byte of the outermost message.
  const Status& status() const { return status_; }
  // Where a field that failed for want of bytes should have ended, else 0: the message was cut off.
  uint64_t missing_end() const { return missing_end_; }
  // Number of the field that Next() read last, or failed at.
  uint32_t field_number() const { return field_number_; }

 private:
  bool ReadKey(uint32_t& number, uint32_t& type);
  bool ReadValue(uint32_t type, WireField& field);
  bool ReadFixed(size_t size, WireField& field);
  bool ReadBytes(WireField& field);
  bool SkipGroup(uint32_t number);
  bool Fail(std::string_view what);
  bool FailVarint(size_t max_bytes, std::string_view what);
  bool FailShort(uint64_t wanted, std::string_view what);
  void Advance(size_t size) {
    rest_ = rest_.subspan(size);
    offset_ += size;
  }

  std::span<const std::byte> rest_;
  size_t offset_ = 0;  // of rest_, from the start of the outermost message
  int depth_left_;
  uint32_t field_number_ = 0;
  uint64_t missing_end_ = 0;
  Status status_;
};

// Takes one varint (1 to 10 bytes) off the front of `bytes`. False when it is cut off or exceeds 64
// bits. For packed lists.
bool TakeVarint(std::span<const std::byte>& bytes, uint64_t& value);

// Appends the fields of a message to a string. An embedded message is written first, into a string
// of its own, and then appended as bytes; or its size is known beforehand. Thread-compatible.
class WireWriter {
 public:
  explicit WireWriter(std::string& out) : out_(out) {}

  void Varint(uint32_t field_number, uint64_t value);
  void Fixed32(uint32_t field_number, uint32_t value);
  void Fixed64(uint32_t field_number, uint64_t value);
  void Bytes(uint32_t field_number, std::string_view value);
  // The key and length of such a field, whose `size` bytes the caller appends.
  void BeginBytes(uint32_t field_number, size_t size);

 private:
  void Key(uint32_t field_number, WireType type);

  std::string& out_;
};

// Appends one varint.
void AppendVarint(std::string& out, uint64_t value);

}  // namespace slipway::base
