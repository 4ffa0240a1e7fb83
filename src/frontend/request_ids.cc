#include "frontend/request_ids.h"

#include <algorithm>

namespace slipway::frontend {
namespace {

bool IsUsable(std::string_view id) {
  constexpr size_t kMaxBytes = 128;
  return id.size() <= kMaxBytes &&
         std::ranges::all_of(id, [](char c) { return c > ' ' && c < 0x7F; });
}

}  // namespace

RequestIds RequestIds::Of(const net::HttpRequest& request, base::Random& random) {
  RequestIds ids;
  const std::string_view id = request.Header("x-request-id");
  if (IsUsable(id)) ids.request_id = id;
  const std::string_view parent = request.Header("traceparent");
  if (parent.empty()) return ids;
  ids.trace = monitor::TraceContext::Parse(parent);
  if (ids.trace) ids.span_id = random.NextHex(16);
  return ids;
}

void RequestIds::AddTo(net::HttpResponse& response) const {
  if (!request_id.empty()) response.AddHeader("x-request-id", request_id);
  if (trace) {
    const monitor::TraceContext ours{trace->trace_id, span_id, trace->sampled};
    response.AddHeader("traceresponse", ours.ToString());
  }
}

}  // namespace slipway::frontend
