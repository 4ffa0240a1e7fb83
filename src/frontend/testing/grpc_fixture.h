#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/str_cat.h"
#include "frontend/grpc/grpc_front_end.h"
#include "frontend/testing/fake_grpc_call.h"
#include "frontend/testing/fake_server.h"

namespace slipway::frontend {

// A GrpcFrontEnd over a FakeServer, and calls to it. Messages are protobuf's own.
class GrpcFixture : public testing::Test {
 protected:
  static constexpr std::string_view kService = "/inference.GRPCInferenceService/";

  explicit GrpcFixture(SharedMemoryRegistry* shared_memory = nullptr)
      : front_end_({.dispatcher = server_.dispatcher,
                    .control = server_.control,
                    .state = server_.state,
                    .loop = server_.loop,
                    .clock = server_.clock,
                    .log = *server_.log,
                    .shared_memory = shared_memory},
                   [this](std::chrono::milliseconds, std::function<void()> work) {
                     timers_.push_back(std::move(work));
                   }) {}

  // A call that has begun, of a client on this host.
  FakeGrpcCall& Open(std::string_view path, FakeGrpcCall::Metadata metadata = {}) {
    const std::string full =
        path.starts_with('/') ? std::string(path) : base::StrCat(kService, path);
    calls_.push_back(std::make_unique<FakeGrpcCall>(full, std::move(metadata)));
    EXPECT_TRUE(calls_.back()->Begin(front_end_)) << full;
    return *calls_.back();
  }
  // A call with one message, which is `request` encoded.
  template <typename Request>
  FakeGrpcCall& Call(std::string_view path, const Request& request,
                     FakeGrpcCall::Metadata metadata = {}) {
    FakeGrpcCall& call = Open(path, std::move(metadata));
    Send(call, request);
    call.EndMessages();
    return call;
  }
  template <typename Request>
  void Send(FakeGrpcCall& call, const Request& request) {
    call.SendMessage(request.SerializeAsString(), server_.clock.SteadyNow());
  }

  // Message `i` of the answer.
  template <typename Response>
  static Response Answer(const FakeGrpcCall& call, size_t i = 0) {
    Response response;
    EXPECT_GT(call.messages.size(), i) << (call.status ? call.status->ToString() : "not over");
    if (call.messages.size() > i) {
      EXPECT_TRUE(response.ParseFromString(call.messages[i]));
    }
    return response;
  }
  // The only message of a call that must be over and well.
  template <typename Response>
  static Response Only(const FakeGrpcCall& call) {
    EXPECT_TRUE(call.status.has_value());
    EXPECT_EQ(call.status.value_or(base::OkStatus()), base::OkStatus());
    EXPECT_EQ(call.messages.size(), 1U);
    return Answer<Response>(call);
  }
  // The error of a call that must be over and failed.
  static base::Status ErrorOf(const FakeGrpcCall& call) {
    EXPECT_TRUE(call.status.has_value() && !call.status->ok());
    EXPECT_TRUE(call.messages.empty());
    return call.status.value_or(base::OkStatus());
  }
  void RunTimers() {
    std::deque<std::function<void()>> due;
    due.swap(timers_);
    for (const auto& work : due) work();
  }

  FakeServer server_;
  grpc::GrpcFrontEnd front_end_;
  std::deque<std::function<void()>> timers_;
  std::vector<std::unique_ptr<FakeGrpcCall>> calls_;
};

inline tensor::Signature EchoSignature(tensor::DType dtype = tensor::DType::kFp32,
                                       const tensor::Shape& shape = {-1, 2}) {
  return {.inputs = {{.name = "x", .dtype = dtype, .shape = shape}},
          .outputs = {{.name = "y", .dtype = dtype, .shape = shape}}};
}

}  // namespace slipway::frontend
