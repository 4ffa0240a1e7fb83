#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "monitor/request_tracer.h"

namespace slipway::frontend::openinference {

// The trace extension: which requests are traced. Every value is a text, or several. Source:
// Triton, "Trace Extension". `model` is "" for what holds for all.

// A setting as a client sends it; without values it is taken back.
struct TraceWish {
  std::string name;
  std::optional<std::vector<std::string>> values;
};

// All or nothing. kInvalidArgument; kUnimplemented (TENSORS, another trace_file or trace_mode);
// what RequestTracer::Change() says.
base::Status ApplyTraceWishes(std::string_view model, std::span<const TraceWish> wishes,
                              monitor::RequestTracer& tracer);

// All settings, by name.
using TraceTexts = std::vector<std::pair<std::string_view, std::vector<std::string>>>;
TraceTexts TraceSettingTexts(std::string_view model, const monitor::RequestTracer& tracer);

std::string TraceJson(std::string_view model, const monitor::RequestTracer& tracer);
// Applies {"trace_level": ["TIMESTAMPS"], "trace_rate": "1", "trace_count": null, ...}; numbers may
// be numbers.
base::Status UpdateTraces(std::span<std::byte> body, std::string_view model,
                          monitor::RequestTracer& tracer);

}  // namespace slipway::frontend::openinference
