#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "net/timer_wheel.h"

namespace slipway::net {

// One epoll loop on one thread: descriptors, timers, and work posted from elsewhere.
//
// Post() and Stop() are thread-safe; everything else belongs to the loop's thread (or to the time
// before Run()). Callbacks run on the loop's thread and may add and remove anything.
class EventLoop final : public base::Executor {
 public:
  // What waits on a descriptor. Owned by whoever adds it; remove it before it is destroyed.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    // `events` is the epoll mask (EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR, EPOLLRDHUP).
    virtual void OnEvents(uint32_t events) = 0;

    // See Defer().
    bool deferred() const { return deferred_; }

   private:
    friend class EventLoop;
    bool deferred_ = false;
  };
  using TimerId = TimerWheel::Id;  // never 0

  static base::Result<std::unique_ptr<EventLoop>> Create(base::Clock& clock);
  ~EventLoop() override;

  // Runs until Stop(). Call from one thread.
  void Run();
  void Stop();
  // Thread-safe. Runs `work` on the loop's thread, soon, in order of posting.
  void Post(Work work) override;
  bool OnLoopThread() const;

  base::Status Add(int fd, uint32_t events, Watcher* watcher);
  base::Status Modify(int fd, uint32_t events, Watcher* watcher);
  void Remove(int fd, Watcher* watcher);
  // From now on the events of `watcher` are looked at once in kDeferral at most, together with
  // those of all others like it: a descriptor that can wait does not wake the loop for each of
  // them, which takes the processor away from whatever computes there. Resume() takes that back.
  base::Status Defer(int fd, uint32_t events, Watcher* watcher);
  base::Status Resume(int fd, uint32_t events, Watcher* watcher);
  static constexpr std::chrono::milliseconds kDeferral{1};
  // Of those, so many are looked at before the others have a turn.
  static constexpr int kMaxDeferredEvents = 16;

  // Runs `callback` once, at or up to 50 ms after `delay` (timers are for limits, not for music).
  TimerId AddTimer(std::chrono::milliseconds delay, std::function<void()> callback);
  void CancelTimer(TimerId id);

  // The time when this round of events began: cheap, and the same for a whole round.
  base::SteadyTime round_time() const { return round_time_; }
  // Counts rounds. Work found in the same round came together.
  uint64_t round() const { return round_; }
  // Runs once at the end of the current round, after every ready descriptor was served.
  void AtEndOfRound(std::function<void()> work);

 private:
  EventLoop(base::Clock& clock, base::UniqueFd epoll, base::UniqueFd wakeup);
  int WaitMilliseconds();
  void Dispatch(int ready);
  base::Status Control(int operation, int fd, uint32_t events, Watcher* watcher);
  base::Status Move(int fd, uint32_t events, Watcher* watcher, bool deferred);
  void DispatchDeferred();
  void RunPosted();
  void RunEndOfRound();
  void Wake();

  static constexpr int kMaxEvents = 256;

  base::Clock& clock_;
  const base::UniqueFd epoll_;
  const base::UniqueFd wakeup_;  // an eventfd, written when work was posted from another thread
  // What Defer() was called for, made when first needed. It is watched by `epoll_` for one event;
  // then it rests, is looked at, and is watched again once that has found nothing.
  struct DeferredEvents final : Watcher {
    void OnEvents(uint32_t) override { resting = true; }
    base::UniqueFd epoll;
    bool resting = false;
    base::SteadyTime until{};
  };
  DeferredEvents deferred_;
  std::array<epoll_event, kMaxEvents> events_;
  int ready_ = 0;  // of events_, in this round
  base::SteadyTime round_time_;
  uint64_t round_ = 0;
  TimerWheel timers_;
  std::vector<std::function<void()>> end_of_round_;
  std::vector<Work> own_posts_;  // by the loop's own thread: no lock, no wake-up
  std::vector<Work> running_;
  std::atomic<std::thread::id> thread_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> woken_ = false;  // wakeup_ was written and mailbox_ not yet looked at
  std::mutex mutex_;                 // guards mailbox_
  std::vector<Work> mailbox_;
};

}  // namespace slipway::net
