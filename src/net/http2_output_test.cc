#include "net/http2_output.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>

namespace slipway::net {
namespace {

// What a socket that takes at most `at_most` bytes a time would get.
std::string Drain(SendQueue& queue, size_t at_most) {
  std::string out;
  while (queue.unsent_bytes() > 0) {
    std::array<iovec, 3> pieces{};
    const size_t count = queue.Gather(pieces.data(), pieces.size());
    size_t left = at_most;
    size_t taken = 0;
    for (size_t i = 0; i < count && left > 0; ++i) {
      const size_t size = std::min(left, pieces[i].iov_len);
      out.append(static_cast<const char*>(pieces[i].iov_base), size);
      left -= size;
      taken += size;
    }
    EXPECT_GT(taken, 0U);
    queue.Consume(taken);
  }
  return out;
}

base::Buffer MakeBuffer(const std::string& text, int* released) {
  struct Owner {
    std::string text;
    int* released;
  };
  auto* owner = new Owner{text, released};
  return {reinterpret_cast<std::byte*>(owner->text.data()), text.size(), owner, [](void* pointer) {
            auto* const gone = static_cast<Owner*>(pointer);
            ++*gone->released;
            delete gone;
          }};
}

TEST(StreamOutputTest, KeepsTheOrderOfCopiesAndReferences) {
  for (const size_t step : {1, 7, 5'000, 9'000, 100'000}) {
    for (const size_t at_most : {1, 1'000, 100'000}) {
      if (step == 1 && at_most == 1) continue;
      int released = 0;
      const std::string large(20'000, 'L');
      const std::string buffer(30'000, 'B');
      std::string expected;
      StreamOutput output;
      SendQueue queue;
      for (int i = 0; i < 3; ++i) {
        output.Append("head");
        std::string taken = large;
        output.Take(taken);
        EXPECT_TRUE(taken.empty());
        std::string small = "small";
        output.Take(small);
        output.Take(MakeBuffer(buffer, &released));
        output.Take(MakeBuffer("tiny", &released));
        expected += "head" + large + "small" + buffer + "tiny";
      }
      ASSERT_EQ(output.size(), expected.size());
      std::string sent;
      while (!output.empty()) {
        const size_t bytes = std::min(step, output.size());
        queue.Copy("|");
        output.MoveTo(queue, bytes);
        if (step < 100 && queue.unsent_bytes() < 10'000 && !output.empty()) continue;
        sent += Drain(queue, at_most);
      }
      std::erase(sent, '|');
      EXPECT_EQ(sent, expected);
      EXPECT_EQ(released, 6);
    }
  }
}

TEST(StreamOutputTest, WhatIsOnItsWayOutlivesAStreamThatIsGivenUp) {
  int released = 0;
  SendQueue queue;
  {
    StreamOutput output;
    output.Take(MakeBuffer(std::string(50'000, 'x'), &released));
    output.Take(MakeBuffer(std::string(50'000, 'y'), &released));
    output.MoveTo(queue, 20'000);
    output.Abandon(queue);
    EXPECT_TRUE(output.empty());
    EXPECT_EQ(released, 1);  // of the second nothing was to be sent
    output.Append("next");
    EXPECT_EQ(output.size(), 4U);
  }
  EXPECT_EQ(Drain(queue, 3'000), std::string(20'000, 'x'));
  EXPECT_EQ(released, 2);
}

TEST(SendQueueTest, ReleasesWhatItKeepsWhenCleared) {
  int released = 0;
  SendQueue queue;
  base::Buffer buffer = MakeBuffer("text", &released);
  queue.Refer({reinterpret_cast<const char*>(buffer.data()), buffer.size()});
  queue.Keep(std::move(buffer));
  EXPECT_EQ(released, 0);
  queue.Clear();
  EXPECT_EQ(released, 1);
  EXPECT_EQ(queue.unsent_bytes(), 0U);
  queue.Copy("again");
  EXPECT_EQ(Drain(queue, 2), "again");
}

TEST(SendQueueTest, IsNeverEmptyAndStaysSmall) {
  SendQueue queue;
  std::string sent;
  queue.Copy(std::string(1'000, 'a'));
  for (int i = 0; i < 5'000; ++i) {
    queue.Copy(std::string(100, static_cast<char>('a' + i % 26)));
    iovec piece{};
    ASSERT_EQ(queue.Gather(&piece, 1), 1U);
    sent.append(static_cast<const char*>(piece.iov_base), 100);
    queue.Consume(100);
  }
  EXPECT_EQ(queue.unsent_bytes(), 1'000U);
  EXPECT_EQ(sent.substr(1'000, 100), std::string(100, 'a'));
  EXPECT_EQ(sent.substr(1'100, 100), std::string(100, 'b'));
}

}  // namespace
}  // namespace slipway::net
