#include "import/pickle/unpack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lz4frame.h>

#include <string>

namespace slipway::import::pickle {
namespace {

using base::StatusCode;

std::string PackLz4(const std::string& text) {
  std::string out(LZ4F_compressFrameBound(text.size(), nullptr), '\0');
  out.resize(LZ4F_compressFrame(out.data(), out.size(), text.data(), text.size(), nullptr));
  return out;
}

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(UnpackTest, UnpacksLz4) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i);
  const std::string packed = PackLz4(text);
  EXPECT_EQ(PackingOf(Bytes(packed)), "lz4");
  const auto unpacked = Unpack(Bytes(packed), 1 << 20);
  ASSERT_TRUE(unpacked.ok()) << unpacked.status();
  EXPECT_EQ(*unpacked, text);
  EXPECT_EQ(UnpackStart(Bytes(packed), 10), text.substr(0, 10));
}

TEST(UnpackTest, EveryTruncationOfLz4IsAnError) {
  const std::string packed = PackLz4("the same text, the same text, the same text");
  for (size_t size = 4; size < packed.size(); ++size) {
    const auto unpacked = Unpack(Bytes(std::string_view(packed).substr(0, size)), 1 << 20);
    EXPECT_EQ(unpacked.status().code(), StatusCode::kInvalidArgument) << size;
  }
}

TEST(UnpackTest, HoldsTheLimitForLz4) {
  const std::string packed = PackLz4(std::string(1 << 20, 'x'));
  const auto unpacked = Unpack(Bytes(packed), 1000);
  EXPECT_EQ(unpacked.status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(unpacked.status().message(), testing::HasSubstr("1000, the limit"));
}

}  // namespace
}  // namespace slipway::import::pickle
