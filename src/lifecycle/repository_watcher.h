#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "lifecycle/inotify_tree.h"
#include "lifecycle/settle_tracker.h"
#include "lifecycle/source.h"

namespace slipway::lifecycle {

// Watches a source and reports what it has: at the start, then whenever a change has settled.
// Reports say settled = false until the first time that nothing is in motion, or for 10 settle
// times.
//
// inotify says when to look; without it (no instances or watches left) and for what it does not see
// (network file systems, files deeper than a version directory) the source is listed periodically.
// A listing that fails is logged once and reported as nothing: what was loaded stays.
//
// Thread-safe. One thread, started here, stopped and joined by the destructor; `on_listing` runs on
// it and must not destroy the watcher. All references must outlive the watcher.
class RepositoryWatcher {
 public:
  struct Options {
    std::chrono::nanoseconds settle = std::chrono::seconds(1);
    std::chrono::nanoseconds tick = std::chrono::milliseconds(200);  // between looks at inotify
    std::chrono::nanoseconds poll = std::chrono::seconds(1);         // without inotify
    std::chrono::nanoseconds poll_beside_inotify = std::chrono::seconds(10);
    bool use_inotify = true;
  };
  using OnListing = std::function<void(SourceListing)>;

  RepositoryWatcher(const Source& source, base::Clock& clock, base::Logger& log, Options options,
                    OnListing on_listing);

  // Lists at the next tick, although no file has changed.
  void LookAgain() { look_again_ = true; }

 private:
  void Run(const std::stop_token& stop);
  bool ShouldList();
  void ListAndReport();
  void WatchDirectories(const SourceListing& listing);
  void GiveUpInotify(const base::Status& status);
  static bool SameListing(const SourceListing& a, const SourceListing& b);

  const Source& source_;
  base::Clock& clock_;
  base::Logger& log_;
  const Options options_;
  const OnListing on_listing_;
  SettleTracker tracker_;
  std::optional<InotifyTree> inotify_;  // none: polling
  std::optional<base::SteadyTime> listed_at_;
  std::optional<base::SteadyTime> first_listed_at_;
  std::optional<SourceListing> reported_;
  bool failing_ = false;
  std::atomic<bool> look_again_ = false;
  std::jthread thread_;  // last: it uses everything above
};

}  // namespace slipway::lifecycle
