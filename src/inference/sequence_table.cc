#include "inference/sequence_table.h"

#include <algorithm>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "inference/sequence_calls.h"

namespace slipway::inference {
namespace {

using base::Result;
using base::Status;
using base::StrCat;

// 5 and "5" are two ids.
std::string KeyOf(const SequenceWish& wish) {
  return wish.number != 0 ? StrCat("#", wish.number) : StrCat("'", wish.text);
}

std::string NameOf(const SequenceWish& wish) {
  return wish.number != 0 ? StrCat(wish.number) : StrCat("'", base::Printable(wish.text), "'");
}

}  // namespace

void SequenceTable::Configure(const Options& options) {
  const std::lock_guard lock(mutex_);
  options_ = options;
}

std::chrono::nanoseconds SequenceTable::idle_timeout() const {
  const std::lock_guard lock(mutex_);
  return options_.idle_timeout;
}

Status SequenceTable::NotStarted(const InferCall& call, const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const std::string idle =
      options_.idle_timeout.count() > 0
          ? StrCat(", was idle for longer than ", base::FormatDuration(options_.idle_timeout), ",")
          : "";
  return base::FailedPrecondition(StrCat(call.model->id(), ": sequence ", name,
                                         " is not there: it never started", idle,
                                         " or has ended; its first request says 'sequence_start'"));
}

// mutex_ held. Sequences that expired are found at the front.
void SequenceTable::TakeExpired(Dropped& dropped) {
  if (options_.idle_timeout.count() == 0) return;
  const base::SteadyTime oldest = clock_.SteadyNow() - options_.idle_timeout;
  while (!idle_.empty() && idle_.front()->last_used < oldest) {
    Forget(*idle_.front());
    dropped.splice(dropped.end(), idle_, idle_.begin());
    ++evicted_;
  }
}

// mutex_ held. False after Close().
bool SequenceTable::Knows(const Sequence& sequence) const {
  const auto found = sequences_.find(sequence.key);
  return found != sequences_.end() && found->second.get() == &sequence;
}

// mutex_ held.
void SequenceTable::Forget(const Sequence& sequence) {
  if (Knows(sequence)) sequences_.erase(sequence.key);
}

Result<SequenceTable::Entered> SequenceTable::Enter(const SequenceWaiter& waiter) {
  const InferCall& call = *waiter.call;
  std::string key = KeyOf(call.sequence);
  Dropped dropped;
  std::unique_lock lock(mutex_);
  TakeExpired(dropped);
  const auto found = sequences_.find(key);
  if (found == sequences_.end()) {
    if (!call.sequence.start) {
      lock.unlock();
      return NotStarted(call, NameOf(call.sequence));
    }
    if (sequences_.size() >= options_.max_sequences) {
      return base::ResourceExhausted(
          StrCat(call.model->id(), ": it has ", sequences_.size(),
                 " sequences, as many as it may; end some, or try again later"));
    }
    auto made = std::make_shared<Sequence>();
    made->key = key;
    made->name = NameOf(call.sequence);
    sequences_.emplace(std::move(key), made);
    return Entered{.sequence = std::move(made), .has_turn = true};
  }
  const std::shared_ptr<Sequence>& sequence = found->second;
  if (!sequence->taken) {
    sequence->taken = true;
    idle_.erase(sequence->idle);
    return Entered{.sequence = sequence, .has_turn = true};
  }
  if (waiting_ >= options_.max_waiting) {
    return base::ResourceExhausted(StrCat(call.model->id(), ": ", waiting_,
                                          " requests wait for their turn in their sequence; try "
                                          "again later"));
  }
  ++waiting_;
  waiter.outstanding->fetch_add(1, std::memory_order_relaxed);
  sequence->waiting.push_back(waiter);
  return Entered{.sequence = sequence, .has_turn = false};
}

void SequenceTable::Pass(const std::shared_ptr<Sequence>& sequence) {
  SequenceWaiter next{};
  {
    const std::lock_guard lock(mutex_);
    if (!sequence->waiting.empty()) {
      next = sequence->waiting.front();
      sequence->waiting.pop_front();
      --waiting_;
    } else if (sequence->model == nullptr || !Knows(*sequence)) {
      Forget(*sequence);
    } else {
      sequence->taken = false;
      sequence->last_used = clock_.SteadyNow();
      sequence->idle = idle_.insert(idle_.end(), sequence);
    }
  }
  if (next.call == nullptr) return;
  next.loop->Post([owner = next.owner, call = next.call] { owner->TakeTurn(*call); });
  next.outstanding->fetch_sub(1, std::memory_order_release);
  next.outstanding->notify_all();
}

void SequenceTable::Withdraw(const std::shared_ptr<Sequence>& sequence, const InferCall& call) {
  const std::lock_guard lock(mutex_);
  const auto place = std::ranges::find(sequence->waiting, &call, &SequenceWaiter::call);
  if (place == sequence->waiting.end()) return;
  place->outstanding->fetch_sub(1, std::memory_order_release);
  sequence->waiting.erase(place);
  --waiting_;
}

void SequenceTable::CollectIdle() {
  Dropped dropped;
  const std::lock_guard lock(mutex_);
  TakeExpired(dropped);
}

void SequenceTable::DropIdle() {
  Dropped dropped;
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Sequence>& sequence : idle_) Forget(*sequence);
  dropped.swap(idle_);
}

void SequenceTable::Close() {
  Dropped dropped;
  std::unordered_map<std::string, std::shared_ptr<Sequence>> taken;
  const std::lock_guard lock(mutex_);
  dropped.swap(idle_);
  taken.swap(sequences_);
}

SequenceTable::Usage SequenceTable::usage() const {
  const std::lock_guard lock(mutex_);
  return {.live = sequences_.size(), .evicted = evicted_};
}

}  // namespace slipway::inference
