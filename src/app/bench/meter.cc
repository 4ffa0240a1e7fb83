#include "app/bench/meter.h"

#include <ctime>
#include <utility>

#include "app/bench/report.h"

namespace slipway::app {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

nanoseconds ThreadCpuTime() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

double Seconds(nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

void ServerCost::Append(const ServerCost& later) {
  for (CostMoment moment : later.moments) {
    moment.begin += elapsed;
    moments.push_back(moment);
  }
  cpu += later.cpu;
  answers += later.answers;
  elapsed += later.elapsed;
}

double ServerCost::cpu_us_per_request() const {
  return answers > 0 ? Seconds(cpu) * 1e6 / static_cast<double>(answers) : 0;
}

double ServerCost::cores() const { return elapsed > 0ns ? Seconds(cpu) / Seconds(elapsed) : 0; }

BenchMeter::BenchMeter(const base::Clock& clock, std::optional<ServerProcess> server,
                       nanoseconds duration, ShutdownSignals& signals, std::ostream* progress)
    : clock_(clock),
      server_(std::move(server)),
      moment_length_(MomentLength(duration)),
      signals_(signals),
      progress_(progress),
      start_(clock.SteadyNow()),
      shown_at_(start_) {}

void BenchMeter::OnMeasureBegin(uint64_t answers) {
  begin_ = moment_begin_ = clock_.SteadyNow();
  answers_at_begin_ = moment_answers_ = answers;
  own_cpu_ = ThreadCpuTime();
  if (server_) cpu_at_begin_ = moment_cpu_ = server_->CpuTime();
  begun_ = true;
}

void BenchMeter::OnMeasureEnd(uint64_t answers) {
  if (!begun_) return;
  cost_.elapsed = clock_.SteadyNow() - begin_;
  cost_.answers = answers - answers_at_begin_;
  own_cpu_ = ThreadCpuTime() - own_cpu_;
  if (server_) {
    // A server that has ended meanwhile takes its clock with it: what was read last stands.
    cost_.cpu = std::max(server_->CpuTime(), moment_cpu_) - cpu_at_begin_;
    cost_.pids.assign(server_->pids().begin(), server_->pids().end());
  }
  ended_ = true;
}

bool BenchMeter::OnTick(const Tick& tick) {
  if (begun_ && tick.now - moment_begin_ >= moment_length_) CloseMoment(tick.now, tick.answers);
  second_.Add(tick.recent);
  if (progress_ != nullptr && tick.now - shown_at_ >= 1s) {
    PrintProgress(tick.now - start_, !begun_, second_, tick.now - shown_at_, tick.failed,
                  *progress_);
    second_.Clear();
    shown_at_ = tick.now;
  }
  return !signals_.Wait(0ns);
}

void BenchMeter::CloseMoment(base::SteadyTime now, uint64_t answers) {
  if (!server_) return;
  const nanoseconds cpu = std::max(server_->CpuTime(), moment_cpu_);
  cost_.moments.push_back({.begin = moment_begin_ - begin_,
                           .length = now - moment_begin_,
                           .cpu = cpu - moment_cpu_,
                           .answers = answers - moment_answers_});
  moment_begin_ = now;
  moment_cpu_ = cpu;
  moment_answers_ = answers;
}

std::optional<ServerCost> BenchMeter::server_cost() const {
  return server_ && ended_ ? std::optional(cost_) : std::nullopt;
}

double BenchMeter::own_cpu_share() const {
  if (!ended_ || cost_.elapsed <= 0ns) return 0;
  return Seconds(own_cpu_) / Seconds(cost_.elapsed);
}

}  // namespace slipway::app
