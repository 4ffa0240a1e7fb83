#include "monitor/request_tracer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/executor.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "monitor/trace_file.h"

namespace slipway::monitor {
namespace {

using base::StrCat;

constexpr size_t kMaxPendingBytes = size_t{4} << 20;
constexpr size_t kMaxOwn = 1000;
constexpr std::chrono::seconds kWarnInterval{10};

bool Traces(const TraceSettings& settings) { return settings.timestamps && settings.count != 0; }

// Two elements, as Triton writes them.
std::string JsonOf(const RequestTracer::Trace& trace) {
  std::string out = StrCat("{\"id\":", trace.id, ",\"model_name\":", base::JsonString(trace.model),
                           ",\"model_version\":", trace.version, ",\"code\":\"", trace.code, "\"");
  if (!trace.request_id.empty())
    out += StrCat(",\"request_id\":", base::JsonString(trace.request_id));
  if (!trace.trace_id.empty()) out += StrCat(",\"trace_id\":\"", trace.trace_id, "\"");
  out += StrCat("},\n{\"id\":", trace.id, ",\"timestamps\":[");
  bool first = true;
  for (const RequestTracer::Event& event : trace.events) {
    out += StrCat(std::exchange(first, false) ? "" : ",", "{\"name\":\"", event.name,
                  "\",\"ns\":", event.at.time_since_epoch().count(), "}");
  }
  return out + "]}";
}

}  // namespace

RequestTracer::RequestTracer(std::string file, const TraceSettings& settings, base::Logger& log)
    : file_(std::move(file)), at_start_(settings), log_(log), all_(settings) {
  active_ = !file_.empty() && Traces(all_);
}

RequestTracer::~RequestTracer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (writer_.joinable()) writer_.join();
}

TraceSettings RequestTracer::With(const Own& own) const {
  TraceSettings settings = all_;
  settings.timestamps = own.timestamps.value_or(all_.timestamps);
  settings.rate = own.rate.value_or(all_.rate);
  settings.count = own.count.value_or(all_.count);
  return settings;
}

TraceSettings RequestTracer::Settings(std::string_view model) const {
  const std::lock_guard lock(mutex_);
  const auto own = own_.find(model);
  return own == own_.end() ? all_ : With(own->second);
}

uint64_t RequestTracer::Sample(std::string_view model) {
  if (!active()) return 0;
  const std::lock_guard lock(mutex_);
  const auto found = own_.find(model);
  Own* const own = found == own_.end() ? nullptr : &found->second;
  const TraceSettings settings = own == nullptr ? all_ : With(*own);
  if (!Traces(settings)) return 0;
  uint64_t& seen = own == nullptr ? seen_ : own->seen;
  if (++seen % settings.rate != 0) return 0;
  int64_t& left = own != nullptr && own->count ? *own->count : all_.count;
  if (left > 0) --left;
  if (left == 0) UpdateActive();
  return ++last_id_;
}

void RequestTracer::Write(const Trace& trace) {
  std::string text = JsonOf(trace);
  {
    const std::lock_guard lock(mutex_);
    if (pending_bytes_ + text.size() > kMaxPendingBytes) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    pending_bytes_ += text.size();
    pending_.push_back(std::move(text));
    if (!writer_.joinable()) writer_ = std::thread([this] { WriteLoop(); });
  }
  wake_.notify_one();
}

void RequestTracer::WriteLoop() {
  base::SetThreadName("slipway-trace");
  std::optional<TraceFile> file;
  std::vector<std::string> taken;
  auto warn_again_at = std::chrono::steady_clock::time_point::min();
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !pending_.empty(); });
    if (pending_.empty()) return;
    taken.swap(pending_);
    pending_bytes_ = 0;
    if (!file || file->elements_per_file() != all_.log_frequency) {
      file.emplace(file_, all_.log_frequency);
    }
    lock.unlock();
    for (const std::string& trace : taken) {
      const base::Status written = file->Append(trace);
      if (written.ok()) continue;
      dropped_.fetch_add(1, std::memory_order_relaxed);
      const auto now = std::chrono::steady_clock::now();
      if (now < warn_again_at) continue;
      warn_again_at = now + kWarnInterval;
      log_.Warn("a trace was not written", {{"error", written.message()}});
    }
    taken.clear();
    lock.lock();
  }
}

void RequestTracer::UpdateActive() {
  const bool any = Traces(all_) || std::ranges::any_of(own_, [this](const auto& own) {
                     return Traces(With(own.second));
                   });
  active_.store(any && !file_.empty(), std::memory_order_relaxed);
}

base::Status RequestTracer::Change(std::string_view model, const TraceChange& change) {
  const bool turns_on = change.timestamps && change.timestamps->value_or(false);
  if (turns_on && file_.empty()) {
    return base::FailedPrecondition(
        "there is no file for traces: start the server with trace.file in its configuration");
  }
  const std::lock_guard lock(mutex_);
  SLIPWAY_RETURN_IF_ERROR(model.empty() ? ChangeAll(change) : ChangeOne(model, change));
  UpdateActive();
  return base::OkStatus();
}

base::Status RequestTracer::ChangeAll(const TraceChange& change) {
  const auto apply = [](const auto& field, auto& value, const auto& at_start) {
    if (field) value = field->value_or(at_start);
  };
  apply(change.timestamps, all_.timestamps, at_start_.timestamps);
  apply(change.rate, all_.rate, at_start_.rate);
  apply(change.count, all_.count, at_start_.count);
  apply(change.log_frequency, all_.log_frequency, at_start_.log_frequency);
  return base::OkStatus();
}

base::Status RequestTracer::ChangeOne(std::string_view model, const TraceChange& change) {
  if (change.log_frequency && change.log_frequency->has_value()) {
    return base::InvalidArgument(
        "log_frequency holds for all models, whose traces are in one file: set it without a model");
  }
  auto own = own_.find(model);
  if (own == own_.end()) {
    if (own_.size() >= kMaxOwn) {
      return base::ResourceExhausted(
          StrCat("more than ", kMaxOwn, " models have trace settings of their own"));
    }
    own = own_.emplace(model, Own()).first;
  }
  if (change.timestamps) own->second.timestamps = *change.timestamps;
  if (change.rate) own->second.rate = *change.rate;
  if (change.count) own->second.count = *change.count;
  if (own->second.empty()) own_.erase(own);
  return base::OkStatus();
}

}  // namespace slipway::monitor
