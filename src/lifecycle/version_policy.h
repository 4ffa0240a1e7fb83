#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace slipway::lifecycle {

// Which of a model's available versions are to be served. A value.
//
// Text form: "latest" and "latest:2" (the highest numbers), "all", "specific:1,3".
struct VersionPolicy {
  enum class Kind : uint8_t { kLatest, kAll, kSpecific };

  Kind kind = Kind::kLatest;
  size_t count = 1;                    // of kLatest; at least 1
  std::vector<int64_t> versions = {};  // of kSpecific; ascending, distinct

  // kInvalidArgument says what is expected.
  static base::Result<VersionPolicy> Parse(std::string_view text);
  friend bool operator==(const VersionPolicy&, const VersionPolicy&) = default;
};

// The text form: "latest:1", "all", "specific:1,3".
std::ostream& operator<<(std::ostream& out, const VersionPolicy& policy);

// The versions to serve, ascending. `available` is ascending and distinct.
std::vector<int64_t> DesiredVersions(const VersionPolicy& policy,
                                     std::span<const int64_t> available);

// The versions to drain once every load has ended, ascending, so that no swap leaves fewer versions
// than asked for: each desired version that is not ready is stood in for by the newest ready
// version that is not desired. A version that is no longer available stands in only if nothing else
// is ready. When nothing is desired, everything is drained. All lists are ascending and distinct.
std::vector<int64_t> VersionsToDrain(std::span<const int64_t> available,
                                     std::span<const int64_t> desired,
                                     std::span<const int64_t> ready);

}  // namespace slipway::lifecycle
