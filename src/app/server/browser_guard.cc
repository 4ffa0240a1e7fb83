#include "app/server/browser_guard.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::StrCat;

// Nobody can register a name below these (RFC 6761, 6762, 8375, and ICANN's reservation of
// .internal).
constexpr std::array<std::string_view, 4> kPrivate = {".localhost", ".local", ".internal",
                                                      ".home.arpa"};

bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), ToLower);
  return lower;
}

// "Example.com.:8000" without the port and the last dot; "[::1]" as it is.
std::string_view WithoutPort(std::string_view authority) {
  const size_t end = authority.starts_with('[') ? authority.find(']') : authority.find(':');
  std::string_view host = authority.substr(0, end);
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

bool IsAddress(std::string_view host) {
  in_addr address;
  return host.starts_with('[') || ::inet_pton(AF_INET, std::string(host).c_str(), &address) == 1;
}

// One that leads to this machine or its network only, whoever asks.
bool IsPrivate(std::string_view host) {
  return host.find('.') == std::string_view::npos ||
         std::ranges::any_of(kPrivate,
                             [host](std::string_view end) { return host.ends_with(end); });
}

// Whether `origin`, such as "http://example.com:8000", is a page of `host`; "null" is of nobody.
bool IsOf(std::string_view host, std::string_view origin) {
  const size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && !host.empty() &&
         base::EqualsIgnoreCase(origin.substr(scheme + 3), host);
}

}  // namespace

BrowserGuard::BrowserGuard(std::vector<std::string> allowed_hosts, bool any_host)
    : allowed_hosts_(std::move(allowed_hosts)), any_host_(any_host && allowed_hosts_.empty()) {
  for (std::string& host : allowed_hosts_) host = LowerCase(host);
}

base::Status BrowserGuard::Check(const net::HttpRequest& request) const {
  if (request.peer == "unix") return base::OkStatus();  // no browser comes that way
  std::string_view host;
  const net::HttpHeader* origin = nullptr;
  for (const net::HttpHeader& header : request.headers) {
    if (header.name.size() == 4 && base::EqualsIgnoreCase(header.name, "host")) {
      host = header.value;
    } else if (header.name.size() == 6 && base::EqualsIgnoreCase(header.name, "origin")) {
      origin = &header;
    }
  }
  if (origin != nullptr && !IsOf(host, origin->value)) {
    return base::PermissionDenied(StrCat("the header Origin says that a web page of '",
                                         base::Printable(origin->value),
                                         "' asks: expected one of '", base::Printable(host),
                                         "', or a client that is no page and sends none"));
  }
  if (any_host_ || host.empty() || Allowed(WithoutPort(host))) return base::OkStatus();
  return base::PermissionDenied(StrCat("the request is for the host '", base::Printable(host),
                                       "'; if that is this server, name it in allowed_hosts"));
}

bool BrowserGuard::Allowed(std::string_view host) const {
  if (IsAddress(host)) return true;
  const std::string name = LowerCase(host);
  return IsPrivate(name) || std::ranges::any_of(allowed_hosts_, [&name](std::string_view pattern) {
           return pattern == "*" || pattern == name ||
                  (pattern.starts_with("*.") && name.ends_with(pattern.substr(1)));
         });
}

bool BrowserGuard::IsHostPattern(std::string_view text) {
  if (text == "*") return true;
  if (text.starts_with("*.")) text.remove_prefix(2);
  return !text.empty() && std::ranges::all_of(text, IsNameChar);
}

}  // namespace slipway::app
