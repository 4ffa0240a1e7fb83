#include "net/event_loop.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "base/testing/fake_clock.h"
#include "base/unique_fd.h"
#include "net/buffer_pool.h"
#include "net/timer_wheel.h"

namespace slipway::net {
namespace {

using namespace std::chrono_literals;

TEST(TimerWheelTest, RunsEachTimerOnceAtItsTimeOrUpToATickLater) {
  const base::SteadyTime start{};
  TimerWheel wheel(start);
  std::vector<int64_t> ran(20'000, -1);
  std::vector<int64_t> wanted;
  for (size_t i = 0; i < ran.size(); i += 7) wanted.push_back(static_cast<int64_t>(i));
  int64_t now = 0;
  for (const int64_t at : wanted) {
    wheel.Add(start + std::chrono::milliseconds(at), [&, at] {
      EXPECT_EQ(ran[static_cast<size_t>(at)], -1);
      ran[static_cast<size_t>(at)] = now;
    });
  }
  for (; now < 21'000; now += 5) wheel.Advance(start + std::chrono::milliseconds(now));
  for (const int64_t at : wanted) {
    EXPECT_GE(ran[static_cast<size_t>(at)], at);
    EXPECT_LE(ran[static_cast<size_t>(at)], at + 50);
  }
  EXPECT_LT(wheel.UntilNext(start).count(), 0);
}

TEST(TimerWheelTest, RunsLateTimersAfterALongSleep) {
  const base::SteadyTime start{};
  TimerWheel wheel(start);
  int ran = 0;
  for (const auto at : {10ms, 5'000ms, 60'000ms, 61'000ms}) wheel.Add(start + at, [&] { ++ran; });
  wheel.Advance(start + 60'500ms);
  EXPECT_EQ(ran, 3);
  EXPECT_GT(wheel.UntilNext(start + 60'500ms).count(), 0);
  wheel.Advance(start + 62'000ms);
  EXPECT_EQ(ran, 4);
}

TEST(TimerWheelTest, CancelledTimersDoNotRunEvenWhenCancelledByATimer) {
  const base::SteadyTime start{};
  TimerWheel wheel(start);
  TimerWheel::Id ids[2] = {};
  int ran = 0;
  for (const int i : {0, 1}) {
    ids[i] = wheel.Add(start + 10ms, [&, i] {
      ++ran;
      wheel.Cancel(ids[1 - i]);
    });
  }
  const TimerWheel::Id cancelled = wheel.Add(start + 10ms, [&] { ran += 100; });
  wheel.Cancel(cancelled);
  wheel.Cancel(cancelled);
  wheel.Advance(start + 100ms);
  EXPECT_EQ(ran, 1);
}

class EventLoopTest : public testing::Test {
 protected:
  base::RealClock clock_;
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create(clock_);
};

TEST_F(EventLoopTest, RunsPostedWorkInOrderOnItsThread) {
  std::thread thread([&] { loop_->Run(); });
  std::vector<int> order;
  std::atomic<bool> done = false;
  for (int i = 0; i < 1000; ++i) {
    loop_->Post([&, i] {
      EXPECT_TRUE(loop_->OnLoopThread());
      order.push_back(i);
      if (i == 999) done = true;
    });
  }
  while (!done) std::this_thread::yield();
  EXPECT_FALSE(loop_->OnLoopThread());
  loop_->Stop();
  thread.join();
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST_F(EventLoopTest, RunsWorkAtTheEndOfTheRoundAfterEverythingElse) {
  std::vector<int> order;
  loop_->Post([&] {
    const uint64_t round = loop_->round();
    loop_->AtEndOfRound([&, round] {
      order.push_back(2);
      EXPECT_EQ(loop_->round(), round);
      loop_->AtEndOfRound([&] { order.push_back(3); });
    });
    loop_->Post([&, round] {
      order.push_back(4);
      EXPECT_GT(loop_->round(), round - 1);
      loop_->Stop();
    });
    order.push_back(1);
  });
  loop_->Run();
  EXPECT_EQ(order.front(), 1);
  EXPECT_EQ(order.size(), 4U);
}

TEST_F(EventLoopTest, AWatcherMayRemoveAnotherThatIsReadyInTheSameRound) {
  struct Watcher : EventLoop::Watcher {
    void OnEvents(uint32_t) override {
      ++calls;
      loop->Remove(other->fd, other);
      loop->Stop();
    }
    EventLoop* loop = nullptr;
    Watcher* other = nullptr;
    int fd = -1;
    int calls = 0;
  };
  Watcher watchers[2];
  for (const int i : {0, 1}) {
    watchers[i].loop = loop_.get();
    watchers[i].other = &watchers[1 - i];
    watchers[i].fd = ::eventfd(1, EFD_NONBLOCK);
    ASSERT_TRUE(loop_->Add(watchers[i].fd, EPOLLIN, &watchers[i]).ok());
  }
  loop_->Run();
  EXPECT_EQ(watchers[0].calls + watchers[1].calls, 1);
  for (const Watcher& watcher : watchers) ::close(watcher.fd);
}

// An eventfd, and when the loop has looked at it.
class EventCounter : public EventLoop::Watcher {
 public:
  explicit EventCounter(EventLoop& loop) : loop_(loop) {
    EXPECT_TRUE(loop_.Add(fd_.get(), EPOLLIN | EPOLLET, this).ok());
  }
  void OnEvents(uint32_t) override {
    uint64_t count = 0;
    EXPECT_EQ(::read(fd_.get(), &count, sizeof(count)), static_cast<ssize_t>(sizeof(count)));
    seen_ += count;
    looked_at.push_back(loop_.round_time());
  }
  void Signal() {
    const uint64_t one = 1;
    EXPECT_EQ(::write(fd_.get(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
  }
  void Defer() { EXPECT_TRUE(loop_.Defer(fd_.get(), EPOLLIN | EPOLLET, this).ok()); }
  void Resume() { EXPECT_TRUE(loop_.Resume(fd_.get(), EPOLLIN | EPOLLET, this).ok()); }
  void Remove() { loop_.Remove(fd_.get(), this); }
  uint64_t seen() const { return seen_; }

  std::vector<base::SteadyTime> looked_at;  // for the loop's thread, or once it has ended

 private:
  EventLoop& loop_;
  const base::UniqueFd fd_{::eventfd(0, EFD_NONBLOCK)};
  std::atomic<uint64_t> seen_ = 0;
};

TEST_F(EventLoopTest, LooksAtDeferredWatchersTogetherAndNotAllTheTime) {
  EventCounter deferred[] = {EventCounter(*loop_), EventCounter(*loop_), EventCounter(*loop_)};
  EventCounter other(*loop_);
  for (EventCounter& one : deferred) one.Defer();
  std::thread thread([&] { loop_->Run(); });
  constexpr uint64_t kTimes = 2000;
  for (uint64_t i = 1; i <= kTimes; ++i) {
    for (EventCounter& one : deferred) one.Signal();
    other.Signal();
    while (other.seen() < i) std::this_thread::yield();
  }
  for (EventCounter& one : deferred) {
    while (one.seen() < kTimes) std::this_thread::yield();
  }
  loop_->Stop();
  thread.join();
  EXPECT_EQ(other.looked_at.size(), kTimes);
  std::set<base::SteadyTime> rounds;
  for (const EventCounter& one : deferred) {
    rounds.insert(one.looked_at.begin(), one.looked_at.end());
  }
  for (auto round = rounds.begin(); std::next(round) != rounds.end(); ++round) {
    EXPECT_GE(*std::next(round) - *round, EventLoop::kDeferral);
  }
}

TEST_F(EventLoopTest, ResumesDeferredWatchersAndForgetsThoseThatAreRemoved) {
  EventCounter resumed(*loop_);
  EventCounter removed(*loop_);
  resumed.Defer();
  resumed.Defer();
  EXPECT_TRUE(resumed.deferred());
  removed.Defer();
  resumed.Signal();  // waits in both places
  removed.Signal();
  resumed.Resume();
  EXPECT_FALSE(resumed.deferred());
  removed.Remove();
  loop_->AddTimer(20ms, [&] { loop_->Stop(); });
  loop_->Run();
  EXPECT_EQ(resumed.seen(), 1U);
  EXPECT_EQ(removed.seen(), 0U);
}

TEST_F(EventLoopTest, TakesTurnsBetweenManyDeferredWatchersAndTheOthers) {
  std::vector<std::unique_ptr<EventCounter>> deferred;
  for (int i = 0; i < 100; ++i) {
    deferred.push_back(std::make_unique<EventCounter>(*loop_));
    deferred.back()->Defer();
    deferred.back()->Signal();
  }
  EventCounter other(*loop_);
  other.Signal();
  loop_->AddTimer(20ms, [&] { loop_->Stop(); });
  loop_->Run();
  std::map<base::SteadyTime, int> rounds;
  for (const auto& one : deferred) {
    EXPECT_EQ(one->seen(), 1U);
    for (const base::SteadyTime round : one->looked_at) ++rounds[round];
  }
  for (const auto& [round, looked_at] : rounds) {
    EXPECT_LE(looked_at, EventLoop::kMaxDeferredEvents);
  }
  EXPECT_EQ(other.looked_at.front(), rounds.begin()->first);
}

TEST_F(EventLoopTest, RunsTimersAndForgetsCancelledOnes) {
  int ran = 0;
  const auto begin = clock_.SteadyNow();
  const EventLoop::TimerId cancelled = loop_->AddTimer(10ms, [&] { ran += 100; });
  loop_->AddTimer(20ms, [&] {
    ++ran;
    loop_->Stop();
  });
  loop_->CancelTimer(cancelled);
  loop_->Run();
  EXPECT_EQ(ran, 1);
  EXPECT_GE(clock_.SteadyNow() - begin, 20ms);
}

TEST(BufferPoolTest, ReusesBlocksAndKeepsTheBooks) {
  ByteBudget budget(100'000);
  BufferPool pool(budget);
  const std::byte* first = nullptr;
  {
    const PooledBuffer block = pool.TakeBlock();
    first = block.data();
    EXPECT_GE(block.size(), BufferPool::kBlockBytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 64, 0U);
    EXPECT_GT(pool.block_bytes(), 0U);
  }
  EXPECT_EQ(pool.block_bytes(), 0U);
  EXPECT_EQ(pool.TakeBlock().data(), first);
  EXPECT_EQ(budget.used(), 0U);
  {
    PooledBuffer body = pool.TryTake(60'000);
    EXPECT_GE(body.size(), 60'000U);
    EXPECT_EQ(budget.used(), BufferPool::CostOf(60'000));
    EXPECT_TRUE(pool.TryTake(60'000).empty());
    body = PooledBuffer();
    EXPECT_EQ(budget.used(), 0U);
  }
}

}  // namespace
}  // namespace slipway::net
