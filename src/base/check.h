#pragma once

namespace slipway::base {

// Writes "FILE:LINE: CHECK failed: CONDITION" to standard error and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace slipway::base

// Ends the process when an invariant of ours is broken. Nothing that a client, a file or an
// operator sends may reach a failing check: outside input gets a Status.
#define SLIPWAY_CHECK(condition)      \
  ((condition) ? static_cast<void>(0) \
               : ::slipway::base::CheckFailed(__FILE__, __LINE__, #condition))
