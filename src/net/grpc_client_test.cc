#include "net/grpc_client.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "net/testing/test_server.h"

namespace slipway::net {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;

ServerName Name(const TestServer& server) { return *ServerName::Resolve(server.url()); }

const base::RealClock& Clock() {
  static const base::RealClock kClock;
  return kClock;
}

// A session whose requests and answers are strings in memory.
class Recorder final : public Http2ClientSession::Listener {
 public:
  void OnField(int32_t, size_t, std::string_view, std::string_view) override { ++fields; }
  void OnBody(int32_t, size_t, std::string_view) override {}
  void OnEnd(int32_t, size_t tag, uint32_t error_code) override {
    ended_tag = tag;
    error = error_code;
  }
  int fields = 0;
  size_t ended_tag = 0;
  uint32_t error = 0;
};

TEST(GrpcClientTest, SaysWhatTheServerSays) {
  TestServer server;  // knows no gRPC method
  const GrpcClient client(Name(server), Clock(), {});
  const auto answer = client.Call("/a.B/C", std::string(100'000, 'x'));
  EXPECT_EQ(answer.status().code(), StatusCode::kUnimplemented) << answer.status();
}

TEST(GrpcClientTest, RefusedConnectionIsUnavailable) {
  auto server = std::make_unique<TestServer>();
  const ServerName name = Name(*server);
  server.reset();
  const GrpcClient client(name, Clock(), {});
  EXPECT_EQ(client.Call("/a.B/C", "").status().code(), StatusCode::kUnavailable);
}

TEST(Http2ClientSessionTest, RefusesWhatIsNotHttp2) {
  Recorder recorder;
  const auto session = Http2ClientSession::Create(recorder);
  ASSERT_TRUE(session.ok());
  const base::Status status = (*session)->Receive("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status;
}

TEST(Http2ClientSessionTest, GoawayEndsStreamsBeyondItsLastAndTakesNoMore) {
  Recorder recorder;
  const auto session = Http2ClientSession::Create(recorder);
  ASSERT_TRUE(session.ok());
  const std::vector<Http2ClientSession::Field> fields = {
      {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "h"}};
  ASSERT_TRUE((*session)->Submit(fields, "", 7).ok());
  while (!(*session)->Output().empty()) (*session)->Sent((*session)->Output().size());
  // SETTINGS, then GOAWAY with last stream 0 and NO_ERROR.
  const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
  const std::string goaway("\0\0\10\7\0\0\0\0\0\0\0\0\0\0\0\0\0", 17);
  ASSERT_TRUE((*session)->Receive(settings + goaway).ok());
  EXPECT_TRUE((*session)->closing());
  EXPECT_EQ(recorder.ended_tag, 7U);
  EXPECT_EQ(Http2ErrorName(recorder.error), "REFUSED_STREAM");
  EXPECT_EQ((*session)->Submit(fields, "", 8).status().code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace slipway::net
