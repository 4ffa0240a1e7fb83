#include "monitor/model_stats.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace slipway::monitor {
namespace {

constexpr size_t kCodeCount = 17;
// Executions of up to this many rows are counted one by one, larger ones by their power of two.
constexpr size_t kExactBatchSizes = 64;
constexpr size_t kBatchSlots = kExactBatchSizes + 1 + 64;

// One thread writes a shard, so an increment needs no locked instruction.
template <typename T>
void Increment(std::atomic<T>& counter, T by) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

uint64_t Nanoseconds(std::chrono::nanoseconds duration) {
  return static_cast<uint64_t>(std::max<int64_t>(duration.count(), 0));
}

size_t BatchSlot(int64_t rows) {
  const auto size = static_cast<uint64_t>(std::max<int64_t>(rows, 0));
  if (size <= kExactBatchSizes) return size;
  return kExactBatchSizes + static_cast<size_t>(std::bit_width(size - 1)) - 6;
}

int64_t BatchSizeOfSlot(size_t slot) {
  if (slot <= kExactBatchSizes) return static_cast<int64_t>(slot);
  return int64_t{1} << std::min<size_t>(slot - kExactBatchSizes + 6, 62);
}

struct AtomicDuration {
  std::atomic<uint64_t> count = 0;
  std::atomic<uint64_t> ns = 0;
  void Record(std::chrono::nanoseconds duration) {
    Increment<uint64_t>(count, 1);
    Increment<uint64_t>(ns, Nanoseconds(duration));
  }
  void AddTo(ModelStats::Duration& total) const {
    total.count += count.load(std::memory_order_relaxed);
    total.ns += ns.load(std::memory_order_relaxed);
  }
};

}  // namespace

std::string_view PhaseName(Phase phase) {
  constexpr std::array<std::string_view, kPhaseCount> kNames = {"receive", "queue",  "input",
                                                                "infer",   "output", "send"};
  return kNames[static_cast<size_t>(phase)];
}

std::string_view ProtocolName(Protocol protocol) {
  return protocol == Protocol::kRest ? "rest" : "grpc";
}

// Cache-line aligned, so that two IO threads never write to the same line.
struct alignas(128) ModelStats::Shard {
  std::array<std::array<std::atomic<uint64_t>, kCodeCount>, kProtocolCount> requests{};
  AtomicDuration success;
  AtomicDuration fail;
  std::array<AtomicDuration, kPhaseCount> phases;
  AtomicDuration cache_hit;
  AtomicDuration cache_miss;
  std::atomic<uint64_t> cache_shared = 0;
  std::atomic<uint64_t> diverted = 0;
  std::atomic<uint64_t> rows = 0;
  std::atomic<uint64_t> executions = 0;
  std::atomic<int64_t> in_flight = 0;
  std::atomic<int64_t> last_request_ns = 0;
  Histogram latency;
  Histogram queue;
  Histogram infer;
  std::array<std::atomic<uint64_t>, kBatchSlots> batch_executions{};
  std::array<std::atomic<uint64_t>, kBatchSlots> batch_infer_ns{};
};

void ModelStats::ShardDeleter::operator()(Shard* shard) const { delete shard; }

ModelStats::ModelStats(size_t shards) {
  SLIPWAY_CHECK(shards > 0);
  for (size_t i = 0; i < shards; ++i) shards_.emplace_back(new Shard());
}

void ModelStats::Record(size_t shard, const RequestSample& sample, base::SystemTime now) {
  Shard& s = *shards_[shard];
  const auto protocol = static_cast<size_t>(sample.protocol);
  Increment<uint64_t>(s.requests[protocol][static_cast<size_t>(sample.code)], 1);
  s.latency.Record(sample.total);
  s.last_request_ns.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  if (sample.code != base::StatusCode::kOk) {
    s.fail.Record(sample.total);
    return;
  }
  s.success.Record(sample.total);
  for (size_t i = 0; i < kPhaseCount; ++i) {
    if (sample.ran || i != static_cast<size_t>(Phase::kInfer)) s.phases[i].Record(sample.phases[i]);
  }
  s.queue.Record(sample.phases[static_cast<size_t>(Phase::kQueue)]);
  if (!sample.ran) return;
  Increment<uint64_t>(s.rows, static_cast<uint64_t>(std::max<int64_t>(sample.rows, 0)));
  s.infer.Record(sample.phases[static_cast<size_t>(Phase::kInfer)]);
}

void ModelStats::RecordCacheHit(size_t shard, std::chrono::nanoseconds lookup) {
  shards_[shard]->cache_hit.Record(lookup);
}

void ModelStats::RecordCacheMiss(size_t shard, std::chrono::nanoseconds lookup) {
  shards_[shard]->cache_miss.Record(lookup);
}

void ModelStats::RecordCacheShared(size_t shard) {
  Increment<uint64_t>(shards_[shard]->cache_shared, 1);
}

void ModelStats::RecordDiverted(size_t shard) { Increment<uint64_t>(shards_[shard]->diverted, 1); }

void ModelStats::RecordExecution(size_t shard, int64_t rows, std::chrono::nanoseconds infer) {
  Shard& s = *shards_[shard];
  Increment<uint64_t>(s.executions, 1);
  const size_t slot = BatchSlot(rows);
  Increment<uint64_t>(s.batch_executions[slot], 1);
  Increment<uint64_t>(s.batch_infer_ns[slot], Nanoseconds(infer));
}

void ModelStats::AddInFlight(size_t shard, int64_t delta) {
  Increment<int64_t>(shards_[shard]->in_flight, delta);
}

ModelStats::Totals ModelStats::Read() const {
  Totals totals;
  int64_t last_ns = 0;
  for (const auto& shard : shards_) {
    const Shard& s = *shard;
    for (size_t p = 0; p < kProtocolCount; ++p) {
      for (size_t c = 0; c < kCodeCount; ++c) {
        totals.requests[p][c] += s.requests[p][c].load(std::memory_order_relaxed);
      }
    }
    s.success.AddTo(totals.success);
    s.fail.AddTo(totals.fail);
    for (size_t i = 0; i < kPhaseCount; ++i) s.phases[i].AddTo(totals.phases[i]);
    s.cache_hit.AddTo(totals.cache_hit);
    s.cache_miss.AddTo(totals.cache_miss);
    totals.cache_shared += s.cache_shared.load(std::memory_order_relaxed);
    totals.diverted += s.diverted.load(std::memory_order_relaxed);
    totals.rows += s.rows.load(std::memory_order_relaxed);
    totals.executions += s.executions.load(std::memory_order_relaxed);
    totals.in_flight += s.in_flight.load(std::memory_order_relaxed);
    last_ns = std::max(last_ns, s.last_request_ns.load(std::memory_order_relaxed));
    s.latency.AddTo(totals.latency);
    s.queue.AddTo(totals.queue);
    s.infer.AddTo(totals.infer);
    for (size_t slot = 0; slot < kBatchSlots; ++slot) {
      const uint64_t executions = s.batch_executions[slot].load(std::memory_order_relaxed);
      if (executions == 0) continue;
      BatchSize& size = totals.batch_sizes[BatchSizeOfSlot(slot)];
      size.executions += executions;
      size.infer_ns += s.batch_infer_ns[slot].load(std::memory_order_relaxed);
    }
  }
  totals.last_request = base::SystemTime(base::SystemTime::duration(last_ns));
  return totals;
}

}  // namespace slipway::monitor
