#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "lifecycle/model.h"
#include "net/exchange.h"

namespace slipway::frontend {

// Without parameters: KServe's client reads the error text only if the type is exactly this.
inline constexpr std::string_view kJsonType = "application/json";

// The HTTP status of a code. Source: Triton, http_server.cc, and 401, 403, 429, 504 for
// codes that it does not send.
int HttpStatusOf(base::StatusCode code);

// Makes `response` the error {"error": message}. Headers that were added before stay.
// The same for `status`; says Retry-After when it may pass by itself (429, 503).
void SetError(const base::Status& status, net::HttpResponse& response);
void SetError(int http_status, std::string_view message, net::HttpResponse& response);

// Sends response() as it is with this JSON text as its body.
void SendJson(std::string_view json, net::Exchange& exchange);
void SendError(const base::Status& status, net::Exchange& exchange);

// Says which model answers: header slipway-model-digest.
void AddModelHeader(const lifecycle::LoadedModel& model, net::HttpResponse& response);

// The value of `name` in a query ("a=1&b=2"), still percent-encoded; "" when it is not there. A
// name without a value has the value "1".
std::string_view QueryValue(std::string_view query, std::string_view name);
bool QueryFlag(std::string_view query, std::string_view name);  // 1 or true

}  // namespace slipway::frontend
