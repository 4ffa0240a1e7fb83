#include "net/response_coding.h"

#include <string>
#include <utility>
#include <vector>

namespace slipway::net {
namespace {

constexpr size_t kWorthCompressingBytes = 1024;

}  // namespace

std::string_view CompressResponse(HttpResponse& response, std::string_view accept_encoding,
                                  Deflater& deflater) {
  if (!response.compressible || response.status < 200 || response.status > 299) return {};
  size_t total = response.body.size();
  for (const base::Buffer& buffer : response.tail) total += buffer.size();
  if (total < kWorthCompressingBytes) return {};
  const ContentCoding coding = ChooseResponseCoding(accept_encoding);
  if (coding == ContentCoding::kIdentity) return {};
  std::vector<std::string_view> pieces = {response.body};
  for (const base::Buffer& buffer : response.tail) {
    pieces.emplace_back(reinterpret_cast<const char*>(buffer.data()), buffer.size());
  }
  std::string compressed;
  if (!deflater.Compress(coding, pieces, compressed)) return {};
  response.body = std::move(compressed);
  response.tail.clear();
  return ContentCodingName(coding);
}

bool HasNoBody(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace slipway::net
