#include "lifecycle/snapshot_publisher.h"

#include <utility>

#include "base/check.h"

namespace slipway::lifecycle {

SnapshotPublisher::SnapshotPublisher()
    : snapshot_(std::make_shared<const Snapshot>(std::vector<Snapshot::Model>())) {}

void SnapshotPublisher::Publish(std::shared_ptr<const Snapshot> snapshot) {
  SLIPWAY_CHECK(snapshot != nullptr);
  {
    const std::lock_guard lock(mutex_);
    snapshot_.swap(snapshot);
    generation_.fetch_add(1, std::memory_order_release);
  }
  snapshot.reset();  // the old one, outside the lock: it may be the last to hold a model
  const std::lock_guard lock(readers_mutex_);
  for (const Reader* reader : readers_) {
    if (reader->wake_) reader->wake_();
  }
}

std::shared_ptr<const Snapshot> SnapshotPublisher::Current() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

SnapshotPublisher::Reader::Reader(SnapshotPublisher& publisher, std::function<void()> wake)
    : publisher_(publisher), wake_(std::move(wake)) {
  const std::lock_guard lock(publisher_.readers_mutex_);
  publisher_.readers_.push_back(this);
}

SnapshotPublisher::Reader::~Reader() {
  const std::lock_guard lock(publisher_.readers_mutex_);
  std::erase(publisher_.readers_, this);
}

void SnapshotPublisher::Reader::Fetch() {
  std::shared_ptr<const Snapshot> newest;
  {
    const std::lock_guard lock(publisher_.mutex_);
    newest = publisher_.snapshot_;
    generation_ = publisher_.generation_.load(std::memory_order_relaxed);
  }
  snapshot_ = std::move(newest);
}

}  // namespace slipway::lifecycle
