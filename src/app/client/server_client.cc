#include "app/client/server_client.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::Printable;
using base::Result;
using base::Status;
using base::StatusCode;
using base::StrCat;
using net::HttpClient;
using nlohmann::json;

constexpr size_t kMaxErrorBytes = 2000;

StatusCode CodeOf(int http_status) {
  switch (http_status) {
    case 400:
    case 413:
    case 415:
      return StatusCode::kInvalidArgument;
    case 401:
      return StatusCode::kUnauthenticated;
    case 403:
      return StatusCode::kPermissionDenied;
    case 404:
    case 405:
      return StatusCode::kNotFound;
    case 429:
      return StatusCode::kResourceExhausted;
    case 501:
      return StatusCode::kUnimplemented;
    case 503:
      return StatusCode::kUnavailable;
    case 504:
      return StatusCode::kDeadlineExceeded;
    default:
      return StatusCode::kInternal;
  }
}

// The text of {"error": "..."}, or the beginning of a body that is something else.
std::string ErrorText(const HttpClient::Response& response) {
  const json body = json::parse(response.body, nullptr, false);
  const std::string error = JsonText(body, "error");
  if (!error.empty()) return Printable(error, kMaxErrorBytes);
  return response.body.empty() ? "no reason given" : Printable(response.body, 200);
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size();
    const int high = escape ? HexDigit(text[i + 1]) : -1;
    const int low = escape ? HexDigit(text[i + 2]) : -1;
    if (high >= 0 && low >= 0) {
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// Takes `prefix` and the segment behind it off the front of `path`.
std::optional<std::string> TakeSegment(std::string_view prefix, std::string_view& path) {
  if (!path.starts_with(prefix)) return std::nullopt;
  const std::string_view rest = path.substr(prefix.size());
  const std::string_view segment = rest.substr(0, rest.find('/'));
  if (segment.empty()) return std::nullopt;
  path = rest.substr(segment.size());
  return PercentDecode(segment);
}

}  // namespace

void AddTlsOptions(CLI::App& app, TlsOptions& options) {
  app.add_option("--cacert", options.ca_file,
                 "For https: whose certificates to trust (PEM); default: the system's authorities")
      ->type_name("FILE");
  app.add_flag("--insecure", options.insecure, "For https: trust any certificate");
  app.add_option("--cert", options.certificate_file, "For https: our certificate (PEM)")
      ->type_name("FILE");
  app.add_option("--key", options.key_file, "For https: its private key (PEM)")->type_name("FILE");
}

Result<SharedTls> MakeTls(std::string_view server, const TlsOptions& options,
                          const base::FileSystem& fs) {
  if (server.starts_with("https://")) {
    SLIPWAY_ASSIGN_OR_RETURN(std::unique_ptr<net::TlsClientContext> tls,
                             net::TlsClientContext::Create(options, fs));
    return SharedTls(std::move(tls));
  }
  const bool asked = options.insecure || !options.ca_file.empty() ||
                     !options.certificate_file.empty() || !options.key_file.empty();
  if (!asked) return SharedTls();
  return InvalidArgument(
      StrCat("--cacert, --insecure, --cert and --key are for https://, but the "
             "server is ",
             Printable(server)));
}

Result<ServerClient> ServerClient::Create(std::string_view server, const base::Clock& clock,
                                          std::chrono::milliseconds timeout, SharedTls tls) {
  HttpClient::Options options;
  options.tls = tls.get();
  options.timeout = timeout;
  options.max_response_bytes = size_t{2} << 30;
  SLIPWAY_ASSIGN_OR_RETURN(HttpClient http, HttpClient::Create(server, clock, options));
  return ServerClient(std::string(server), std::move(tls), std::move(http));
}

Result<HttpClient::Response> ServerClient::SendAny(const HttpClient::Request& request) {
  Result<HttpClient::Response> response = http_.Send(request);
  if (response.status().code() == StatusCode::kUnavailable) {
    return base::Unavailable(
        StrCat(response.status().message(),
               "; is a server running there? 'slipway serve MODEL' starts one"));
  }
  return response;
}

Result<HttpClient::Response> ServerClient::Send(const HttpClient::Request& request) {
  SLIPWAY_ASSIGN_OR_RETURN(HttpClient::Response response, SendAny(request));
  if (response.status == 200) return response;
  return Status(CodeOf(response.status), StrCat("server ", server_, " answered ", response.status,
                                                ": ", ErrorText(response)));
}

Result<json> ServerClient::SendForJson(const HttpClient::Request& request) {
  SLIPWAY_ASSIGN_OR_RETURN(const HttpClient::Response response, Send(request));
  json body = json::parse(response.body, nullptr, false);
  if (body.is_discarded()) {
    return base::DataLoss(StrCat("server ", server_, ", ", request.target, ": expected JSON, got '",
                                 Printable(response.body, 60), "'"));
  }
  return body;
}

Result<json> ServerClient::Get(std::string_view target) { return SendForJson({.target = target}); }

Result<json> ServerClient::Post(std::string_view target, std::string_view body) {
  return SendForJson({.method = "POST",
                      .target = target,
                      .headers = {{"content-type", "application/json"}},
                      .body = body});
}

bool LooksLikeUrl(std::string_view text) {
  return text.starts_with("http://") || text.starts_with("https://") || text.starts_with("unix:");
}

Result<ServerUrl> ParseServerUrl(std::string_view url) {
  if (url.starts_with("unix:")) return ServerUrl{.server = std::string(url)};
  const auto bad = [&] {
    return InvalidArgument(
        StrCat("'", Printable(url),
               "': expected http://HOST:PORT or "
               "http://HOST:PORT/v2/models/NAME[/versions/VERSION], or https://"));
  };
  const bool https = url.starts_with("https://");
  if (!https && !url.starts_with("http://")) return bad();
  const size_t end = url.find('/', https ? 8 : 7);
  ServerUrl parsed{.server = std::string(url.substr(0, end))};
  std::string_view path = end == std::string_view::npos ? "" : url.substr(end);
  if (path == "/" || path.empty()) return parsed;
  const auto model = TakeSegment("/v2/models/", path);
  if (!model) return bad();
  parsed.model = *model;
  if (const auto version = TakeSegment("/versions/", path)) parsed.version = *version;
  if (!path.empty() && path != "/" && path != "/infer") return bad();
  return parsed;
}

std::string JsonText(const json& object, const char* key) {
  const auto at = object.is_object() ? object.find(key) : object.end();
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kPlain = "-_.~";
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alphanumeric || kPlain.find(c) != std::string_view::npos) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  return out;
}

}  // namespace slipway::app
