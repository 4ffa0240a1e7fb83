#include "net/response_coding.h"

#include <string>
#include <utility>
#include <vector>

#include "base/text.h"

namespace slipway::net {
namespace {

constexpr size_t kWorthCompressingBytes = 1024;

}  // namespace

ResponseCoding CompressResponse(HttpResponse& response, std::span<const HttpHeader> headers,
                                Deflater& deflater) {
  if (!response.compressible || response.status < 200 || response.status > 299) return {};
  size_t total = response.body.size();
  for (const base::Buffer& buffer : response.tail) total += buffer.size();
  if (total < kWorthCompressingBytes) return {};
  AcceptedCodings accepted;
  for (const HttpHeader& header : headers) {
    if (base::EqualsIgnoreCase(header.name, "accept-encoding")) accepted.Add(header.value);
  }
  const ContentCoding coding = accepted.Choice();
  if (coding == ContentCoding::kIdentity) return {.varies = true};
  std::vector<std::string_view> pieces = {response.body};
  for (const base::Buffer& buffer : response.tail) {
    pieces.emplace_back(reinterpret_cast<const char*>(buffer.data()), buffer.size());
  }
  std::string compressed;
  if (!deflater.Compress(coding, pieces, compressed)) return {.varies = true};
  response.body = std::move(compressed);
  response.tail.clear();
  return {.name = ContentCodingName(coding), .varies = true};
}

bool HasNoBody(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace slipway::net
