#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "monitor/trace_context.h"
#include "net/grpc_call.h"
#include "net/http_message.h"

namespace slipway::frontend {

// Who asked, for logs and for the answer's headers. A value, reused from request to request.
//
// x-request-id comes back as it came (at most 128 visible ASCII characters, else it is ignored). A
// valid W3C traceparent is continued: the answer's traceresponse names its trace and our span.
struct RequestIds {
  std::string_view request_id;  // views the request; "" when there is none
  std::optional<monitor::TraceContext> trace;
  std::string span_id;  // ours in `trace`; "" when there is none

  static RequestIds Of(const net::HttpRequest& request, base::Random& random);
  static RequestIds Of(const net::GrpcRequest& request, base::Random& random);
  void AddTo(net::HttpResponse& response) const;
  void AddTo(net::GrpcCall& call) const;

 private:
  static RequestIds Of(std::string_view request_id, std::string_view traceparent,
                       base::Random& random);
  std::string TraceResponse() const;
};

}  // namespace slipway::frontend
