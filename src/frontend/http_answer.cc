#include "frontend/http_answer.h"

#include "base/text.h"

namespace slipway::frontend {

using base::StatusCode;

int HttpStatusOf(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return 200;
    case StatusCode::kCancelled:
    case StatusCode::kUnknown:
    case StatusCode::kInvalidArgument:
    case StatusCode::kAlreadyExists:
    case StatusCode::kFailedPrecondition:
    case StatusCode::kOutOfRange:
      return 400;
    case StatusCode::kUnauthenticated:
      return 401;
    case StatusCode::kPermissionDenied:
      return 403;
    case StatusCode::kNotFound:
      return 404;
    case StatusCode::kResourceExhausted:
      return 429;
    case StatusCode::kAborted:
    case StatusCode::kInternal:
    case StatusCode::kDataLoss:
      return 500;
    case StatusCode::kUnimplemented:
      return 501;
    case StatusCode::kUnavailable:
      return 503;
    case StatusCode::kDeadlineExceeded:
      return 504;
  }
  return 500;
}

void SetError(int http_status, std::string_view message, net::HttpResponse& response) {
  response.status = http_status;
  response.content_type = kJsonType;
  response.compressible = false;
  response.tail.clear();
  response.body = "{\"error\":";
  base::AppendJsonString(response.body, message);
  response.body.push_back('}');
}

void SetError(const base::Status& status, net::HttpResponse& response) {
  SetError(HttpStatusOf(status.code()), status.message(), response);
  const bool may_pass =
      status.code() == StatusCode::kResourceExhausted || status.code() == StatusCode::kUnavailable;
  if (may_pass) response.AddHeader("retry-after", "1");
}

void SendJson(std::string_view json, net::Exchange& exchange) {
  exchange.response().content_type = kJsonType;
  exchange.response().body = json;
  exchange.Send();
}

void SendError(const base::Status& status, net::Exchange& exchange) {
  SetError(status, exchange.response());
  exchange.Send();
}

void AddModelHeader(const lifecycle::LoadedModel& model, net::HttpResponse& response) {
  response.AddHeader("slipway-model-digest", model.digest());
}

std::string_view QueryValue(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const size_t equals = pair.find('=');
    if (pair.substr(0, equals) == name) {
      return equals == std::string_view::npos ? "1" : pair.substr(equals + 1);
    }
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
  return {};
}

bool QueryFlag(std::string_view query, std::string_view name) {
  const std::string_view value = QueryValue(query, name);
  return value == "1" || value == "true";
}

}  // namespace slipway::frontend
