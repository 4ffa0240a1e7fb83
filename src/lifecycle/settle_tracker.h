#pragma once

#include <chrono>
#include <map>
#include <optional>

#include "base/clock.h"
#include "lifecycle/model.h"
#include "lifecycle/source.h"

namespace slipway::lifecycle {

// Turns what a source shows into what may be believed: a version counts once its files have stayed
// the same for the settle time, so that a half-copied file is never loaded. The same holds for what
// disappears, so that `mv 1 old && mv new 1` is one change and no gap. Until a change has settled,
// the version is reported as it was before.
//
// In the first listing, a version whose files were all written longer ago than the settle time
// counts at once. Pure: time comes in, nothing else does. Thread-compatible.
class SettleTracker {
 public:
  explicit SettleTracker(std::chrono::nanoseconds settle) : settle_(settle) {}

  // When a listing was made: it shows each file as it was at some moment in between.
  struct Span {
    base::SteadyTime began;
    base::SteadyTime ended;
    base::SystemTime today;  // `began` by the calendar
  };

  // What of `seen` may be believed.
  SourceListing Update(SourceListing seen, const Span& when);
  // Is there a change that has not settled, so that time alone will change what Update() returns?
  bool unsettled() const { return unsettled_; }

 private:
  struct Track {
    std::optional<AvailableVersion> settled;  // what is reported
    std::optional<AvailableVersion> latest;   // what was seen last; nullopt: not there
    base::SteadyTime since;                   // since when it has been so
  };

  void See(Track& track, std::optional<AvailableVersion> seen, const Span& when) const;

  const std::chrono::nanoseconds settle_;
  std::map<ModelId, Track> tracks_;
  bool first_ = true;
  bool unsettled_ = false;
};

// Do both describe the same bytes, loaded in the same way?
bool SameVersion(const AvailableVersion& a, const AvailableVersion& b);

}  // namespace slipway::lifecycle
