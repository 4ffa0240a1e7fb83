#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "net/client_socket.h"
#include "net/tls_client.h"

namespace slipway::net {

// A blocking HTTP/1.1 client for one server: for the command line and tests.
//
//   SLIPWAY_ASSIGN_OR_RETURN(HttpClient client, HttpClient::Create("http://127.0.0.1:8000",
//   clock)); SLIPWAY_ASSIGN_OR_RETURN(const auto answer, client.Send({.target =
//   "/v2/health/ready"}));
//
// Keeps the connection from one request to the next, and notices when the server has closed it
// meanwhile. Sends a request once: what to repeat is for the caller to say. Thread-compatible.
class HttpClient {
 public:
  struct Options {
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds timeout{60'000};  // for a request and its whole answer
    size_t max_response_bytes = size_t{256} << 20;
    const TlsClientContext* tls = nullptr;  // for https, which is refused without; outlives us
  };
  struct Request {
    std::string_view method = "GET";
    std::string_view target = "/";
    std::vector<std::pair<std::string_view, std::string_view>> headers = {};
    std::string_view body = {};
  };
  struct Response {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
    std::string body;
    // The value of the first header of that (lower-case) name; empty when there is none.
    std::string_view Header(std::string_view name) const;
  };

  // "http://host:port", "https://[::1]:8000" or "unix:/path"; nothing may follow. Does not connect
  // yet. kInvalidArgument; kUnavailable when the host has no address.
  static base::Result<HttpClient> Create(std::string_view url, const base::Clock& clock,
                                         const Options& options);
  static base::Result<HttpClient> Create(std::string_view url, const base::Clock& clock) {
    return Create(url, clock, Options());
  }

  // Any status the server answers with is a Response. kUnavailable (no connection, or it was lost),
  // kDeadlineExceeded, kUnauthenticated (the server's certificate, or ours, is not good enough),
  // kResourceExhausted (max_response_bytes), kDataLoss (not HTTP),
  // kInvalidArgument (a header or target that cannot be sent).
  base::Result<Response> Send(const Request& request);

 private:
  HttpClient(std::string url, ServerName name, const base::Clock& clock, const Options& options)
      : url_(std::move(url)),
        name_(std::move(name)),
        clock_(&clock),
        options_(options),
        socket_(clock) {}

  base::Result<Response> Exchange(const Request& request);
  base::Status ReadHead(Response& response);
  base::Status ReadBody(const Request& request, Response& response);
  base::Status ReadChunked(Response& response);
  base::Status ReadLength(size_t length, Response& response);
  base::Status ReadUntilClose(Response& response);

  std::string url_;
  ServerName name_;
  const base::Clock* clock_;
  Options options_;
  ClientSocket socket_;
  std::string received_;
};

}  // namespace slipway::net
