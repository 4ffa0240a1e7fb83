#include "app/bench_load.h"

#include <sys/epoll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "base/executor.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;

constexpr auto kTickPeriod = 100ms;
constexpr auto kReopenDelay = 100ms;
constexpr auto kLongestDrain = 5s;
constexpr size_t kScratchBytes = size_t{256} << 10;
constexpr size_t kKeptErrorBytes = 2048;
constexpr size_t kKeptAnswerBytes = 64 << 10;
constexpr size_t kMaxDistinct = 64;
constexpr std::string_view kDigestHeader = "slipway-model-digest";

timespec ToTimespec(std::chrono::nanoseconds duration) {
  const auto ns = std::max<int64_t>(duration.count(), 0);
  return {.tv_sec = static_cast<time_t>(ns / 1'000'000'000),
          .tv_nsec = static_cast<long>(ns % 1'000'000'000)};
}

}  // namespace

LoadGenerator::LoadGenerator(const BenchTarget& target, std::string_view request,
                             const LoadOptions& options, const base::Clock& clock)
    : target_(target),
      request_(request),
      options_(options),
      clock_(clock),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      scratch_(kScratchBytes) {}

LoadGenerator::~LoadGenerator() = default;

base::Result<LoadResult> LoadGenerator::Run(LoadListener& listener) {
  base::TakeShortTimeSlices();  // or waiting for the processor counts as waiting for the server
  if (!epoll_.valid()) return base::ErrnoStatus(errno, "epoll_create1");
  SteadyTime now = clock_.SteadyNow();
  begin_ = now + options_.warmup;
  end_ = begin_ + options_.duration;
  give_up_ = end_ + std::min<std::chrono::nanoseconds>(options_.timeout, kLongestDrain);
  next_tick_ = now;
  last_ = begin_;
  if (options_.rate > 0) {
    arrivals_.emplace(options_.rate, options_.seed, now);
    ::prctl(PR_SET_TIMERSLACK, 1);  // the default, 50 us, would show in every latency
  }
  SLIPWAY_RETURN_IF_ERROR(OpenAll());
  while (!Finished(now)) {
    if (arrivals_) SendDue(now);
    Wait(now);
    now = clock_.SteadyNow();
    if (now >= next_tick_) Tick(listener, now);
    if (!measuring_ && now >= begin_) {
      measuring_ = true;
      listener.OnMeasureBegin(answers_);
    }
  }
  listener.OnMeasureEnd(answers_);
  Finish(now);
  return std::move(result_);
}

base::Status LoadGenerator::OpenAll() {
  const size_t kept = options_.distinct_answers ? kKeptAnswerBytes : kKeptErrorBytes;
  const std::string_view header = options_.distinct_answers ? kDigestHeader : "";
  for (int i = 0; i < options_.connections; ++i) {
    auto connection = std::make_unique<BenchConnection>(epoll_.get(), kept, header);
    if (connection->Open(target_, tls_buffers_) == BenchConnection::Event::kFailed) {
      return base::Unavailable(base::StrCat("connection ", i + 1, " of ", options_.connections,
                                            " to ", target_.address.ToString(), ": ",
                                            connection->failure()));
    }
    connections_.push_back(std::move(connection));
  }
  return base::OkStatus();
}

// Serves what is ready, or waits for the next event, due request or tick.
void LoadGenerator::Wait(SteadyTime now) {
  std::array<epoll_event, 128> events;
  SteadyTime until = next_tick_;
  if (arrivals_ && !idle_.empty() && arrivals_->next() < end_) {
    until = std::min(until, arrivals_->next());
  }
  const timespec timeout = ToTimespec(until - now);
  const int ready = ::epoll_pwait2(epoll_.get(), events.data(), events.size(), &timeout, nullptr);
  for (int i = 0; i < ready; ++i) {
    auto& connection = *static_cast<BenchConnection*>(events[static_cast<size_t>(i)].data.ptr);
    const auto event = connection.OnEvents(events[static_cast<size_t>(i)].events, scratch_);
    if (event != BenchConnection::Event::kNone) Handle(connection, event, clock_.SteadyNow());
  }
}

void LoadGenerator::Handle(BenchConnection& connection, BenchConnection::Event event,
                           SteadyTime now) {
  switch (event) {
    case BenchConnection::Event::kNone:
      return;
    case BenchConnection::Event::kConnected:
      return OnIdle(connection, now);
    case BenchConnection::Event::kAnswer:
      return OnAnswer(connection, now);
    case BenchConnection::Event::kLost:
      std::erase(idle_, &connection);
      return Reopen(connection, now);
    case BenchConnection::Event::kFailed:
      break;
  }
  const bool was_busy = connection.started_at != SteadyTime::min();
  if (was_busy) --busy_;
  RecordError(connection.failure(), "", was_busy ? connection.started_at : now);
  std::erase(idle_, &connection);
  connection.started_at = SteadyTime::min();
  connection.reopen_at = now + kReopenDelay;
}

void LoadGenerator::OnAnswer(BenchConnection& connection, SteadyTime now) {
  --busy_;
  ++answers_;
  RecordAnswer(connection, now);
  connection.started_at = SteadyTime::min();
  if (connection.state() == BenchConnection::State::kIdle) {
    OnIdle(connection, now);
  } else {
    Reopen(connection, now);
  }
}

void LoadGenerator::RecordAnswer(const BenchConnection& connection, SteadyTime now) {
  const AnswerReader& answer = connection.answer();
  since_tick_.Record(now - connection.started_at);
  if (connection.started_at < begin_) return;
  result_.bytes_received += answer.body_bytes();
  result_.bytes_sent += request_.size();
  if (answer.status() < 200 || answer.status() > 299) {
    const std::string_view said = answer.kept_body();
    RecordError(base::StrCat("status ", answer.status()), base::Printable(said, 300),
                connection.started_at);
    last_ = now;
    return;
  }
  ++result_.requests;
  ++result_.answered;
  result_.latency.Record(now - connection.started_at);
  last_ = now;
  if (options_.distinct_answers) CountDistinct(answer);
}

void LoadGenerator::RecordError(std::string_view kind, std::string_view first,
                                SteadyTime started_at) {
  if (started_at < begin_) return;
  ++result_.requests;
  LoadError& error = result_.errors[std::string(kind)];
  if (error.count++ == 0) error.first = first;
}

void LoadGenerator::CountDistinct(const AnswerReader& answer) {
  for (DistinctAnswer& known : result_.distinct) {
    if (known.body == answer.kept_body() && known.digest == answer.kept_header_value()) {
      ++known.count;
      return;
    }
  }
  if (result_.distinct.size() == kMaxDistinct) {
    ++result_.other_distinct;
    return;
  }
  result_.distinct.push_back(
      {.digest = answer.kept_header_value(), .body = answer.kept_body(), .count = 1});
}

void LoadGenerator::Start(BenchConnection& connection, SteadyTime due, SteadyTime now) {
  connection.started_at = due;
  ++busy_;
  const auto event = connection.Send(request_);
  if (event != BenchConnection::Event::kNone) Handle(connection, event, now);
}

void LoadGenerator::OnIdle(BenchConnection& connection, SteadyTime now) {
  if (arrivals_) {
    idle_.push_back(&connection);
  } else if (now < end_) {
    Start(connection, now, now);
  }
}

void LoadGenerator::Reopen(BenchConnection& connection, SteadyTime now) {
  connection.started_at = SteadyTime::min();
  const auto event = connection.Open(target_, tls_buffers_);
  if (event != BenchConnection::Event::kNone) Handle(connection, event, now);
}

void LoadGenerator::SendDue(SteadyTime now) {
  while (!idle_.empty() && arrivals_->next() <= now && arrivals_->next() < end_) {
    BenchConnection& connection = *idle_.back();
    idle_.pop_back();
    Start(connection, arrivals_->next(), now);
    arrivals_->Advance();
  }
}

void LoadGenerator::Tick(LoadListener& listener, SteadyTime now) {
  next_tick_ = now + kTickPeriod;
  ExpireAndReopen(now);
  result_.elapsed = now - begin_;
  const bool go_on = listener.OnTick(result_, since_tick_, now);
  since_tick_.Clear();
  if (!go_on && now < end_) {
    result_.interrupted = true;
    end_ = now;
    give_up_ = std::min(give_up_, now + 1s);
  }
}

void LoadGenerator::ExpireAndReopen(SteadyTime now) {
  for (const auto& connection : connections_) {
    if (connection->state() == BenchConnection::State::kClosed && now >= connection->reopen_at) {
      Reopen(*connection, now);
    } else if (connection->state() == BenchConnection::State::kBusy &&
               now - connection->started_at > options_.timeout) {
      --busy_;
      RecordError("timeout", "", connection->started_at);
      connection->Close();
      Reopen(*connection, now);
    }
  }
}

bool LoadGenerator::Finished(SteadyTime now) {
  if (options_.max_requests > 0 && result_.requests >= options_.max_requests) {
    end_ = std::min(end_, now);
  }
  if (now < end_) return false;
  const bool all_sent = !arrivals_ || arrivals_->next() >= end_;
  return (busy_ == 0 && all_sent) || now >= give_up_;
}

void LoadGenerator::Finish(SteadyTime now) {
  result_.elapsed = std::max(last_, std::min(end_, now)) - begin_;
  result_.elapsed = std::max<std::chrono::nanoseconds>(result_.elapsed, 0ns);
  result_.unanswered = static_cast<uint64_t>(busy_);
  while (arrivals_ && arrivals_->next() < end_) {
    if (arrivals_->next() >= begin_) ++result_.unsent;
    arrivals_->Advance();
  }
}

}  // namespace slipway::app
