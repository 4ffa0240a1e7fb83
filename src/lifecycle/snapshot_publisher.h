#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "lifecycle/model.h"

namespace slipway::lifecycle {

// Hands the newest snapshot from the manager to the request threads.
//
// Thread-safe. Readers must be destroyed before the publisher.
class SnapshotPublisher {
 public:
  // One request thread's view. Get() costs one atomic load unless a new snapshot was published.
  //
  // Thread-compatible: one thread calls Get(). The reference it returns, and every model in it,
  // stays valid until that thread's next call of Get() or Refresh().
  class Reader {
   public:
    // `wake` is called on the publishing thread after each Publish(); it should make the reader's
    // thread call Refresh() soon, so that an idle thread does not keep an old version alive. It
    // must be quick, and must not make or destroy a Reader or publish.
    Reader(SnapshotPublisher& publisher, std::function<void()> wake);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    const Snapshot& Get() {
      if (publisher_.generation_.load(std::memory_order_acquire) != generation_) Fetch();
      return *snapshot_;
    }
    void Refresh() { Get(); }

   private:
    friend class SnapshotPublisher;
    void Fetch();

    SnapshotPublisher& publisher_;
    const std::function<void()> wake_;
    uint64_t generation_ = 0;
    std::shared_ptr<const Snapshot> snapshot_;
  };

  SnapshotPublisher();
  // Not null. Calls must come one after the other: the last call's snapshot is the current one.
  void Publish(std::shared_ptr<const Snapshot> snapshot);
  std::shared_ptr<const Snapshot> Current() const;

 private:
  std::atomic<uint64_t> generation_ = 1;
  mutable std::mutex mutex_;  // guards snapshot_, and changes of generation_
  std::shared_ptr<const Snapshot> snapshot_;
  std::mutex
      readers_mutex_;  // guards readers_; held while they are woken, so that none goes meanwhile
  std::vector<Reader*> readers_;
};

}  // namespace slipway::lifecycle
