#include "base/protobuf_wire.h"

#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include "base/str_cat.h"

namespace slipway::base {
namespace {

constexpr uint32_t kStartGroup = 3;
constexpr uint32_t kEndGroup = 4;
constexpr size_t kMaxVarintBytes = 10;
constexpr size_t kMaxShortVarintBytes = 5;  // of keys and lengths, as the official parsers have it
constexpr int kMaxGroupDepth = 32;

}  // namespace

namespace {

// The varint at the front of `bytes`, of at most `max_bytes`; 0 when it is cut off or longer, else
// how many bytes it takes.
inline size_t ParseVarint(std::span<const std::byte> bytes, size_t max_bytes, uint64_t& value) {
  if (bytes.empty()) return 0;
  value = std::to_integer<uint64_t>(bytes[0]);
  if (value < 0x80) return 1;
  value &= 0x7f;
  for (size_t i = 1; i < max_bytes && i < bytes.size(); ++i) {
    const auto byte = std::to_integer<uint64_t>(bytes[i]);
    if (i == kMaxVarintBytes - 1 && byte > 1) return 0;  // bit 64 and above
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return i + 1;
  }
  return 0;
}

}  // namespace

bool TakeVarint(std::span<const std::byte>& bytes, uint64_t& value) {
  const size_t size = ParseVarint(bytes, kMaxVarintBytes, value);
  bytes = bytes.subspan(size);
  return size > 0;
}

bool WireReader::Fail(std::string_view what) {
  status_ = InvalidArgument(StrCat("damaged at byte ", offset_, ": ", what));
  rest_ = {};
  return false;
}

bool WireReader::FailShort(uint64_t wanted, std::string_view what) {
  if (__builtin_add_overflow(uint64_t{offset_}, wanted, &missing_end_)) {
    missing_end_ = std::numeric_limits<uint64_t>::max();
  }
  return Fail(StrCat(what, " of field ", field_number_, ": expected ", wanted, " bytes, got ",
                     rest_.size()));
}

bool WireReader::FailVarint(size_t max_bytes, std::string_view what) {
  return Fail(StrCat(what, rest_.size() < max_bytes ? " is cut off" : " is too long"));
}

bool WireReader::ReadKey(uint32_t& number, uint32_t& type) {
  uint64_t key = 0;
  const size_t size = ParseVarint(rest_, kMaxShortVarintBytes, key);
  if (size == 0) return FailVarint(kMaxShortVarintBytes, "the key of a field");
  if (key > std::numeric_limits<uint32_t>::max() || (key >> 3) == 0) {
    return Fail(StrCat("expected a field number from 1 to 536870911, got ", key >> 3));
  }
  number = static_cast<uint32_t>(key >> 3);
  type = static_cast<uint32_t>(key & 7);
  field_number_ = number;
  Advance(size);
  return true;
}

bool WireReader::ReadFixed(size_t size, WireField& field) {
  if (rest_.size() < size) return FailShort(size, "number");
  field.value = 0;
  std::memcpy(&field.value, rest_.data(), size);  // little-endian, as every machine we run on
  Advance(size);
  return true;
}

bool WireReader::ReadBytes(WireField& field) {
  uint64_t size = 0;
  const size_t digits = ParseVarint(rest_, kMaxShortVarintBytes, size);
  if (digits == 0) {
    return FailVarint(kMaxShortVarintBytes, StrCat("the length of field ", field_number_));
  }
  Advance(digits);
  if (size > rest_.size()) return FailShort(size, "content");
  field.offset = offset_;
  field.bytes = rest_.first(static_cast<size_t>(size));
  Advance(static_cast<size_t>(size));
  return true;
}

bool WireReader::ReadValue(uint32_t type, WireField& field) {
  field.offset = offset_;
  field.bytes = {};
  field.type = static_cast<WireType>(type);
  switch (field.type) {
    case WireType::kVarint: {
      const size_t size = ParseVarint(rest_, kMaxVarintBytes, field.value);
      if (size == 0)
        return FailVarint(kMaxVarintBytes, StrCat("the number of field ", field_number_));
      Advance(size);
      return true;
    }
    case WireType::kFixed64:
      return ReadFixed(sizeof(uint64_t), field);
    case WireType::kBytes:
      return ReadBytes(field);
    case WireType::kFixed32:
      return ReadFixed(sizeof(uint32_t), field);
  }
  return Fail(StrCat("wire type ", type, " of field ", field_number_, ": expected 0, 1, 2 or 5"));
}

bool WireReader::SkipGroup(uint32_t number) {
  std::array<uint32_t, kMaxGroupDepth> open{};
  int depth = 0;
  open[0] = number;
  while (depth >= 0) {
    if (rest_.empty()) return Fail(StrCat("group of field ", number, " has no end"));
    WireField inner;
    uint32_t type = 0;
    if (!ReadKey(inner.number, type)) return false;
    if (type == kStartGroup) {
      if (++depth == kMaxGroupDepth) return Fail("groups nest too deep");
      open[static_cast<size_t>(depth)] = inner.number;
    } else if (type == kEndGroup) {
      if (inner.number != open[static_cast<size_t>(depth)]) return Fail("group ends out of turn");
      --depth;
    } else if (!ReadValue(type, inner)) {
      return false;
    }
  }
  return true;
}

bool WireReader::Next(WireField& field) {
  while (!rest_.empty()) {
    uint32_t type = 0;
    if (!ReadKey(field.number, type)) return false;
    if (type == kStartGroup) {
      if (!SkipGroup(field.number)) return false;
      continue;
    }
    return ReadValue(type, field);
  }
  return false;
}

WireReader WireReader::Enter(const WireField& field) const {
  WireReader inner(field.bytes, depth_left_ - 1);
  inner.offset_ = field.offset;
  if (inner.depth_left_ < 0) inner.Fail("messages nest too deep");
  if (field.type != WireType::kBytes) {
    inner.Fail(StrCat("field ", field.number, ": expected a message, got a number"));
  }
  return inner;
}

void AppendVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void WireWriter::Key(uint32_t field_number, WireType type) {
  AppendVarint(out_, (uint64_t{field_number} << 3) | static_cast<uint64_t>(type));
}

void WireWriter::Varint(uint32_t field_number, uint64_t value) {
  Key(field_number, WireType::kVarint);
  AppendVarint(out_, value);
}

void WireWriter::Fixed32(uint32_t field_number, uint32_t value) {
  Key(field_number, WireType::kFixed32);
  out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void WireWriter::Fixed64(uint32_t field_number, uint64_t value) {
  Key(field_number, WireType::kFixed64);
  out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void WireWriter::BeginBytes(uint32_t field_number, size_t size) {
  Key(field_number, WireType::kBytes);
  AppendVarint(out_, size);
}

void WireWriter::Bytes(uint32_t field_number, std::string_view value) {
  BeginBytes(field_number, value.size());
  out_.append(value);
}

}  // namespace slipway::base
