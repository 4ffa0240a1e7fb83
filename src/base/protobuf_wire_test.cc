#include "base/protobuf_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace slipway::base {
namespace {

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text));
}

Status StatusOf(const std::string& message) {
  WireReader reader(BytesOf(message));
  for (WireField field; reader.Next(field);) {
  }
  return reader.status();
}

TEST(WireReaderTest, ReadsWhatTheWriterWrote) {
  std::string message;
  WireWriter writer(message);
  writer.Varint(1, 300);
  writer.Varint(2, static_cast<uint64_t>(int64_t{-1}));
  writer.Fixed32(3, 0xdeadbeef);
  writer.Fixed64(4, 0x0123456789abcdef);
  writer.Bytes(5, std::string_view("a\0b", 3));
  writer.Bytes(100'000, "");

  WireReader reader(BytesOf(message));
  WireField field;
  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.number, 1u);
  EXPECT_EQ(field.value, 300u);
  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.signed_value(), -1);
  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.type, WireType::kFixed32);
  EXPECT_EQ(field.value, 0xdeadbeefu);
  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.value, 0x0123456789abcdefu);
  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.text(), std::string_view("a\0b", 3));
  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.number, 100'000u);
  EXPECT_EQ(field.text(), "");
  EXPECT_FALSE(reader.Next(field));
  EXPECT_TRUE(reader.status().ok()) << reader.status();
}

TEST(WireReaderTest, SaysWhereAMessageIsCutOff) {
  std::string message;
  WireWriter(message).Bytes(7, std::string(100, 'x'));
  message.resize(50);
  WireReader reader(BytesOf(message));
  WireField field;
  EXPECT_FALSE(reader.Next(field));
  EXPECT_EQ(reader.status().message(),
            "damaged at byte 2: content of field 7: expected 100 bytes, got 48");
  EXPECT_EQ(reader.missing_end(), 102u);
  EXPECT_EQ(reader.field_number(), 7u);
}

TEST(WireReaderTest, CountsOffsetsFromTheOutermostMessage) {
  std::string inner = "\x08";  // a key without its number
  std::string message;
  WireWriter(message).Varint(1, 1);
  WireWriter(message).Bytes(2, inner);
  WireReader reader(BytesOf(message));
  WireField field;
  ASSERT_TRUE(reader.Next(field));
  ASSERT_TRUE(reader.Next(field));
  WireReader nested = reader.Enter(field);
  EXPECT_FALSE(nested.Next(field));
  EXPECT_EQ(nested.status().message(), "damaged at byte 5: the number of field 1 is cut off");
}

TEST(WireReaderTest, RefusesDamage) {
  EXPECT_FALSE(StatusOf(std::string("\x00", 1)).ok()) << "field number 0";
  EXPECT_FALSE(StatusOf("\x0e").ok()) << "wire type 6";
  EXPECT_FALSE(StatusOf("\x0c").ok()) << "a group's end without its start";
  EXPECT_FALSE(StatusOf("\x0b\x08\x01").ok()) << "a group without end";
  EXPECT_FALSE(StatusOf("\x0b\x14").ok()) << "a group that ends as another";
  EXPECT_FALSE(StatusOf("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02").ok()) << "65 bits";
  EXPECT_FALSE(StatusOf("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").ok())
      << "a length of 2^64-1";
  EXPECT_FALSE(StatusOf("\x0d\x01\x02").ok()) << "half a fixed32";
  EXPECT_FALSE(StatusOf(std::string(100, '\x0b')).ok()) << "groups 100 deep";
}

TEST(WireReaderTest, SkipsGroups) {
  const std::string group = "\x0b\x08\x01\x13\x14\x0c";  // field 1: {1: 1, 2: {}}
  std::string message = group;
  WireWriter(message).Varint(9, 5);
  WireReader reader(BytesOf(message));
  WireField field;
  ASSERT_TRUE(reader.Next(field)) << reader.status();
  EXPECT_EQ(field.number, 9u);
}

TEST(WireReaderTest, StopsAtTheDepthLimit) {
  std::string message;
  for (int i = 0; i < 5; ++i) {
    std::string outer;
    WireWriter(outer).Bytes(1, message);
    message = outer;
  }
  WireReader reader(BytesOf(message), 3);
  WireField field;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(reader.Next(field)) << i;
    reader = reader.Enter(field);
  }
  ASSERT_TRUE(reader.Next(field));
  reader = reader.Enter(field);
  EXPECT_FALSE(reader.Next(field));
  EXPECT_THAT(reader.status().message(), testing::HasSubstr("too deep"));
}

TEST(WireReaderTest, TakesVarintsOfEverySize) {
  for (int bits = 0; bits < 64; ++bits) {
    for (const uint64_t value : {uint64_t{1} << bits, (uint64_t{1} << bits) - 1}) {
      std::string text;
      AppendVarint(text, value);
      std::span<const std::byte> bytes = BytesOf(text);
      uint64_t got = 0;
      ASSERT_TRUE(TakeVarint(bytes, got));
      EXPECT_EQ(got, value);
      EXPECT_TRUE(bytes.empty());
    }
  }
}

}  // namespace
}  // namespace slipway::base
