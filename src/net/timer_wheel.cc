#include "net/timer_wheel.h"

#include <algorithm>

namespace slipway::net {

TimerWheel::Id TimerWheel::Add(base::SteadyTime at, Callback callback) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(timers_.size()));
    timers_.emplace_back();
  }
  const uint32_t index = free_.back();
  free_.pop_back();
  Timer& timer = timers_[index];
  timer.callback = std::move(callback);
  timer.tick = std::max(TickOf(at) + 1, tick_ + 1);
  timer.waiting = true;
  uint32_t& slot = SlotOf(timer.tick);
  timer.previous = kNone;
  timer.next = slot;
  if (slot != kNone) timers_[slot].previous = index;
  slot = index;
  next_tick_ = waiting_ == 0 ? timer.tick : std::min(next_tick_, timer.tick);
  ++waiting_;
  return static_cast<Id>(timer.generation) << 32 | index;
}

void TimerWheel::Unlink(uint32_t index) {
  Timer& timer = timers_[index];
  (timer.previous == kNone ? SlotOf(timer.tick) : timers_[timer.previous].next) = timer.next;
  if (timer.next != kNone) timers_[timer.next].previous = timer.previous;
  timer.waiting = false;
  ++timer.generation;
  timer.callback = nullptr;
  free_.push_back(index);
  --waiting_;
}

void TimerWheel::Cancel(Id id) {
  const auto index = static_cast<uint32_t>(id);
  if (index >= timers_.size()) return;
  const Timer& timer = timers_[index];
  if (timer.waiting && timer.generation == static_cast<uint32_t>(id >> 32)) Unlink(index);
}

void TimerWheel::CollectDue(uint32_t first, int64_t tick) {
  for (uint32_t index = first; index != kNone; index = timers_[index].next) {
    const Timer& timer = timers_[index];
    if (timer.tick <= tick) due_.push_back(static_cast<Id>(timer.generation) << 32 | index);
  }
}

void TimerWheel::FindNextTick() {
  next_tick_ = tick_ + static_cast<int64_t>(kSlots);
  for (int64_t tick = tick_ + 1; waiting_ > 0 && tick < next_tick_; ++tick) {
    if (SlotOf(tick) != kNone) next_tick_ = tick;
  }
}

void TimerWheel::Advance(base::SteadyTime now) {
  const int64_t now_tick = TickOf(now);
  if (waiting_ == 0 || now_tick < next_tick_) return;
  const int64_t last = std::min(now_tick, next_tick_ - 1 + static_cast<int64_t>(kSlots));
  for (int64_t tick = next_tick_; tick <= last; ++tick) CollectDue(SlotOf(tick), now_tick);
  tick_ = now_tick;
  while (!due_.empty()) {
    const Id id = due_.back();
    due_.pop_back();
    const auto index = static_cast<uint32_t>(id);
    if (!timers_[index].waiting || timers_[index].generation != static_cast<uint32_t>(id >> 32)) {
      continue;  // cancelled by a callback before it
    }
    const Callback callback = std::move(timers_[index].callback);
    Unlink(index);
    callback();
  }
  FindNextTick();
}

std::chrono::milliseconds TimerWheel::UntilNext(base::SteadyTime now) const {
  if (waiting_ == 0) return std::chrono::milliseconds(-1);
  const auto wait = start_ + next_tick_ * kTick - now;
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(wait), std::chrono::milliseconds(0));
}

}  // namespace slipway::net
