#include "net/frame_scatter.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "net/testing/http2_client.h"

namespace slipway::net {
namespace {

constexpr uint32_t kStream = 3;
constexpr size_t kRest = 1'000;

// What a client sends, received through a FrameScatter.
class FrameScatterTest : public testing::Test {
 protected:
  // `bytes` lie in the socket; at most `at_most` come at once. What Feed() would be given, which is
  // all that came.
  std::string Receive(const std::string& bytes, size_t room,
                      const Http2FrameGuard::DataFrame& frame, size_t at_most = SIZE_MAX) {
    message_.assign(room, std::byte{0});
    rest_.assign(kRest, std::byte{0});
    FrameScatter scatter(message_, frame, rest_);
    size_t taken = 0;
    size_t room_of_all = 0;
    for (const iovec& piece : scatter.pieces()) {
      const size_t size = std::min({piece.iov_len, bytes.size() - taken, at_most - taken});
      std::memcpy(piece.iov_base, bytes.data() + taken, size);
      taken += size;
      room_of_all += piece.iov_len;
    }
    EXPECT_EQ(room_of_all, scatter.size());
    scatter.Sort(taken, pool_);
    std::string fed;
    in_place_ = 0;
    for (const std::string_view piece : scatter.received()) {
      const auto* at = reinterpret_cast<const std::byte*>(piece.data());
      if (at >= message_.data() && at < message_.data() + message_.size()) {
        // Each payload lies right behind the one before it.
        EXPECT_EQ(at, message_.data() + in_place_);
        in_place_ += piece.size();
      }
      fed += piece;
    }
    EXPECT_EQ(fed, bytes.substr(0, taken));
    return fed;
  }
  static std::string Payload(size_t size) {
    std::string payload(size, ' ');
    for (size_t i = 0; i < size; ++i) payload[i] = static_cast<char>('a' + i % 23);
    return payload;
  }
  static std::string Data(size_t size, uint8_t flags = 0, uint32_t stream = kStream) {
    return Http2Frame(NGHTTP2_DATA, flags, stream, Payload(size));
  }

  ByteBudget budget_{size_t{1} << 30};
  BufferPool pool_{budget_};
  std::vector<std::byte> message_;
  std::vector<std::byte> rest_;
  size_t in_place_ = 0;  // bytes that lie in message_ where they belong
};

TEST_F(FrameScatterTest, PayloadsLieBehindEachOther) {
  const std::string bytes =
      Payload(700) + Data(5'000) + Data(5'000) + Data(300, 1) + "what follows";
  Receive(bytes, 11'000, {.stream = kStream, .length = 5'000, .left = 700});
  EXPECT_EQ(in_place_, 11'000U);
  EXPECT_EQ(std::memcmp(message_.data(), Payload(700).data(), 700), 0);
  EXPECT_EQ(std::memcmp(message_.data() + 5'700, Payload(5'000).data(), 5'000), 0);
  EXPECT_EQ(std::memcmp(message_.data() + 10'700, Payload(300).data(), 300), 0);
}

TEST_F(FrameScatterTest, WhatIsNoFrameOfTheMessageIsGathered) {
  const Http2FrameGuard::DataFrame between{.stream = kStream, .length = 5'000, .left = 0};
  for (const std::string& other : {
           Data(4'999),                                                   // of another length
           Data(5'000, 0, kStream + 2),                                   // of another stream
           Data(5'000, NGHTTP2_FLAG_PADDED),                              // with padding
           Http2Frame(NGHTTP2_HEADERS, 4, kStream + 2, Payload(5'000)),   // no DATA
           Http2Frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string(4, 'w')),  // shorter
       }) {
    Receive(Data(5'000) + other + Data(5'000), 15'000, between);
    EXPECT_EQ(in_place_, 5'000U);
    Receive(other + Data(5'000), 15'000, between);
    EXPECT_EQ(in_place_, 0U);
  }
}

TEST_F(FrameScatterTest, AMessageMayEndInsideAFrame) {
  const std::string bytes = Payload(4'000) + Data(5'000);
  Receive(bytes, 1'000, {.stream = kStream, .length = 5'000, .left = 4'000});
  EXPECT_EQ(in_place_, 1'000U);
  Receive(bytes, 6'000, {.stream = kStream, .length = 5'000, .left = 4'000});
  EXPECT_EQ(in_place_, 4'000U);
}

TEST_F(FrameScatterTest, NothingIsLostWhereverTheBytesAreCut) {
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    const auto below = [&](size_t limit) { return random() % limit; };
    std::string bytes = Payload(below(200));
    const size_t left = bytes.size();
    for (size_t frames = below(30); frames > 0; --frames) {
      bytes += Data(below(8) == 0 ? below(300) : 200, 0, below(8) == 0 ? 1 : kStream);
    }
    bytes += Payload(below(500));
    for (int cut = 0; cut < 20; ++cut) {
      Receive(bytes, 1 + below(5'000), {.stream = kStream, .length = 200, .left = left},
              below(bytes.size() + 1));
    }
  }
}

}  // namespace
}  // namespace slipway::net
