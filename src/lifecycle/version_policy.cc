#include "lifecycle/version_policy.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <string>

#include "base/str_cat.h"
#include "base/text.h"
#include "lifecycle/model_name.h"

namespace slipway::lifecycle {

using base::InvalidArgument;
using base::Result;
using base::StrCat;

namespace {

base::Status Unreadable(std::string_view text, std::string_view why) {
  return InvalidArgument(StrCat("version policy '", base::Printable(text),
                                "': expected 'latest:N', 'all' or 'specific:N,M,...'; ", why));
}

bool Contains(std::span<const int64_t> sorted, int64_t version) {
  return std::ranges::binary_search(sorted, version);
}

Result<VersionPolicy> ParseLatest(std::string_view text, std::string_view count_text) {
  VersionPolicy policy;
  const char* const end = count_text.data() + count_text.size();
  const auto [stopped, error] = std::from_chars(count_text.data(), end, policy.count);
  if (error != std::errc() || stopped != end || policy.count == 0) {
    return Unreadable(text, "N is a number of versions, at least 1");
  }
  return policy;
}

Result<VersionPolicy> ParseSpecific(std::string_view text, std::string_view list) {
  VersionPolicy policy{.kind = VersionPolicy::Kind::kSpecific, .count = 0};
  while (true) {
    const size_t comma = list.find(',');
    const Result<int64_t> version = ParseVersionName(base::TrimWhitespace(list.substr(0, comma)));
    if (!version.ok()) return Unreadable(text, version.status().message());
    policy.versions.push_back(*version);
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  std::ranges::sort(policy.versions);
  const auto repeated = std::ranges::unique(policy.versions);
  policy.versions.erase(repeated.begin(), repeated.end());
  return policy;
}

}  // namespace

Result<VersionPolicy> VersionPolicy::Parse(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const bool has_rest = colon != std::string_view::npos;
  const std::string_view rest = has_rest ? text.substr(colon + 1) : std::string_view();
  if (kind == "all" && !has_rest) return VersionPolicy{.kind = Kind::kAll, .count = 0};
  if (kind == "latest") return has_rest ? ParseLatest(text, rest) : VersionPolicy();
  if (kind == "specific" && has_rest) return ParseSpecific(text, rest);
  return Unreadable(text, "got neither");
}

std::ostream& operator<<(std::ostream& out, const VersionPolicy& policy) {
  switch (policy.kind) {
    case VersionPolicy::Kind::kLatest:
      return out << "latest:" << policy.count;
    case VersionPolicy::Kind::kAll:
      return out << "all";
    case VersionPolicy::Kind::kSpecific:
      break;
  }
  out << "specific:";
  for (size_t i = 0; i < policy.versions.size(); ++i) {
    out << (i == 0 ? "" : ",") << policy.versions[i];
  }
  return out;
}

std::vector<int64_t> DesiredVersions(const VersionPolicy& policy,
                                     std::span<const int64_t> available) {
  std::vector<int64_t> desired;
  switch (policy.kind) {
    case VersionPolicy::Kind::kLatest: {
      const auto newest = available.last(std::min(policy.count, available.size()));
      desired.assign(newest.begin(), newest.end());
      break;
    }
    case VersionPolicy::Kind::kAll:
      desired.assign(available.begin(), available.end());
      break;
    case VersionPolicy::Kind::kSpecific:
      std::ranges::set_intersection(policy.versions, available, std::back_inserter(desired));
      break;
  }
  return desired;
}

std::vector<int64_t> VersionsToDrain(std::span<const int64_t> available,
                                     std::span<const int64_t> desired,
                                     std::span<const int64_t> ready) {
  const auto serving =
      std::ranges::count_if(desired, [ready](int64_t version) { return Contains(ready, version); });
  auto missing = static_cast<int64_t>(desired.size()) - serving;
  std::vector<int64_t> drain;
  for (auto version = ready.rbegin(); version != ready.rend(); ++version) {
    if (Contains(desired, *version)) continue;
    if (missing > 0 && (serving == 0 || Contains(available, *version))) {
      --missing;
    } else {
      drain.push_back(*version);
    }
  }
  std::ranges::reverse(drain);
  return drain;
}

}  // namespace slipway::lifecycle
