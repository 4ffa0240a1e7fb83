#include "app/bench/rest_requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::Result;
using base::StrCat;
using nlohmann::json;

constexpr uint64_t kMaxInputBytes = uint64_t{1} << 30;

std::string_view NameOf(std::string_view line) { return line.substr(0, line.find(':')); }
std::string_view ValueOf(std::string_view line) {
  return base::TrimWhitespace(line.substr(line.find(':') + 1));
}

std::vector<net::Http2ClientSession::Field> Http2Fields(const net::ServerName& to,
                                                        const std::string& method,
                                                        const std::string& target,
                                                        const std::vector<std::string>& headers) {
  std::vector<net::Http2ClientSession::Field> fields = {{":method", method},
                                                        {":scheme", to.tls ? "https" : "http"},
                                                        {":path", target},
                                                        {":authority", to.authority}};
  for (const std::string& line : headers) fields.push_back(HeaderField(line));
  return fields;
}

}  // namespace

std::pair<std::string, std::string> HeaderField(std::string_view line) {
  std::string name(NameOf(line));
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return {std::move(name), std::string(ValueOf(line))};
}

Result<std::unique_ptr<RequestMaker>> RestRequests::Create(const BenchOptions& options,
                                                           const ServerUrl& url,
                                                           const net::ServerName& to,
                                                           const CommandContext& context) {
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(options.load.timeout);
  TlsOptions http1 = options.tls;
  http1.http2 = false;
  SLIPWAY_ASSIGN_OR_RETURN(const SharedTls tls, MakeTls(url.server, http1, context.fs));
  SLIPWAY_ASSIGN_OR_RETURN(ServerClient client,
                           ServerClient::Create(url.server, context.clock, timeout, tls));
  return std::unique_ptr<RequestMaker>(
      new RestRequests(options, url, to, context, std::move(client)));
}

Result<std::string> OnlyModelOf(const std::vector<std::string>& names) {
  const std::set<std::string> distinct(names.begin(), names.end());
  if (distinct.size() == 1) return *distinct.begin();
  std::string known;
  for (const std::string& name : distinct) {
    known += StrCat(known.empty() ? "" : ", ", base::Printable(name));
  }
  return InvalidArgument(
      StrCat("which model? --model names it", known.empty() ? "" : "; the server has ", known));
}

Result<std::string> RestRequests::OnlyModel() {
  const Result<json> index = client_.Post("/v2/repository/index", R"({"ready":true})");
  if (index.status().code() == base::StatusCode::kUnavailable) return index.status();
  std::vector<std::string> names;
  if (index.ok() && index->is_array()) {
    for (const json& entry : *index) {
      if (std::string name = JsonText(entry, "name"); !name.empty()) {
        names.push_back(std::move(name));
      }
    }
  }
  return OnlyModelOf(names);
}

std::string RestRequests::ModelPath(const std::string& model) const {
  const std::string& version = options_.version.empty() ? url_.version : options_.version;
  return StrCat("/v2/models/", PercentEncode(model), version.empty() ? "" : "/versions/",
                PercentEncode(version));
}

std::vector<std::string> RestRequests::Headers(const BenchBody& body) const {
  std::vector<std::string> headers = options_.headers;
  const bool typed = std::ranges::any_of(options_.headers, [](std::string_view line) {
    return base::EqualsIgnoreCase(NameOf(line), "content-type");
  });
  if (!typed) {
    headers.emplace_back(body.json_bytes > 0 ? "Content-Type: application/octet-stream"
                                             : "Content-Type: application/json");
  }
  if (body.json_bytes > 0) {
    headers.push_back(StrCat("Inference-Header-Content-Length: ", body.json_bytes));
  }
  return headers;
}

Result<PreparedRequest> RestRequests::Make(const std::string& model, int64_t rows,
                                           const std::string& input_file) {
  const bool free_path = !options_.path.empty();
  const std::string target = free_path ? options_.path : ModelPath(model) + "/infer";
  std::string method = "POST";
  BenchBody body;
  PreparedRequest prepared{.wire = {}, .target = {}, .format = "as given"};
  if (!input_file.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(body.bytes, context_.fs.Read(input_file, kMaxInputBytes));
  } else if (free_path) {
    method = "GET";
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(const json metadata, client_.Get(ModelPath(model)));
    SLIPWAY_ASSIGN_OR_RETURN(const std::vector<BenchInput> inputs, ReadBenchInputs(metadata));
    BenchBodyOptions how = options_.body;
    how.batch = rows;
    SLIPWAY_ASSIGN_OR_RETURN(body, MakeBenchBody(inputs, how));
    prepared.format = how.binary ? "binary" : "json";
  }
  const std::vector<std::string> headers = method == "GET" ? options_.headers : Headers(body);
  SLIPWAY_RETURN_IF_ERROR(TryOnce(method, target, headers, body.bytes));
  prepared.target = StrCat(method, " ", url_.server, target);
  if (options_.protocol == BenchProtocol::kRestHttp2) {
    prepared.wire.fields = Http2Fields(to_, method, target, headers);
    prepared.wire.bytes = std::move(body.bytes);
    return prepared;
  }
  prepared.wire.bytes = SerializeRequest({.method = method,
                                          .target = target,
                                          .host = to_.authority,
                                          .headers = headers,
                                          .body = body.bytes});
  return prepared;
}

base::Status RestRequests::TryOnce(std::string_view method, std::string_view target,
                                   const std::vector<std::string>& headers, std::string_view body) {
  net::HttpClient::Request request{.method = method, .target = target, .headers = {}, .body = body};
  for (const std::string_view line : headers) {
    request.headers.emplace_back(NameOf(line), ValueOf(line));
  }
  return client_.Send(request).status().WithContext("the first request failed");
}

}  // namespace slipway::app
