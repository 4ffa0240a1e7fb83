#include "lifecycle/repository_watcher.h"

#include <algorithm>
#include <utility>

#include "base/executor.h"

namespace slipway::lifecycle {

using base::Result;
using base::Status;

RepositoryWatcher::RepositoryWatcher(const Source& source, base::Clock& clock, base::Logger& log,
                                     Options options, OnListing on_listing)
    : source_(source),
      clock_(clock),
      log_(log),
      options_(options),
      on_listing_(std::move(on_listing)),
      tracker_(options.settle),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void RepositoryWatcher::Run(const std::stop_token& stop) {
  base::SetThreadName("watch");
  if (options_.use_inotify) {
    Result<InotifyTree> inotify = InotifyTree::Create();
    if (inotify.ok()) {
      inotify_.emplace(*std::move(inotify));
    } else {
      GiveUpInotify(inotify.status());
    }
  }
  do {
    if (ShouldList()) ListAndReport();
  } while (clock_.SleepFor(options_.tick, stop));
}

bool RepositoryWatcher::ShouldList() {
  const bool changed = inotify_ && inotify_->TakeChanged();
  if (look_again_.exchange(false) || changed || !listed_at_ || tracker_.unsettled()) return true;
  const auto period = inotify_ ? options_.poll_beside_inotify : options_.poll;
  return clock_.SteadyNow() - *listed_at_ >= period;
}

void RepositoryWatcher::ListAndReport() {
  SettleTracker::Span when{.began = clock_.SteadyNow(), .ended = {}, .today = clock_.SystemNow()};
  listed_at_ = when.began;
  Result<SourceListing> seen = source_.List();
  when.ended = clock_.SteadyNow();
  if (!seen.ok()) {
    if (!std::exchange(failing_, true)) {
      log_.Warn("models cannot be listed; what is loaded stays",
                {{"reason", seen.status().message()}});
    }
    return;
  }
  if (std::exchange(failing_, false)) log_.Info("models can be listed again");
  WatchDirectories(*seen);
  SourceListing settled = tracker_.Update(*std::move(seen), when);
  if (!first_listed_at_) first_listed_at_ = when.began;
  settled.settled = (reported_ && reported_->settled) || !tracker_.unsettled() ||
                    when.began - *first_listed_at_ >= 10 * options_.settle;
  if (reported_ && SameListing(*reported_, settled)) return;
  reported_ = settled;
  on_listing_(std::move(settled));
}

void RepositoryWatcher::WatchDirectories(const SourceListing& listing) {
  if (!inotify_) return;
  if (const Status status = inotify_->Watch(listing.directories); !status.ok()) {
    GiveUpInotify(status);
  }
}

void RepositoryWatcher::GiveUpInotify(const Status& status) {
  inotify_.reset();
  log_.Warn("models are watched by polling", {{"reason", status.message()}});
}

bool RepositoryWatcher::SameListing(const SourceListing& a, const SourceListing& b) {
  return a.settled == b.settled && a.notes == b.notes &&
         std::ranges::equal(a.models, b.models, [](const SourceModel& x, const SourceModel& y) {
           return x.name == y.name && x.notes == y.notes &&
                  std::ranges::equal(x.versions, y.versions, SameVersion);
         });
}

}  // namespace slipway::lifecycle
