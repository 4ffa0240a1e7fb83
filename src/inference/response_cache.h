#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/executor.h"
#include "inference/cached_answer.h"
#include "inference/infer_call.h"

namespace slipway::inference {

class CachedCalls;

// Answers of one model version, by the digest of what was asked, and the calls that run to make
// such an answer, so that equal calls at the same time run once.
//
//   Enter() -> answer                     an earlier equal call's
//           -> nothing, and a flight      the call leads: run it, then Land()
//           -> the call waits             for the flight of an equal call; its owner hears of it
//
// It belongs to one version and goes with it: nothing is ever answered from another version's or
// model's entries. An answer is kept when the run succeeded; the least recently used go when there
// is no room. Whether a model answers equal requests equally cannot be known: caching is for those
// that do.
//
// A call waits for another only if that one must be answered no later and comes no later in the
// queue: so no call waits beyond its deadline because of another's, or behind a lower priority.
// When the run fails, those that wait get its error, since an equal run would fail equally; but
// when it was stopped for the leader's own sake (its deadline, its client went away), they try
// again.
//
// Thread-safe. The table is divided into shards, each with a lock and its part of the memory.
class ResponseCache {
 public:
  struct Options {
    uint64_t max_bytes = 0;  // of answers kept, with what it takes to find them
    // Calls with more bytes of inputs are run without a look: digesting them holds up an IO thread.
    uint64_t max_request_bytes = uint64_t{1} << 20;
  };
  using Key = base::Sha256Digest;

  explicit ResponseCache(const Options& options);
  ~ResponseCache();
  ResponseCache(const ResponseCache&) = delete;
  ResponseCache& operator=(const ResponseCache&) = delete;

  // How a flight ended for those that waited for it.
  struct Landing {
    base::Status status;
    std::shared_ptr<const CachedAnswer> answer;  // when the status is OK
    bool again = false;  // it says nothing of an equal call, which is to be submitted again
  };
  // Whom to tell: `owner->Land(call, landing)` is posted to `loop`, then `outstanding` is one less.
  struct Follower {
    InferCall* call;
    CachedCalls* owner;
    base::Executor* loop;
    std::atomic<size_t>* outstanding;
  };
  // What Enter() found; neither: the call waits.
  struct Found {
    std::shared_ptr<const CachedAnswer> answer;
    bool leads = false;
  };

  // Looks for the answer to `follower.call`. When the call is to run or to wait, its flight is
  // noted in it. When it waits, `outstanding` is one more.
  Found Enter(const Key& key, const Follower& follower);
  // The run of a call that leads is over: keeps a good answer, tells those that wait. Called for
  // every call that leads, on its loop's thread, before its front end has the results.
  void Land(InferCall& leader);
  // `call`, which waits, is not to be told: its loop has ended. `outstanding` is one less unless it
  // has been told already.
  void Withdraw(InferCall& call);

  uint64_t max_request_bytes() const { return options_.max_request_bytes; }
  uint64_t max_bytes() const { return options_.max_bytes; }

  struct Usage {
    uint64_t bytes = 0;
    uint64_t entries = 0;
    uint64_t evictions = 0;
  };
  Usage usage() const;

 private:
  struct Shard;
  Shard& ShardOf(const Key& key) const;
  static std::shared_ptr<Flight> Join(Shard& shard, const Key& key, const Follower& follower);
  void Keep(Shard& shard, const Key& key, std::shared_ptr<const CachedAnswer> answer,
            std::vector<std::shared_ptr<const CachedAnswer>>& evicted) const;
  static void Tell(const std::vector<Follower>& followers, Landing landing);

  const Options options_;
  const std::vector<std::unique_ptr<Shard>> shards_;
  const uint64_t shard_bytes_;  // of max_bytes, for each shard
};

}  // namespace slipway::inference
