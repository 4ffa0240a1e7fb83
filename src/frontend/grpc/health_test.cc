#include "frontend/grpc/health.h"

#include <gmock/gmock.h>
#include <grpc/health/v1/health.pb.h>

#include "frontend/testing/grpc_fixture.h"

namespace slipway::frontend::grpc {
namespace {

using base::StatusCode;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

class HealthTest : public GrpcFixture {
 protected:
  static constexpr std::string_view kCheck = "/grpc.health.v1.Health/Check";
  static constexpr std::string_view kWatch = "/grpc.health.v1.Health/Watch";

  static HealthCheckRequest Of(const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    return request;
  }
  HealthCheckResponse::ServingStatus Check(const std::string& service) {
    return Only<HealthCheckResponse>(Call(kCheck, Of(service))).status();
  }
  static std::vector<int> Sent(const FakeGrpcCall& call) {
    std::vector<int> sent;
    for (size_t i = 0; i < call.messages.size(); ++i) {
      sent.push_back(Answer<HealthCheckResponse>(call, i).status());
    }
    return sent;
  }
};

TEST_F(HealthTest, ChecksServicesAndModels) {
  server_.AddModel("m", 1, EchoSignature());
  server_.control.entries = {{.name = "n", .version = 1, .state = "LOADING", .reason = ""}};
  for (const char* service : {"", "inference.GRPCInferenceService", "grpc.health.v1.Health", "m"}) {
    EXPECT_EQ(Check(service), HealthCheckResponse::SERVING) << service;
  }
  EXPECT_EQ(Check("n"), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(ErrorOf(Call(kCheck, Of("z"))).code(), StatusCode::kNotFound);
  server_.state.is_ready = false;
  EXPECT_EQ(Check(""), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Check("m"), HealthCheckResponse::SERVING);
}

TEST_F(HealthTest, RefusesNamesThatAreNotText) {
  FakeGrpcCall& call = Open(kCheck);
  call.SendMessage("\x0a\x01\xff");
  call.EndMessages();
  EXPECT_EQ(ErrorOf(call).code(), StatusCode::kInvalidArgument);
}

TEST_F(HealthTest, WatchTellsChangesOnly) {
  server_.state.is_ready = false;
  const FakeGrpcCall& call = Call(kWatch, Of(""));
  EXPECT_EQ(Sent(call), (std::vector<int>{HealthCheckResponse::NOT_SERVING}));
  RunTimers();
  EXPECT_EQ(call.messages.size(), 1U);
  server_.state.is_ready = true;
  RunTimers();
  RunTimers();
  EXPECT_EQ(Sent(call),
            (std::vector<int>{HealthCheckResponse::NOT_SERVING, HealthCheckResponse::SERVING}));
  server_.state.is_draining = true;
  RunTimers();
  EXPECT_EQ(Sent(call).back(), HealthCheckResponse::NOT_SERVING);
  ASSERT_TRUE(call.status.has_value());
  EXPECT_EQ(call.status->code(), StatusCode::kUnavailable);
  RunTimers();
  EXPECT_TRUE(timers_.empty());  // nobody watches
}

TEST_F(HealthTest, WatchFollowsModels) {
  const FakeGrpcCall& call = Call(kWatch, Of("m"));
  server_.AddModel("m", 1, EchoSignature());
  RunTimers();
  server_.RemoveModels();
  RunTimers();
  EXPECT_EQ(Sent(call),
            (std::vector<int>{HealthCheckResponse::SERVICE_UNKNOWN, HealthCheckResponse::SERVING,
                              HealthCheckResponse::SERVICE_UNKNOWN}));
}

TEST_F(HealthTest, WatchesEndAlone) {
  FakeGrpcCall& first = Call(kWatch, Of(""));
  const FakeGrpcCall& second = Call(kWatch, Of(""));
  first.Cancel();
  EXPECT_EQ(first.status->code(), StatusCode::kCancelled);
  server_.state.is_ready = false;
  RunTimers();
  EXPECT_EQ(first.messages.size(), 1U);
  EXPECT_EQ(second.messages.size(), 2U);
}

TEST_F(HealthTest, AWatchThatNobodyReadsSendsTheNewestLater) {
  FakeGrpcCall& call = Open(kWatch);
  call.writable = false;
  Send(call, Of(""));
  call.EndMessages();
  server_.state.is_ready = false;
  RunTimers();
  EXPECT_EQ(call.messages.size(), 1U);
  call.BecomeWritable();
  EXPECT_EQ(Sent(call).back(), HealthCheckResponse::NOT_SERVING);
}

TEST_F(HealthTest, WatchWantsOneMessage) {
  FakeGrpcCall& none = Open(kWatch);
  none.EndMessages();
  EXPECT_EQ(ErrorOf(none).code(), StatusCode::kInvalidArgument);
  FakeGrpcCall& gone = Open(kWatch);
  gone.Cancel();
  EXPECT_EQ(ErrorOf(gone).code(), StatusCode::kCancelled);
}

}  // namespace
}  // namespace slipway::frontend::grpc
