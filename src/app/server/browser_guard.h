#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/http_message.h"

namespace slipway::app {

// Keeps web pages that somebody looks at from using a server that their browser reaches.
//
// - A page of another site: its requests say so in Origin, and are refused; there is no CORS.
// - A page whose own host name was made to lead to this server (DNS rebinding): it shows in Host.
//   Names that a stranger can register are refused unless they are in `allowed_hosts`.
//
// Other clients send no Origin, and gRPC calls cannot come from a page. Immutable, so thread-safe.
// Source: RFC 6454 section 7 (Origin), RFC 9110 section 7.2 (Host).
class BrowserGuard {
 public:
  // Where `any_host`, Host is only looked at when there are `allowed_hosts`: names, "*.example.com"
  // for all below one, "*" for all.
  BrowserGuard(std::vector<std::string> allowed_hosts, bool any_host);

  // kPermissionDenied for a request of a page as above. One without Host, or through a Unix socket,
  // passes.
  base::Status Check(const net::HttpRequest& request) const;

  // Whether `text` can be one of `allowed_hosts`.
  static bool IsHostPattern(std::string_view text);

 private:
  bool Allowed(std::string_view host) const;

  std::vector<std::string> allowed_hosts_;  // in lower case
  bool any_host_;
};

}  // namespace slipway::app
