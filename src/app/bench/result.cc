#include "app/bench/result.h"

#include <algorithm>
#include <utility>

namespace slipway::app {

using std::chrono::nanoseconds;

nanoseconds MomentLength(nanoseconds duration) {
  return std::max<nanoseconds>(duration / 30, std::chrono::milliseconds(100));
}

namespace {

double PerSecond(uint64_t count, nanoseconds elapsed) {
  if (elapsed.count() <= 0) return 0;
  return static_cast<double>(count) / std::chrono::duration<double>(elapsed).count();
}

}  // namespace

double LoadResult::answered_per_second() const { return PerSecond(answered, elapsed); }

double LoadResult::rows_per_second() const { return PerSecond(rows, elapsed); }

void LoadResult::AddSlow(const SlowAnswer& answer) {
  if (slowest.size() == kSlowest && answer.latency <= slowest.back().latency) return;
  const auto same_window =
      std::ranges::find(slowest, answer.due / kSlowWindow,
                        [](const SlowAnswer& slow) { return slow.due / kSlowWindow; });
  if (same_window != slowest.end()) {
    if (same_window->latency >= answer.latency) return;
    slowest.erase(same_window);
  }
  const auto at = std::ranges::upper_bound(slowest, answer.latency, std::ranges::greater(),
                                           &SlowAnswer::latency);
  slowest.insert(at, answer);
  if (slowest.size() > kSlowest) slowest.pop_back();
}

void LoadResult::Add(const LoadResult& other) {
  requests += other.requests;
  answered += other.answered;
  rows += other.rows;
  unsent += other.unsent;
  unanswered += other.unanswered;
  for (const auto& [kind, error] : other.errors) {
    LoadError& mine = errors[kind];
    if (mine.count == 0) mine.first = error.first;
    mine.count += error.count;
  }
  latency.Add(other.latency);
  send_delay.Add(other.send_delay);
  without_send_delay.Add(other.without_send_delay);
  error_latency.Add(other.error_latency);
  for (const SlowAnswer& slow : other.slowest) AddSlow(slow);
  bytes_sent += other.bytes_sent;
  bytes_received += other.bytes_received;
  elapsed = std::max(elapsed, other.elapsed);
  interrupted = interrupted || other.interrupted;
}

void LoadResult::Append(const LoadResult& later) {
  const nanoseconds before = elapsed;
  const std::vector<SlowAnswer> slow_before = std::move(slowest);
  slowest.clear();
  Add(later);
  for (SlowAnswer& slow : slowest) slow.due += before;
  for (const SlowAnswer& slow : slow_before) AddSlow(slow);
  elapsed = before + later.elapsed;
  for (LoadMoment moment : later.moments) {
    moment.begin += before;
    moments.push_back(moment);
  }
  for (const DistinctAnswer& answer : later.distinct) CountDistinct(answer);
  other_distinct += later.other_distinct;
}

void LoadResult::CountDistinct(const DistinctAnswer& answer) {
  for (DistinctAnswer& known : distinct) {
    if (known.body == answer.body && known.digest == answer.digest) {
      known.count += answer.count;
      return;
    }
  }
  if (distinct.size() == kMaxDistinct) {
    other_distinct += answer.count;
  } else {
    distinct.push_back(answer);
  }
}

LoadResult AllTogether(std::span<const LoadResult> targets) {
  if (targets.size() == 1) return targets.front();
  LoadResult all;
  for (const LoadResult& target : targets) all.Add(target);
  return all;
}

}  // namespace slipway::app
