#include "inference/lane_threads.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/executor.h"

namespace slipway::inference {
namespace {

// With less, down to 10, a thread that wakes still waits for the kernel's next tick (4 ms) now and
// then: when it has had more than its share lately. Source: kernel/sched/fair.c, which lets a
// thread preempt another only while it has not (Linux 6.6 and later); measured.
constexpr int kGiveWay = 15;

void Join(std::vector<std::thread>& threads) {
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

LaneThreads::~LaneThreads() {
  Join(threads_);
  Join(left_);
}

void LaneThreads::Start() {
  while (threads_.size() < options_.count) {
    threads_.emplace_back([this] {
      base::SetThreadName(options_.name);
      if (options_.nice != 0) base::LowerPriority(options_.nice);
      loop_();
    });
  }
}

void LaneThreads::Leave(std::unique_lock<std::mutex>& lock) {
  const auto self = std::ranges::find(threads_, std::this_thread::get_id(), &std::thread::get_id);
  SLIPWAY_CHECK(self != threads_.end());
  std::vector<std::thread> before = std::exchange(left_, {});
  left_.push_back(std::move(*self));
  threads_.erase(self);
  lock.unlock();
  Join(before);
}

void LaneThreads::GiveWay() { base::LowerPriority(kGiveWay); }

}  // namespace slipway::inference
