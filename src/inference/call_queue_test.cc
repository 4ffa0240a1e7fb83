#include "inference/call_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace slipway::inference {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Call final : public InferCall {
 public:
  void OnDone() override {}
  int number = 0;
};

class CallQueueTest : public testing::Test {
 protected:
  struct Wish {
    uint64_t client = 0;
    int64_t rows = 1;
    uint64_t priority = 0;
  };
  Call& Make(const Wish& wish) {
    Call& call = calls_.emplace_back();
    call.number = static_cast<int>(calls_.size());
    call.client = wish.client;
    call.rows = wish.rows;
    call.priority = wish.priority;
    return call;
  }
  // Calls have numbers from 1; a row costs 10.
  void Push(CallQueue& queue, const Wish& wish) {
    queue.Push({.call = &Make(wish), .cost = 10 * wish.rows});
  }
  static int Number(const QueuedCall& entry) {
    return dynamic_cast<const Call&>(*entry.call).number;
  }
  static int TakeFirst(CallQueue& queue) {
    const int number = Number(queue.front());
    queue.Take(queue.begin());
    return number;
  }
  static std::vector<int> TakeAll(CallQueue& queue) {
    std::vector<int> numbers;
    while (!queue.empty()) numbers.push_back(TakeFirst(queue));
    return numbers;
  }

  std::deque<Call> calls_;
};

TEST_F(CallQueueTest, OneClientsCallsRunInTheOrderOfTheirPriorityAndArrival) {
  CallQueue queue(true);
  for (const uint64_t priority : {0, 2, 1, 2, 0}) Push(queue, {.priority = priority});
  EXPECT_THAT(TakeAll(queue), ElementsAre(3, 2, 4, 1, 5));
}

TEST_F(CallQueueTest, ClientsTakeTurns) {
  CallQueue queue(true);
  for (int i = 0; i < 4; ++i) Push(queue, {.client = 1});
  for (int i = 0; i < 2; ++i) Push(queue, {.client = 2});
  EXPECT_THAT(TakeAll(queue), ElementsAre(1, 5, 2, 6, 3, 4));
}

TEST_F(CallQueueTest, SharesAreOfTimeNotOfCalls) {
  CallQueue queue(true);
  for (int i = 0; i < 3; ++i) Push(queue, {.client = 1, .rows = 3});
  for (int i = 0; i < 6; ++i) Push(queue, {.client = 2});
  EXPECT_THAT(TakeAll(queue), ElementsAre(1, 4, 5, 6, 2, 7, 8, 9, 3));
}

TEST_F(CallQueueTest, AClientThatComesLateHasNoClaimToTimeThatIsPast) {
  CallQueue queue(true);
  for (int i = 0; i < 6; ++i) Push(queue, {.client = 1});
  for (int i = 0; i < 3; ++i) TakeFirst(queue);
  for (int i = 0; i < 3; ++i) Push(queue, {.client = 2});
  EXPECT_THAT(TakeAll(queue), ElementsAre(7, 4, 8, 5, 9, 6));
}

TEST_F(CallQueueTest, WhatWasUsedWhileNobodyWaitedIsForgotten) {
  CallQueue queue(true);
  for (int i = 0; i < 9; ++i) Push(queue, {.client = 1});
  TakeAll(queue);
  Push(queue, {.client = 1});
  Push(queue, {.client = 2});
  EXPECT_THAT(TakeAll(queue), ElementsAre(10, 11));
}

TEST_F(CallQueueTest, PriorityComesBeforeShares) {
  CallQueue queue(true);
  for (int i = 0; i < 3; ++i) Push(queue, {.client = 1, .priority = 1});
  Push(queue, {.client = 2, .priority = 2});
  EXPECT_THAT(TakeAll(queue), ElementsAre(1, 2, 3, 4));
}

TEST_F(CallQueueTest, UnlessItIsFairAllClientsAreOne) {
  CallQueue queue(false);
  for (int i = 0; i < 2; ++i) Push(queue, {.client = 1});
  Push(queue, {.client = 2});
  EXPECT_FALSE(queue.CanMakeRoom(Make({.client = 3})));
  EXPECT_THAT(TakeAll(queue), ElementsAre(1, 2, 3));
}

TEST_F(CallQueueTest, ACallOfAnotherClientGetsTheRoomOfTheLast) {
  CallQueue queue(true);
  for (int i = 0; i < 3; ++i) Push(queue, {.client = 1});
  EXPECT_FALSE(queue.CanMakeRoom(Make({.client = 1})));
  Call& other = Make({.client = 2});
  EXPECT_EQ(queue.RowsBefore(other), 1);
  std::vector<QueuedCall> dropped;
  ASSERT_TRUE(queue.MakeRoom(other, dropped));
  ASSERT_EQ(dropped.size(), 1U);
  EXPECT_EQ(Number(dropped[0]), 3);
  queue.Push({.call = &other, .cost = 10});
  // Both have as many as the other, or one less, and none may take a place from the other.
  EXPECT_FALSE(queue.CanMakeRoom(Make({.client = 2})));
  EXPECT_FALSE(queue.CanMakeRoom(Make({.client = 1})));
}

TEST_F(CallQueueTest, ACallGetsRoomForAllItsRowsOrNone) {
  CallQueue queue(true);
  for (int i = 0; i < 4; ++i) Push(queue, {.client = 1});
  std::vector<QueuedCall> dropped;
  EXPECT_FALSE(queue.MakeRoom(Make({.client = 2, .rows = 4}), dropped));
  EXPECT_THAT(dropped, IsEmpty());
  EXPECT_TRUE(queue.MakeRoom(Make({.client = 2, .rows = 3}), dropped));
  EXPECT_EQ(dropped.size(), 3U);
}

TEST_F(CallQueueTest, ACallWithoutRowsNeedsRoomToo) {
  CallQueue queue(true);
  EXPECT_FALSE(queue.CanMakeRoom(Make({.rows = 0})));
  for (int i = 0; i < 2; ++i) Push(queue, {.client = 1});
  std::vector<QueuedCall> dropped;
  EXPECT_TRUE(queue.MakeRoom(Make({.client = 2, .rows = 0}), dropped));
  EXPECT_EQ(dropped.size(), 1U);
}

TEST_F(CallQueueTest, AHigherPriorityGetsTheRoomOfALowerOne) {
  CallQueue queue(true);
  Push(queue, {.client = 1, .priority = 2});
  Push(queue, {.client = 1});
  EXPECT_TRUE(queue.CanMakeRoom(Make({.client = 1, .priority = 1})));
  EXPECT_TRUE(queue.CanMakeRoom(Make({.client = 1, .priority = 2})));
  EXPECT_FALSE(queue.CanMakeRoom(Make({.client = 1})));
}

TEST_F(CallQueueTest, ADroppedCallCostsItsClientNothing) {
  CallQueue queue(true);
  for (int i = 0; i < 2; ++i) Push(queue, {.client = 1});
  Push(queue, {.client = 2});
  EXPECT_EQ(Number(queue.DropLast()), 2);
  Push(queue, {.client = 1});
  Push(queue, {.client = 2});
  EXPECT_THAT(TakeAll(queue), ElementsAre(1, 3, 4, 5));
}

TEST_F(CallQueueTest, ManyClientsThatComeAndGoChangeNothingForTheOthers) {
  CallQueue queue(true);
  for (int i = 0; i < 3; ++i) Push(queue, {.client = 1});
  TakeFirst(queue);
  for (uint64_t client = 100; client < 1100; ++client) {
    Push(queue, {.client = client});
    TakeFirst(queue);
  }
  Push(queue, {.client = 1});
  EXPECT_THAT(TakeAll(queue).back(), 1004);
}

}  // namespace
}  // namespace slipway::inference
