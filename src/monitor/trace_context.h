#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace slipway::monitor {

// Who asked, across processes. A value.
// Source: W3C Trace Context, Level 2, section 3.2 ("traceparent").
struct TraceContext {
  std::string trace_id;   // 32 lower-case hexadecimal digits, not all zero
  std::string parent_id;  // 16 of them
  bool sampled = false;

  // nullopt when `traceparent` is not valid: the receiver then starts a trace of its own.
  static std::optional<TraceContext> Parse(std::string_view traceparent);
  // "00-<trace_id>-<parent_id>-<flags>"
  std::string ToString() const;
};

}  // namespace slipway::monitor
