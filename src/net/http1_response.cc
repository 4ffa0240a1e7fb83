#include "net/http1_response.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ctime>

#include "base/text.h"

namespace slipway::net {
namespace {

struct StatusName {
  int status;
  std::string_view name;
};
// IANA HTTP Status Code Registry; what servers like ours send.
constexpr StatusName kStatusNames[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

void AppendNumber(std::string& out, uint64_t number) {
  char digits[20];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), number);
  out.append(digits, end);
}

void AppendField(std::string& out, std::string_view name, std::string_view value) {
  out.append(name);
  out.append(": ");
  const size_t at = out.size();
  out.append(value);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(at), out.end(), is_control, ' ');
  out.append("\r\n");
}

}  // namespace

std::string_view ReasonPhrase(int status) {
  const auto* const found = std::ranges::lower_bound(kStatusNames, status, {}, &StatusName::status);
  return found != std::end(kStatusNames) && found->status == status ? found->name : "Unknown";
}

std::string_view DateCache::At(base::SteadyTime now) {
  if (now < valid_until_) return text_;
  const auto system = clock_.SystemNow();
  const auto second = std::chrono::floor<std::chrono::seconds>(system);
  valid_until_ = now + std::chrono::duration_cast<base::SteadyTime::duration>(
                           second + std::chrono::seconds(1) - system);
  const std::time_t time = std::chrono::system_clock::to_time_t(second);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  // Not strftime's %a and %b: those follow the locale.
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  char rest[40];
  text_ = kDays[static_cast<size_t>(parts.tm_wday)];
  text_.append(rest, std::strftime(rest, sizeof(rest), ", %d ", &parts));
  text_.append(kMonths[static_cast<size_t>(parts.tm_mon)]);
  text_.append(rest, std::strftime(rest, sizeof(rest), " %Y %H:%M:%S GMT", &parts));
  return text_;
}

void AppendResponseHead(const HttpResponse& response, const ResponseFrame& frame,
                        std::string& out) {
  if (response.status == 200) {
    out.append("HTTP/1.1 200 OK\r\n");
  } else {
    out.append("HTTP/1.1 ");
    AppendNumber(out, static_cast<uint64_t>(std::clamp(response.status, 100, 999)));
    out.push_back(' ');
    out.append(ReasonPhrase(response.status));
    out.append("\r\n");
  }
  if (!response.content_type.empty()) AppendField(out, "content-type", response.content_type);
  for (const HttpResponse::Header& header : response.headers) {
    AppendField(out, header.name, header.value);
  }
  if (frame.varies_by_coding) out.append("vary: accept-encoding\r\n");
  if (!frame.coding.empty()) AppendField(out, "content-encoding", frame.coding);
  if (frame.connection == ResponseFrame::Connection::kClose) {
    out.append("connection: close\r\n");
  } else if (frame.connection == ResponseFrame::Connection::kKeepAlive) {
    out.append("connection: keep-alive\r\n");
  }
  out.append("date: ");
  out.append(frame.date);
  if (frame.body == ResponseFrame::Body::kLength) {
    out.append("\r\ncontent-length: ");
    AppendNumber(out, frame.length);
  } else if (frame.body == ResponseFrame::Body::kChunked) {
    out.append("\r\ntransfer-encoding: chunked");
  }
  out.append("\r\n\r\n");
}

void SetError(HttpResponse& response, int status, std::string_view message) {
  response.Clear();
  response.status = status;
  response.content_type = "application/json";
  response.body = "{\"error\": ";
  base::AppendJsonString(response.body, message);
  response.body.push_back('}');
}

}  // namespace slipway::net
