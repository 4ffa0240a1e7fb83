#include "lifecycle/settle_tracker.h"

#include <algorithm>
#include <set>
#include <utility>

namespace slipway::lifecycle {

bool SameVersion(const AvailableVersion& a, const AvailableVersion& b) {
  return a.version == b.version && a.files.directory == b.files.directory &&
         a.files.model_file == b.files.model_file && a.files.in_memory == b.files.in_memory &&
         a.stamps == b.stamps && a.config == b.config;
}

void SettleTracker::See(Track& track, std::optional<AvailableVersion> seen,
                        const Span& when) const {
  const bool is_new = !track.latest && !track.settled && seen;
  const bool same =
      track.latest.has_value() == seen.has_value() && (!seen || SameVersion(*track.latest, *seen));
  if (!same) track.since = when.ended;
  track.latest = std::move(seen);
  const auto written = std::chrono::nanoseconds(track.latest ? track.latest->changed_ns : 0);
  const bool old = first_ && is_new && written + settle_ <= when.today.time_since_epoch();
  if (old || when.began - track.since >= settle_) track.settled = track.latest;
}

SourceListing SettleTracker::Update(SourceListing seen, const Span& when) {
  std::set<ModelId> there;
  for (SourceModel& model : seen.models) {
    for (AvailableVersion& version : model.versions) {
      ModelId id{.name = model.name, .version = version.version};
      See(tracks_[id], std::move(version), when);
      there.insert(std::move(id));
    }
    model.versions.clear();
  }
  unsettled_ = false;
  std::map<std::string, std::vector<AvailableVersion>> believed;
  for (auto at = tracks_.begin(); at != tracks_.end();) {
    auto& [id, track] = *at;
    if (!there.contains(id)) See(track, std::nullopt, when);
    if (track.settled) believed[id.name].push_back(*track.settled);
    const bool equal = track.settled.has_value() == track.latest.has_value() &&
                       (!track.latest || SameVersion(*track.settled, *track.latest));
    if (!equal) unsettled_ = true;
    at = equal && !track.latest ? tracks_.erase(at) : std::next(at);
  }
  for (SourceModel& model : seen.models) {
    if (const auto found = believed.find(model.name); found != believed.end()) {
      model.versions = std::move(found->second);
      believed.erase(found);
    }
  }
  for (auto& [name, versions] : believed) {  // models that are gone, but not for long enough
    seen.models.push_back({.name = name, .versions = std::move(versions)});
  }
  std::ranges::sort(seen.models, {}, &SourceModel::name);
  first_ = false;
  return seen;
}

}  // namespace slipway::lifecycle
