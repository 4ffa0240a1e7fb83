#include "inference/call_queue.h"

#include <algorithm>

#include "base/check.h"

namespace slipway::inference {
namespace {

// Highest first; 0 stands for the default, which comes after every explicit one.
uint64_t Rank(const InferCall& call) { return call.priority - 1; }  // 0 becomes the largest

// Rows that have to go for it; one at least, or calls without rows would make the queue longer.
int64_t Room(const InferCall& call) { return std::max<int64_t>(1, call.rows); }

// Whether a call that comes now, with that turn, stands before `entry`, which came earlier.
bool Before(const InferCall& call, int64_t turn, const QueuedCall& entry) {
  const uint64_t rank = Rank(call);
  const uint64_t other = Rank(*entry.call);
  return rank != other ? rank < other : turn < entry.turn;
}

}  // namespace

int64_t CallQueue::TurnOf(const InferCall& call) const {
  const auto next = next_.find(ClientOf(call));
  return next == next_.end() ? now_ : std::max(now_, next->second);
}

void CallQueue::Push(QueuedCall entry) {
  entry.turn = TurnOf(*entry.call);
  next_[ClientOf(*entry.call)] = entry.turn + entry.cost;
  const auto place = std::ranges::partition_point(calls_, [&entry](const QueuedCall& earlier) {
    return !Before(*entry.call, entry.turn, earlier);
  });
  calls_.insert(place, entry);
  ForgetClients();
}

CallQueue::Iterator CallQueue::Take(const Iterator& entry) {
  now_ = std::max(now_, entry->turn);
  const Iterator following = calls_.erase(entry);
  ForgetClients();
  return following;
}

QueuedCall CallQueue::DropLast() {
  SLIPWAY_CHECK(!calls_.empty());
  const QueuedCall last = calls_.back();
  calls_.pop_back();
  const auto next = next_.find(ClientOf(*last.call));
  if (next != next_.end()) next->second -= last.cost;
  ForgetClients();
  return last;
}

bool CallQueue::CanMakeRoom(const InferCall& call) const {
  const int64_t turn = TurnOf(call);
  int64_t rows = 0;
  for (auto last = calls_.rbegin(); last != calls_.rend() && rows < Room(call); ++last) {
    if (!Before(call, turn, *last)) return false;
    rows += last->call->rows;
  }
  return rows >= Room(call);
}

bool CallQueue::MakeRoom(const InferCall& call, std::vector<QueuedCall>& dropped) {
  if (!CanMakeRoom(call)) return false;
  for (int64_t rows = 0; rows < Room(call); rows += dropped.back().call->rows) {
    dropped.push_back(DropLast());
  }
  return true;
}

int64_t CallQueue::RowsBefore(const InferCall& call) const {
  const int64_t turn = TurnOf(call);
  int64_t rows = 0;
  for (const QueuedCall& entry : calls_) {
    if (Before(call, turn, entry)) break;
    rows += entry.call->rows;
  }
  return rows;
}

// Where nobody waits, nobody has to stand back; and clients that are gone must not add up while the
// queue is never empty.
void CallQueue::ForgetClients() {
  if (calls_.empty()) {
    next_.clear();
    now_ = 0;
  } else if (next_.size() > 2 * calls_.size() + 64) {
    std::erase_if(next_, [this](const auto& client) { return client.second <= now_; });
  }
}

}  // namespace slipway::inference
