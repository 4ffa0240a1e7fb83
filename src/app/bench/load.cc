#include "app/bench/load.h"

#include <sys/epoll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/executor.h"

namespace slipway::app {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;

constexpr auto kTickPeriod = 100ms;
constexpr auto kLongestDrain = 5s;
constexpr size_t kScratchBytes = size_t{256} << 10;
constexpr size_t kKeptErrorBytes = 2048;
constexpr size_t kKeptAnswerBytes = 64 << 10;
constexpr std::string_view kDigestHeader = "slipway-model-digest";

timespec ToTimespec(std::chrono::nanoseconds duration) {
  const auto ns = std::max<int64_t>(duration.count(), 0);
  return {.tv_sec = static_cast<time_t>(ns / 1'000'000'000),
          .tv_nsec = static_cast<long>(ns % 1'000'000'000)};
}

}  // namespace

LoadGenerator::LoadGenerator(std::vector<StreamPlan> plans, const LoadOptions& options,
                             const base::Clock& clock)
    : plans_(std::move(plans)),
      options_(options),
      clock_(clock),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      scratch_(kScratchBytes) {}

LoadGenerator::~LoadGenerator() = default;

base::Result<std::vector<LoadResult>> LoadGenerator::Run(LoadListener& listener) {
  base::TakeShortTimeSlices();  // or waiting for the processor counts as waiting for the server
  if (!epoll_.valid()) return base::ErrnoStatus(errno, "epoll_create1");
  SteadyTime now = clock_.SteadyNow();
  SLIPWAY_RETURN_IF_ERROR(Start(now));
  for (bool measuring = false; !Finished(now);) {
    for (const auto& stream : streams_) stream->SendDue(now);
    Wait(now);
    now = clock_.SteadyNow();
    if (!measuring && now >= begin_) {
      measuring = true;
      listener.OnMeasureBegin(answers());
    }
    if (now >= next_tick_) Tick(listener, now);
  }
  listener.OnMeasureEnd(answers());
  std::vector<LoadResult> results;
  for (const auto& stream : streams_) {
    results.push_back(stream->Finish(now));
    results.back().interrupted = interrupted_;
  }
  return results;
}

base::Status LoadGenerator::Start(SteadyTime now) {
  begin_ = now + options_.warmup;
  end_ = begin_ + options_.duration;
  give_up_ = end_ + std::min<std::chrono::nanoseconds>(options_.timeout, kLongestDrain);
  next_tick_ = now;
  const bool distinct = options_.distinct_answers;
  uint64_t seed = options_.seed;
  for (const StreamPlan& plan : plans_) {
    if (plan.arrivals.open_loop()) {
      ::prctl(PR_SET_TIMERSLACK, 1);  // the default, 50 us, would show in every latency
    }
    const WireSetup setup{.server = plan.server,
                          .tls_buffers = tls_buffers_,
                          .epoll = epoll_.get(),
                          .scratch = scratch_,
                          .max_kept_bytes = distinct ? kKeptAnswerBytes : kKeptErrorBytes,
                          .kept_header = distinct ? kDigestHeader : ""};
    streams_.push_back(std::make_unique<LoadStream>(plan, options_, setup, clock_));
    SLIPWAY_RETURN_IF_ERROR(streams_.back()->Start(now, begin_, end_, seed++));
  }
  return base::OkStatus();
}

// Serves what is ready, or waits for the next event, due request or tick.
void LoadGenerator::Wait(SteadyTime now) {
  std::array<epoll_event, 128> events;
  SteadyTime until = next_tick_;
  for (const auto& stream : streams_) until = std::min(until, stream->next_due());
  const timespec timeout = ToTimespec(until - now);
  const int ready = ::epoll_pwait2(epoll_.get(), events.data(), events.size(), &timeout, nullptr);
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    static_cast<WireConnection*>(event.data.ptr)->OnEvents(event.events);
  }
}

void LoadGenerator::Tick(LoadListener& listener, SteadyTime now) {
  next_tick_ = now + kTickPeriod;
  LatencyRecorder recent;
  uint64_t failed = 0;
  for (const auto& stream : streams_) {
    stream->Tick(now);
    stream->TakeRecent(recent);
    failed += stream->result().failed();
  }
  const bool go_on =
      listener.OnTick({.now = now, .answers = answers(), .failed = failed, .recent = recent});
  if (!go_on && now < end_) {
    interrupted_ = true;
    end_ = now;
    give_up_ = std::min(give_up_, now + 1s);
  }
}

bool LoadGenerator::Finished(SteadyTime now) {
  if (options_.max_requests > 0 && requests() >= options_.max_requests) end_ = std::min(end_, now);
  for (const auto& stream : streams_) stream->EndAt(end_);
  if (now < end_) return false;
  return now >= give_up_ || std::ranges::all_of(streams_, &LoadStream::done);
}

uint64_t LoadGenerator::answers() const {
  uint64_t sum = 0;
  for (const auto& stream : streams_) sum += stream->answers();
  return sum;
}

uint64_t LoadGenerator::requests() const {
  uint64_t sum = 0;
  for (const auto& stream : streams_) sum += stream->result().requests;
  return sum;
}

}  // namespace slipway::app
