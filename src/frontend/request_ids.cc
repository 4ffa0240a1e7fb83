#include "frontend/request_ids.h"

#include <algorithm>

namespace slipway::frontend {
namespace {

constexpr std::string_view kRequestId = "x-request-id";
constexpr std::string_view kTraceParent = "traceparent";
constexpr std::string_view kTraceResponse = "traceresponse";

bool IsUsable(std::string_view id) {
  constexpr size_t kMaxBytes = 128;
  return id.size() <= kMaxBytes &&
         std::ranges::all_of(id, [](char c) { return c > ' ' && c < 0x7F; });
}

}  // namespace

RequestIds RequestIds::Of(std::string_view request_id, std::string_view traceparent,
                          base::Random& random) {
  RequestIds ids;
  if (IsUsable(request_id)) ids.request_id = request_id;
  if (traceparent.empty()) return ids;
  ids.trace = monitor::TraceContext::Parse(traceparent);
  if (ids.trace) ids.span_id = random.NextHex(16);
  return ids;
}

RequestIds RequestIds::Of(const net::HttpRequest& request, base::Random& random) {
  return Of(request.Header(kRequestId), request.Header(kTraceParent), random);
}

RequestIds RequestIds::Of(const net::GrpcRequest& request, base::Random& random) {
  std::string_view request_id;
  std::string_view traceparent;
  for (const net::HttpHeader& header : request.metadata) {
    if (header.name == kRequestId && request_id.empty()) request_id = header.value;
    if (header.name == kTraceParent && traceparent.empty()) traceparent = header.value;
  }
  return Of(request_id, traceparent, random);
}

std::string RequestIds::TraceResponse() const {
  if (!trace) return {};
  return monitor::TraceContext{trace->trace_id, span_id, trace->sampled}.ToString();
}

void RequestIds::AddTo(net::HttpResponse& response) const {
  if (!request_id.empty()) response.AddHeader(kRequestId, request_id);
  if (trace) response.AddHeader(kTraceResponse, TraceResponse());
}

void RequestIds::AddTo(net::GrpcCall& call) const {
  if (!request_id.empty()) call.AddMetadata(kRequestId, request_id);
  if (trace) call.AddMetadata(kTraceResponse, TraceResponse());
}

}  // namespace slipway::frontend
