#include "frontend/client_identity.h"

#include <gtest/gtest.h>

#include <vector>

namespace slipway::frontend {
namespace {

constexpr uint64_t kConnection = 7;

uint64_t OverHttp(const std::vector<net::HttpHeader>& headers, const std::string& header) {
  net::HttpRequest request;
  request.headers = headers;
  request.client = kConnection;
  return ClientOf(request, header);
}

uint64_t OverGrpc(const std::vector<net::HttpHeader>& metadata, const std::string& header) {
  net::GrpcRequest request;
  request.metadata = metadata;
  request.client = kConnection;
  return ClientOf(request, header);
}

TEST(ClientIdentityTest, IsTheConnectionsUnlessAHeaderIsNamedAndGiven) {
  EXPECT_EQ(OverHttp({{"X-Client", "a"}}, ""), kConnection);
  EXPECT_EQ(OverGrpc({{"x-client", "a"}}, ""), kConnection);
  EXPECT_EQ(OverHttp({{"other", "a"}}, "x-client"), kConnection);
  EXPECT_EQ(OverGrpc({{"other", "a"}}, "x-client"), kConnection);
  EXPECT_EQ(OverHttp({{"x-client", ""}}, "x-client"), kConnection);
}

TEST(ClientIdentityTest, EqualValuesAreOneClientInEveryProtocol) {
  const uint64_t one = OverHttp({{"X-Client", "a"}}, "x-client");
  EXPECT_NE(one, kConnection);
  EXPECT_EQ(one, OverHttp({{"x-client", "a"}}, "X-Client"));
  EXPECT_EQ(one, OverGrpc({{"te", "trailers"}, {"x-client", "a"}}, "X-Client"));
  EXPECT_NE(one, OverGrpc({{"x-client", "b"}}, "x-client"));
}

}  // namespace
}  // namespace slipway::frontend
