#include "inference/response_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "inference/cached_calls.h"

namespace slipway::inference {

// One run that may answer several equal calls. `followers` is guarded by the lock of the shard that
// the key belongs to; the rest never changes.
struct Flight {
  ResponseCache::Key key;
  base::SteadyTime deadline;
  uint64_t priority;
  std::vector<ResponseCache::Follower> followers = {};

  // Whether `call` loses nothing when it waits for this run. 0, the default, is the lowest
  // priority.
  bool Serves(const InferCall& call) const {
    return deadline <= call.deadline.at && priority - 1 <= call.priority - 1;
  }
};

namespace {

constexpr size_t kMaxShards = 8;
constexpr uint64_t kLeastShardBytes = uint64_t{4} << 20;

// A digest's bytes are as good as any hash of them.
struct KeyHash {
  size_t operator()(const ResponseCache::Key& key) const {
    size_t hash = 0;
    std::memcpy(&hash, key.bytes.data(), sizeof(hash));
    return hash;
  }
};

size_t ShardCount(uint64_t max_bytes) {
  return static_cast<size_t>(std::clamp<uint64_t>(max_bytes / kLeastShardBytes, 1, kMaxShards));
}

// A run that was stopped for the sake of its own call says nothing of an equal one.
bool IsOfTheCallAlone(const base::Status& status) {
  return status.code() == base::StatusCode::kCancelled ||
         status.code() == base::StatusCode::kDeadlineExceeded;
}

}  // namespace

struct ResponseCache::Shard {
  struct Entry {
    Key key;
    std::shared_ptr<const CachedAnswer> answer;
    size_t bytes;
  };
  std::mutex mutex;         // guards everything below
  std::list<Entry> recent;  // the most recently used first
  std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> entries;
  std::unordered_map<Key, std::shared_ptr<Flight>, KeyHash> flights;  // that calls may join
  uint64_t bytes = 0;
  uint64_t evictions = 0;
};

ResponseCache::ResponseCache(const Options& options)
    : options_(options),
      shards_([&options] {
        std::vector<std::unique_ptr<Shard>> shards(ShardCount(options.max_bytes));
        for (auto& shard : shards) shard = std::make_unique<Shard>();
        return shards;
      }()),
      shard_bytes_(options.max_bytes / shards_.size()) {}

ResponseCache::~ResponseCache() = default;

ResponseCache::Shard& ResponseCache::ShardOf(const Key& key) const {
  return *shards_[key.bytes.back() % shards_.size()];
}

ResponseCache::Found ResponseCache::Enter(const Key& key, const Follower& follower) {
  InferCall& call = *follower.call;
  Shard& shard = ShardOf(key);
  const std::lock_guard lock(shard.mutex);
  if (const auto known = shard.entries.find(key); known != shard.entries.end()) {
    shard.recent.splice(shard.recent.begin(), shard.recent, known->second);
    return {.answer = known->second->answer};
  }
  call.flight_ = Join(shard, key, follower);
  if (call.flight_ != nullptr) return {};
  call.flight_ = std::make_shared<Flight>(
      Flight{.key = key, .deadline = call.deadline.at, .priority = call.priority});
  // In the place of one that could not serve this call, if there is one, and of more use to others.
  shard.flights[key] = call.flight_;
  return {.answer = nullptr, .leads = true};
}

std::shared_ptr<Flight> ResponseCache::Join(Shard& shard, const Key& key,
                                            const Follower& follower) {
  const auto found = shard.flights.find(key);
  if (found == shard.flights.end() || !found->second->Serves(*follower.call)) return nullptr;
  follower.outstanding->fetch_add(1, std::memory_order_relaxed);
  found->second->followers.push_back(follower);
  return found->second;
}

void ResponseCache::Land(InferCall& leader) {
  const std::shared_ptr<Flight> flight = std::move(leader.flight_);
  std::shared_ptr<const CachedAnswer> answer;
  if (leader.status.ok() && CachedAnswer::BytesOf(leader.results) <= shard_bytes_) {
    auto copy = CachedAnswer::CopyOf(leader.results);
    if (copy.ok()) answer = *std::move(copy);
  }
  std::vector<Follower> followers;
  std::vector<std::shared_ptr<const CachedAnswer>> evicted;  // freed without the lock
  Shard& shard = ShardOf(flight->key);
  {
    const std::lock_guard lock(shard.mutex);
    followers.swap(flight->followers);
    const auto open = shard.flights.find(flight->key);
    if (open != shard.flights.end() && open->second == flight) shard.flights.erase(open);
    if (answer != nullptr) Keep(shard, flight->key, answer, evicted);
  }
  if (followers.empty()) return;
  Landing landing{.status = leader.status,
                  .answer = std::move(answer),
                  .again = IsOfTheCallAlone(leader.status)};
  if (landing.status.ok() && landing.answer == nullptr) {  // too large to keep or to copy
    landing.answer = std::make_shared<const CachedAnswer>(std::move(leader.results));
    leader.status = landing.answer->ShareWith(leader.results);
  }
  Tell(followers, std::move(landing));
}

void ResponseCache::Keep(Shard& shard, const Key& key, std::shared_ptr<const CachedAnswer> answer,
                         std::vector<std::shared_ptr<const CachedAnswer>>& evicted) const {
  if (shard.entries.contains(key)) return;  // of another flight for the same
  const size_t bytes = answer->bytes();
  while (shard.bytes + bytes > shard_bytes_) {
    Shard::Entry& oldest = shard.recent.back();
    shard.bytes -= oldest.bytes;
    ++shard.evictions;
    evicted.push_back(std::move(oldest.answer));
    shard.entries.erase(oldest.key);
    shard.recent.pop_back();
  }
  shard.recent.push_front({.key = key, .answer = std::move(answer), .bytes = bytes});
  shard.entries.emplace(key, shard.recent.begin());
  shard.bytes += bytes;
}

void ResponseCache::Tell(const std::vector<Follower>& followers, Landing landing) {
  const auto shared = std::make_shared<const Landing>(std::move(landing));
  for (const Follower& follower : followers) {
    follower.loop->Post(
        [call = follower.call, owner = follower.owner, shared] { owner->Land(*call, *shared); });
    follower.outstanding->fetch_sub(1, std::memory_order_release);
    follower.outstanding->notify_all();
  }
}

void ResponseCache::Withdraw(InferCall& call) {
  Shard& shard = ShardOf(call.flight_->key);
  const std::lock_guard lock(shard.mutex);
  std::vector<Follower>& followers = call.flight_->followers;
  const auto found = std::ranges::find(followers, &call, &Follower::call);
  if (found == followers.end()) return;
  found->outstanding->fetch_sub(1, std::memory_order_release);
  followers.erase(found);
}

ResponseCache::Usage ResponseCache::usage() const {
  Usage usage;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard->mutex);
    usage.bytes += shard->bytes;
    usage.entries += shard->entries.size();
    usage.evictions += shard->evictions;
  }
  return usage;
}

}  // namespace slipway::inference
