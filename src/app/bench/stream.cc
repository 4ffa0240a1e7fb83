#include "app/bench/stream.h"

#include <algorithm>
#include <utility>

#include "app/bench/http1_connection.h"
#include "app/bench/http2_connection.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using namespace std::chrono_literals;
using base::StrCat;

constexpr auto kReopenDelay = 100ms;
constexpr size_t kMaxErrorKinds = 64;

std::string FailureKind(const WireAnswer& answer) {
  if (answer.grpc_status <= 0) return StrCat("status ", answer.http_status);
  if (answer.grpc_status > static_cast<int>(base::StatusCode::kUnauthenticated)) {
    return StrCat("grpc status ", answer.grpc_status);
  }
  return StrCat("grpc ", base::StatusCodeName(static_cast<base::StatusCode>(answer.grpc_status)));
}

std::unique_ptr<WireConnection> MakeConnection(BenchProtocol protocol, size_t id, size_t slots,
                                               const WireSetup& setup, WireEvents& events) {
  if (protocol == BenchProtocol::kRest) {
    return std::make_unique<BenchHttp1Connection>(id, setup, events);
  }
  const bool grpc = protocol == BenchProtocol::kGrpc;
  return std::make_unique<BenchHttp2Connection>(id, setup, grpc, slots, events);
}

}  // namespace

LoadStream::LoadStream(const StreamPlan& plan, const LoadOptions& options, const WireSetup& setup,
                       const base::Clock& clock)
    : plan_(plan), options_(options), setup_(setup), clock_(clock) {
  result_.name = plan.name;
}

LoadStream::~LoadStream() = default;

base::Status LoadStream::Start(Time now, Time begin, Time end, uint64_t seed) {
  begin_ = last_ = begin;
  end_ = end;
  moment_begin_ = begin;
  if (plan_.arrivals.open_loop()) {
    // A trace has no requests to warm up with: its time begins with the measurement.
    const bool trace = plan_.arrivals.kind == ArrivalPlan::Kind::kTrace;
    arrivals_ = Arrivals::Create(plan_.arrivals, seed, trace ? begin : now);
  }
  for (int left = plan_.concurrency; left > 0; left -= plan_.outstanding) {
    const auto slots = static_cast<size_t>(std::min(left, plan_.outstanding));
    Lane lane;
    lane.wire = MakeConnection(plan_.protocol, lanes_.size(), slots, setup_, *this);
    lane.slots.resize(slots);
    lanes_.push_back(std::move(lane));
  }
  for (size_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i].wire->Open();
    if (lanes_[i].wire->closed()) {
      return base::Unavailable(StrCat(
          "connection ", i + 1, " of ", lanes_.size(), " to ", plan_.server.address.ToString(),
          ": ", result_.errors.empty() ? "closed at once" : result_.errors.begin()->first));
    }
  }
  return base::OkStatus();
}

LoadStream::Time LoadStream::next_due() const {
  if (!arrivals_ || idle_.empty() || arrivals_->next() >= end_) return Time::max();
  return arrivals_->next();
}

void LoadStream::SendDue(Time now) {
  while (next_due() <= now) {
    const Time free_since = idle_.front().since;
    const SlotId id = idle_.back().id;
    idle_.pop_back();
    if (!lanes_[id.lane].wire->ready()) continue;  // its slots come back with the next connection
    const Time due = arrivals_->next();
    const size_t request = arrivals_->request();
    arrivals_->Advance();
    // While all places were taken, the request waited for the server.
    Send(id, due, std::max<std::chrono::nanoseconds>(now - std::max(due, free_since), 0ns),
         request);
  }
}

void LoadStream::Send(SlotId id, Time due, std::chrono::nanoseconds send_delay, size_t request) {
  Slot& slot = lanes_[id.lane].slots[id.slot];
  slot.due = due;
  slot.send_delay = send_delay;
  slot.request = &plan_.requests[request];
  ++busy_;
  lanes_[id.lane].wire->Send(id.slot, *slot.request);
}

void LoadStream::Release(Slot& slot) {
  slot.due = Time::min();
  --busy_;
}

void LoadStream::Reuse(SlotId id, Time now) {
  if (arrivals_) {
    idle_.push_back({.id = id, .since = now});
  } else if (now < end_) {
    Send(id, now, 0ns, 0);
  }
}

void LoadStream::OnConnected(WireConnection& connection) {
  const Time now = clock_.SteadyNow();
  lanes_[connection.id()].working = true;
  for (size_t slot = 0; slot < lanes_[connection.id()].slots.size() && connection.ready(); ++slot) {
    Reuse({.lane = connection.id(), .slot = slot}, now);
  }
}

void LoadStream::OnAnswer(WireConnection& connection, size_t slot, const WireAnswer& answer) {
  const Time now = clock_.SteadyNow();
  Slot& place = lanes_[connection.id()].slots[slot];
  ++answers_;
  recent_.Record(now - place.due);
  if (place.due >= begin_) {
    last_ = now;
    result_.bytes_received += answer.body_bytes;
    result_.bytes_sent += place.request->bytes.size();
    if (answer.ok()) {
      RecordSuccess(place, answer, now);
    } else {
      const std::string_view said = answer.grpc_status > 0 ? answer.message : answer.body;
      RecordError(FailureKind(answer), base::Printable(said, 300), place.due);
      result_.error_latency.Record(now - place.due - place.send_delay);
    }
  }
  Release(place);
  if (connection.ready()) Reuse({.lane = connection.id(), .slot = slot}, now);
}

void LoadStream::OnRequestFailed(WireConnection& connection, size_t slot, std::string_view why) {
  Slot& place = lanes_[connection.id()].slots[slot];
  RecordError(why, "", place.due);
  Release(place);
  if (connection.ready()) Reuse({.lane = connection.id(), .slot = slot}, clock_.SteadyNow());
}

void LoadStream::OnClosed(WireConnection& connection, std::string_view failure) {
  const Time now = clock_.SteadyNow();
  Lane& lane = lanes_[connection.id()];
  std::erase_if(idle_, [&](const IdleSlot& idle) { return idle.id.lane == connection.id(); });
  bool lost = false;
  for (Slot& slot : lane.slots) {
    if (slot.due == Time::min()) continue;
    RecordError(failure.empty() ? "connection closed without an answer" : failure, "", slot.due);
    Release(slot);
    lost = true;
  }
  const bool worked = std::exchange(lane.working, false);
  if (!failure.empty() && !lost) RecordError(failure, "", now);
  lane.reopen_at = now + kReopenDelay;
  if (failure.empty() && worked) connection.Open();
}

void LoadStream::RecordSuccess(const Slot& slot, const WireAnswer& answer, Time now) {
  const auto latency = now - slot.due;
  ++result_.requests;
  ++result_.answered;
  result_.rows += static_cast<uint64_t>(slot.request->rows);
  result_.latency.Record(latency);
  moment_.Record(latency);
  if (arrivals_) {
    result_.send_delay.Record(slot.send_delay);
    result_.without_send_delay.Record(latency - slot.send_delay);
  }
  result_.AddSlow({.due = slot.due - begin_, .latency = latency, .send_delay = slot.send_delay});
  if (options_.distinct_answers) CountDistinct(answer);
}

void LoadStream::RecordError(std::string_view kind, std::string_view first, Time due) {
  if (due < begin_) return;
  ++result_.requests;
  ++moment_failed_;
  const bool full = result_.errors.size() >= kMaxErrorKinds;
  const auto known = result_.errors.find(std::string(kind));
  LoadError& error = known != result_.errors.end()
                         ? known->second
                         : result_.errors[full ? "other errors" : std::string(kind)];
  if (error.count++ == 0) error.first = first;
}

void LoadStream::CountDistinct(const WireAnswer& answer) {
  for (DistinctAnswer& known : result_.distinct) {
    if (known.body == answer.body && known.digest == answer.kept_header) {
      ++known.count;
      return;
    }
  }
  if (result_.distinct.size() == LoadResult::kMaxDistinct) {
    ++result_.other_distinct;
    return;
  }
  result_.distinct.push_back(
      {.digest = std::string(answer.kept_header), .body = std::string(answer.body), .count = 1});
}

void LoadStream::Tick(Time now) {
  for (Lane& lane : lanes_) {
    for (size_t i = 0; i < lane.slots.size(); ++i) {
      Slot& slot = lane.slots[i];
      if (slot.due == Time::min() || now - slot.due <= options_.timeout) continue;
      RecordError("timeout", "", slot.due);
      Release(slot);
      lane.wire->Abandon(i);
      if (lane.wire->ready()) Reuse({.lane = lane.wire->id(), .slot = i}, now);
    }
    if (lane.wire->closed() && now >= lane.reopen_at && now < end_) lane.wire->Open();
  }
  result_.elapsed = now - begin_;
  if (now >= moment_begin_ + MomentLength(options_.duration)) CloseMoment(now);
}

void LoadStream::CloseMoment(Time now) {
  result_.moments.push_back({.begin = moment_begin_ - begin_,
                             .length = now - moment_begin_,
                             .answered = moment_.count(),
                             .failed = moment_failed_,
                             .p50 = moment_.Quantile(0.5),
                             .p90 = moment_.Quantile(0.9),
                             .p99 = moment_.Quantile(0.99),
                             .max = moment_.max()});
  moment_.Clear();
  moment_failed_ = 0;
  moment_begin_ = now;
}

bool LoadStream::done() const { return busy_ == 0 && (!arrivals_ || arrivals_->next() >= end_); }

void LoadStream::TakeRecent(LatencyRecorder& into) {
  into.Add(recent_);
  recent_.Clear();
}

LoadResult LoadStream::Finish(Time now) {
  result_.elapsed = std::max(last_, std::min(end_, now)) - begin_;
  result_.elapsed = std::max<std::chrono::nanoseconds>(result_.elapsed, 0ns);
  result_.unanswered = static_cast<uint64_t>(busy_);
  // The rest of the last moment, unless it is too short to say anything.
  if (last_ - moment_begin_ > MomentLength(options_.duration) / 2) CloseMoment(last_);
  for (; arrivals_ && arrivals_->next() < end_; arrivals_->Advance()) {
    if (arrivals_->next() >= begin_) ++result_.unsent;
  }
  return std::move(result_);
}

}  // namespace slipway::app
