#include "net/http_message.h"

#include "base/text.h"

namespace slipway::net {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

const HttpHeader* Find(std::span<const HttpHeader> headers, std::string_view name) {
  for (const HttpHeader& header : headers) {
    if (header.name.size() == name.size() && base::EqualsIgnoreCase(header.name, name))
      return &header;
  }
  return nullptr;
}

}  // namespace

std::string_view HttpRequest::Header(std::string_view name) const {
  const HttpHeader* header = Find(headers, name);
  return header == nullptr ? std::string_view() : header->value;
}

bool HttpRequest::HasHeader(std::string_view name) const { return Find(headers, name) != nullptr; }

void HttpResponse::Clear() {
  // An answer of exceptional size must not keep its memory for the small ones that follow.
  constexpr size_t kKeptBodyBytes = 256 * 1024;
  status = 200;
  content_type = {};
  headers.clear();
  tail.clear();
  if (body.capacity() > kKeptBodyBytes) body = std::string();
  body.clear();
  compressible = false;
}

bool PercentDecode(std::string_view text, std::string& out) {
  out.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return false;
    const int high = HexValue(text[i + 1]);
    const int low = HexValue(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return false;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return true;
}

}  // namespace slipway::net
