#include "inference/overload_detector.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace slipway::inference {
namespace {

using std::chrono::nanoseconds;

constexpr int kBatches = 4;  // of each thread, at least, in a window
constexpr int kLonger = 4;   // are windows during an overload
constexpr int kWindows = 3;  // begin an overload, or end it
constexpr double kDeviations = 2;
constexpr size_t kLongQueue = 256;  // calls that wait
constexpr double kHardlyLess = 0.9;

}  // namespace

void OverloadDetector::Taken(base::SteadyTime now) {
  const nanoseconds enough = std::max<nanoseconds>(kWindow, int64_t{kBatches} * run_);
  if (resting_ == 0 || now - resting_since_ < enough) return;
  windows_ = 0;
  overloaded_.store(false, std::memory_order_relaxed);
  StartWindow(now);
  resting_since_ = now;
}

bool OverloadDetector::Left(size_t calls, size_t waiting, base::SteadyTime now) {
  least_waiting_ = std::min(least_waiting_, waiting);
  left_ += calls;
  ++batches_;
  const bool was = overloaded();
  const size_t length = was ? kLonger : 1;
  if (now - begin_ < length * kWindow || batches_ < length * kBatches * threads_) return false;
  AddRest(now);
  const nanoseconds all = static_cast<int64_t>(threads_) * (now - begin_);
  run_ = (all - rest_) / static_cast<int64_t>(batches_);
  const double could = CallsIn(all);
  const auto came = static_cast<double>(came_.load(std::memory_order_relaxed) - came_before_);
  const double round = CallsPerBatch() * static_cast<double>(threads_);
  const double chance = round + kDeviations * std::sqrt(static_cast<double>(left_));
  const bool stands = least_waiting_ >= kLongQueue && came >= kHardlyLess * could;
  const bool speaks_for = stands || came > could + chance;
  if (!speaks_for && came > could) return false;  // it goes on
  windows_ = std::clamp(windows_ + (speaks_for ? 1 : -1), 0, kWindows);
  StartWindow(now);
  const bool is = windows_ == kWindows || (was && windows_ > 0);
  overloaded_.store(is, std::memory_order_relaxed);
  return is && !was;
}

void OverloadDetector::Rests(base::SteadyTime now) {
  AddRest(now);
  if (resting_++ == 0) resting_since_ = now;
}

void OverloadDetector::Wakes(base::SteadyTime now) {
  AddRest(now);
  --resting_;
}

double OverloadDetector::CallsIn(nanoseconds all) const {
  const nanoseconds busy = std::max(all - rest_, nanoseconds(1));
  return static_cast<double>(left_) * static_cast<double>(all.count()) /
         static_cast<double>(busy.count());
}

double OverloadDetector::CallsPerBatch() const {
  return static_cast<double>(left_) / static_cast<double>(batches_);
}

void OverloadDetector::AddRest(base::SteadyTime now) {
  rest_ += static_cast<int64_t>(resting_) * (now - added_);
  added_ = now;
}

void OverloadDetector::StartWindow(base::SteadyTime now) {
  begin_ = added_ = now;
  came_before_ = came_.load(std::memory_order_relaxed);
  left_ = 0;
  least_waiting_ = std::numeric_limits<size_t>::max();
  batches_ = 0;
  rest_ = nanoseconds(0);
}

}  // namespace slipway::inference
