#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace slipway::inference {

// Tells whether more comes to a queue than can be done, which makes every answer late and gets
// nothing done sooner, from a burst, which is worked off in the end however long the queue is now.
//
// Compares the calls that come, taken or refused, with those that leave the queue to be run and
// those that could have been run in the time in which threads rested. Over windows of at least
// 100 ms and some batches for each thread, more come than can be done by
//   more than chance explains (one batch for each thread, and twice the square root of the calls
//     that left: two standard deviations of a Poisson process): the window speaks for an overload;
//   nothing: it speaks against one;
//   something in between: it goes on, so that a small surplus is found too, but later.
// A window also speaks for an overload when 256 calls or more wait all the time and hardly fewer
// come than leave: many clients, each with a request under way, that have more in store.
//
// An overload begins when three windows more have spoken for it than against it, and ends when
// three have spoken against it, or when a thread has rested for as long as a window. So calls that
// come within 100 ms begin none, however many they are, nor do up to 256 clients that wait for an
// answer before they ask again. It is told neither the time of a run nor the size of a batch, so it
// need not be told when they change.
//
// Came() and overloaded() are for any thread; the others for one at a time. Sources: that the
// growth of a queue over an interval, not its length, tells a bad one is the idea of CoDel (Nichols
// and Jacobson, "Controlling Queue Delay", ACM Queue 10(5), 2012) and PIE (RFC 8033, section 4.2).
class OverloadDetector {
 public:
  static constexpr std::chrono::milliseconds kWindow{100};

  // `threads` empty the queue; at first all of them rest.
  OverloadDetector(size_t threads, base::SteadyTime now)
      : threads_(threads), resting_(threads), resting_since_(now) {
    StartWindow(now);
  }

  // A call comes, whether it is taken or not.
  void Came() { came_.fetch_add(1, std::memory_order_relaxed); }
  // One is about to be put into the queue.
  void Taken(base::SteadyTime now);
  // A batch of `calls` leaves the queue to be run, where `waiting` stay. Whether an overload begins
  // with that.
  bool Left(size_t calls, size_t waiting, base::SteadyTime now);
  // A thread finds the queue empty, and finds something there again.
  void Rests(base::SteadyTime now);
  void Wakes(base::SteadyTime now);

  bool overloaded() const { return overloaded_.load(std::memory_order_relaxed); }

 private:
  void StartWindow(base::SteadyTime now);
  void AddRest(base::SteadyTime now);
  // Calls that could have been run in `all` the threads' time.
  double CallsIn(std::chrono::nanoseconds all) const;
  double CallsPerBatch() const;

  const size_t threads_;
  std::atomic<uint64_t> came_ = 0;  // ever
  std::atomic<bool> overloaded_ = false;
  size_t resting_;                  // threads, now
  base::SteadyTime resting_since_;  // that some thread rests
  int windows_ = 0;  // that spoke for an overload, less those that spoke against one; 0 to 3
  std::chrono::nanoseconds run_{0};  // time of a batch in the last window
  // Of the window.
  base::SteadyTime begin_{};
  uint64_t came_before_ = 0;
  uint64_t left_ = 0;
  size_t least_waiting_ = 0;
  uint64_t batches_ = 0;
  std::chrono::nanoseconds rest_{0};  // of all threads, up to added_
  base::SteadyTime added_{};
};

}  // namespace slipway::inference
