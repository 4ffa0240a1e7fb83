#include "frontend/client_identity.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "base/text.h"

namespace slipway::frontend {
namespace {

uint64_t ClientOf(std::string_view named, uint64_t connection) {
  return named.empty() ? connection : std::hash<std::string_view>{}(named);
}

}  // namespace

uint64_t ClientOf(const net::HttpRequest& request, const std::string& header) {
  return header.empty() ? request.client : ClientOf(request.Header(header), request.client);
}

uint64_t ClientOf(const net::GrpcRequest& request, const std::string& header) {
  if (header.empty()) return request.client;
  const auto field = std::ranges::find_if(request.metadata, [&header](const auto& one) {
    return base::EqualsIgnoreCase(one.name, header);
  });
  return field == request.metadata.end() ? request.client : ClientOf(field->value, request.client);
}

}  // namespace slipway::frontend
