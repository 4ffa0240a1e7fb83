#include "net/grpc_call.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/str_cat.h"
#include "net/content_coding.h"
#include "net/event_loop.h"
#include "net/testing/http2_client.h"
#include "net/testing/test_server.h"

namespace slipway::net {
namespace {

using namespace std::chrono_literals;
using Fields = Http2Client::Fields;
using base::StatusCode;

std::string Text(const GrpcMessage& message) {
  return {reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size()};
}

int Code(StatusCode code) { return static_cast<int>(code); }

std::string Gzip(std::string_view text) {
  Deflater deflater;
  std::string out;
  const std::string_view pieces[] = {text};
  EXPECT_TRUE(deflater.Compress(ContentCoding::kGzip, pieces, out));
  return out;
}

// A call that does what its test says; what is not said, does nothing.
struct TestCall final : GrpcReceiver {
  explicit TestCall(GrpcCall& grpc_call) : call(grpc_call) {}
  void OnMessage(GrpcMessage message) override {
    if (on_message) on_message(std::move(message));
  }
  void OnEndOfMessages() override {
    if (on_end) on_end();
  }
  void OnWritable() override {
    if (on_writable) on_writable();
  }
  void OnCancelled() override {
    ++cancellations;
    if (on_cancelled) on_cancelled();
  }

  GrpcCall& call;
  std::function<void(GrpcMessage)> on_message;
  std::function<void()> on_end;
  std::function<void()> on_writable;
  std::function<void()> on_cancelled;
  std::atomic<int> cancellations = 0;
};

// Sets up each call with a function; "/none" has no method.
class TestHandler final : public GrpcHandler {
 public:
  using SetUp = std::function<void(TestCall&)>;
  explicit TestHandler(SetUp set_up) : set_up_(std::move(set_up)) {}
  GrpcReceiver* OnCall(GrpcCall& call) override {
    if (call.request().path == "/none") return nullptr;
    calls_.push_back(std::make_unique<TestCall>(call));
    set_up_(*calls_.back());
    ++count_;
    return calls_.back().get();
  }
  size_t count() const { return count_; }
  TestCall& at(size_t i) { return *calls_[i]; }

 private:
  const SetUp set_up_;
  std::deque<std::unique_ptr<TestCall>> calls_;
  std::atomic<size_t> count_ = 0;
};

// Answers each message with itself and a '!', and ends well when the client does.
void Echo(TestCall& test) {
  test.on_message = [&](GrpcMessage message) {
    test.call.reply().body = Text(message) + "!";
    test.call.Send();
  };
  test.on_end = [&] { test.call.Finish(base::OkStatus()); };
  test.on_cancelled = [&] { test.call.Finish(base::Cancelled("")); };
}

class GrpcCallTest : public testing::Test {
 protected:
  void Start(TestHandler::SetUp set_up, const Limits& limits = {}) {
    client_.reset();
    server_.reset();
    handler_ = std::make_unique<TestHandler>(std::move(set_up));
    server_ =
        std::make_unique<TestServer>(limits, nullptr, "127.0.0.1:0", 1, nullptr, handler_.get());
    client_ = std::make_unique<Http2Client>(server_->address(),
                                            Http2Client::Options{.stream_window = 1 << 20});
  }
  Http2Client::Answer Ask(std::string_view body, const Fields& more = {}) {
    return client_->Ask(GrpcFields("/test.Test/Echo", more), body);
  }
  bool EventuallyUnused() {
    return Eventually([&] { return server_->stats().buffered_bytes == 0; });
  }

  std::unique_ptr<TestHandler> handler_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<Http2Client> client_;
};

TEST_F(GrpcCallTest, AnswersUnaryCalls) {
  Start(Echo);
  for (int i = 0; i < 3; ++i) {
    const auto answer = Ask(GrpcFrame("hello"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.Header("content-type"), "application/grpc");
    EXPECT_EQ(answer.Header("grpc-accept-encoding"), "identity,gzip");
    EXPECT_EQ(answer.messages(), std::vector<std::string>{"hello!"});
    EXPECT_EQ(answer.grpc_status(), 0);
    EXPECT_EQ(answer.trailers.size(), 1U);  // no message with OK
    EXPECT_EQ(answer.error_code, 0U);
  }
  EXPECT_EQ(server_->stats().requests, 3U);
  EXPECT_TRUE(EventuallyUnused());
}

TEST_F(GrpcCallTest, TakesMessagesOfEverySizeInOnePiece) {
  Start(Echo);
  for (const size_t size : {0, 1, 4'032, 4'033, 16'000, 100'000, 600'000, 10'000'000}) {
    std::string message(size, 'm');
    for (size_t i = 0; i < size; i += 7) message[i] = static_cast<char>(i * 31);
    const auto answer = Ask(GrpcFrame(message) + GrpcFrame("") + GrpcFrame(message));
    const auto messages = answer.messages();
    ASSERT_EQ(messages.size(), 3U) << size;
    EXPECT_TRUE(messages[0] == message + "!");
    EXPECT_EQ(messages[1], "!");
    EXPECT_TRUE(messages[2] == message + "!");
    EXPECT_EQ(answer.grpc_status(), 0);
  }
  EXPECT_TRUE(EventuallyUnused());
}

TEST_F(GrpcCallTest, LargeMessagesOfSeveralCallsDoNotMix) {
  Start(Echo);
  std::vector<std::string> messages;
  std::vector<int32_t> ids;
  for (size_t i = 0; i < 6; ++i) {
    messages.push_back(std::string(i % 2 == 0 ? 700'000 + i : 10, static_cast<char>('a' + i)));
    ids.push_back(client_->Begin(GrpcFields("/x"), GrpcFrame(messages.back())));
    if (i == 4) client_->Reset(ids[2]);
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto& answer = client_->Wait(ids[i]);
    if (i == 2) continue;
    ASSERT_EQ(answer.messages().size(), 1U) << i;
    EXPECT_TRUE(answer.messages()[0] == messages[i] + "!") << i;
  }
  EXPECT_TRUE(EventuallyUnused());
}

TEST_F(GrpcCallTest, ACallIsAnsweredWhileALargeMessageStandsStill) {
  Start(Echo);
  const std::string message(3'000'000, 'm');
  const std::string frame = GrpcFrame(message);
  const int32_t large = client_->Begin(GrpcFields("/x"), "", /*end=*/false);
  for (size_t at = 0; at < frame.size(); at += 250'000) {
    client_->Write(large, frame.substr(at, 250'000), /*end=*/false);
    EXPECT_EQ(Ask(GrpcFrame("small")).messages(), std::vector<std::string>{"small!"});
  }
  client_->Write(large, "", /*end=*/true);
  EXPECT_TRUE(client_->Wait(large).messages()[0] == message + "!");
}

TEST_F(GrpcCallTest, PutsMessagesTogetherFromPieces) {
  Start(Echo);
  const std::string bytes = GrpcFrame("one") + GrpcFrame("") + GrpcFrame("three");
  const int32_t id = client_->Begin(GrpcFields("/x"), "", /*end=*/false);
  for (const char c : bytes) client_->Write(id, {&c, 1}, /*end=*/false);
  client_->Write(id, "", /*end=*/true);
  EXPECT_EQ(client_->Wait(id).messages(), (std::vector<std::string>{"one!", "!", "three!"}));
}

TEST_F(GrpcCallTest, PadsMessagesAndTellsTheirTimes) {
  Start([](TestCall& test) {
    test.on_message = [&](GrpcMessage message) {
      size_t sum = 0;
      for (size_t i = 0; i < message.bytes.size() + 64; ++i) {
        sum += static_cast<size_t>(message.bytes.data()[i]);
      }
      EXPECT_GE(message.complete_at, message.first_byte_at);
      EXPECT_GE(message.first_byte_at, test.call.request().first_byte_at);
      test.call.reply().body = sum < SIZE_MAX ? "read" : "";
      test.call.Send();
      test.call.Finish(base::OkStatus());
    };
  });
  EXPECT_EQ(Ask(GrpcFrame("")).messages()[0], "read");
  EXPECT_EQ(Ask(GrpcFrame(Gzip(std::string(5'000, 'x')), true), {{"grpc-encoding", "gzip"}})
                .messages()[0],
            "read");
}

TEST_F(GrpcCallTest, StreamsBothWays) {
  Start(Echo);
  const int32_t id = client_->Begin(GrpcFields("/x"), "", /*end=*/false);
  for (int i = 1; i <= 20; ++i) {
    client_->Write(id, GrpcFrame(base::StrCat("m", i)), /*end=*/false);
    ASSERT_TRUE(client_->WaitUntil(
        [&] { return client_->answer(id).messages().size() == static_cast<size_t>(i); }));
  }
  client_->Write(id, "", /*end=*/true);
  EXPECT_EQ(client_->Wait(id).grpc_status(), 0);
  EXPECT_EQ(client_->answer(id).messages()[19], "m20!");
}

TEST_F(GrpcCallTest, ShowsTheRequest) {
  std::string seen;
  Start([&](TestCall& test) {
    const GrpcRequest& request = test.call.request();
    for (const HttpHeader& field : request.metadata) {
      if (field.name.starts_with("x-")) seen += base::StrCat(field.name, "=", field.value, ";");
    }
    seen += request.path;
    EXPECT_TRUE(request.peer.starts_with("127.0.0.1:"));
    EXPECT_TRUE(request.deadline.never());
    Echo(test);
  });
  EXPECT_EQ(Ask("", {{"x-a", "1"}, {"x-b-bin", "AAEC"}}).grpc_status(), 0);
  EXPECT_EQ(seen, "x-a=1;x-b-bin=AAEC;/test.Test/Echo");
}

TEST_F(GrpcCallTest, SendsMetadataWithTheFirstMessageOrTheStatus) {
  Start([](TestCall& test) {
    test.call.AddMetadata("x-a", "1\r\n2");
    Echo(test);
  });
  const auto answer = Ask(GrpcFrame("m"));
  ASSERT_EQ(answer.headers.size(), 3U);
  EXPECT_EQ(answer.headers[2].second, "1  2");
  const auto empty = Ask("");
  EXPECT_EQ(empty.Header("x-a"), "1  2");
  EXPECT_EQ(empty.grpc_status(), 0);
}

TEST_F(GrpcCallTest, SendsEveryStatus) {
  Start([](TestCall& test) {
    test.on_message = [&](GrpcMessage message) {
      const int code = static_cast<uint8_t>(Text(message)[0]);
      const bool with_message = message.bytes.size() > 1;
      if (with_message) test.call.Send();
      test.call.Finish(code == 0 ? base::OkStatus()
                                 : base::Status(static_cast<StatusCode>(code), "50% of 'ä'\n"));
    };
  });
  for (int code = 0; code <= 16; ++code) {
    for (const size_t size : {1, 2}) {
      const auto answer = Ask(GrpcFrame(std::string(size, static_cast<char>(code))));
      EXPECT_EQ(answer.status, 200);
      EXPECT_EQ(answer.grpc_status(), code);
      EXPECT_EQ(answer.messages().size(), size - 1);
      EXPECT_EQ(answer.trailers.empty(), size == 1);  // trailers-only has but headers
      EXPECT_EQ(answer.Header("grpc-message"), code == 0 ? "" : "50%25 of '%C3%A4'%0A");
    }
  }
}

TEST_F(GrpcCallTest, CutsStatusMessagesThatNoClientWouldTake) {
  Start([](TestCall& test) {
    test.on_end = [&] { test.call.Finish(base::Internal(std::string(1'000'000, 'x'))); };
  });
  EXPECT_EQ(Ask("").Header("grpc-message").size(), 2'048U);
}

TEST_F(GrpcCallTest, UndoesCompressionAndCompressesForThoseWhoDo) {
  Start(Echo);
  const std::string text(50'000, 'x');
  const auto answer = Ask(GrpcFrame(Gzip(text), true) + GrpcFrame("plain"),
                          {{"grpc-encoding", "gzip"}, {"grpc-accept-encoding", "identity, gzip"}});
  EXPECT_EQ(answer.grpc_status(), 0);
  EXPECT_EQ(answer.Header("grpc-encoding"), "gzip");
  ASSERT_EQ(answer.messages().size(), 2U);
  EXPECT_EQ(answer.body[0], 1);
  Inflater inflater;
  std::string plain(60'000, ' ');
  std::string packed = answer.messages()[0];
  std::string_view input = packed;
  const size_t size =
      inflater.Inflate(input, {reinterpret_cast<std::byte*>(plain.data()), plain.size()});
  EXPECT_EQ(plain.substr(0, size), text + "!");
  EXPECT_EQ(answer.messages()[1], "plain!");  // too small to be worth it
  // Who accepts compressed answers, but does not compress, is in a hurry.
  EXPECT_FALSE(Ask(GrpcFrame(text), {{"grpc-accept-encoding", "gzip"}}).Has("grpc-encoding"));
  // And who does not accept them gets none.
  EXPECT_FALSE(Ask(GrpcFrame(Gzip(text), true), {{"grpc-encoding", "gzip"}}).Has("grpc-encoding"));
  EXPECT_TRUE(EventuallyUnused());
}

TEST_F(GrpcCallTest, RefusesLiesAboutCompression) {
  Start(Echo);
  const auto ask = [&](std::string_view body, const Fields& more = {}) {
    const auto answer = Ask(body, more);
    EXPECT_EQ(answer.messages().size(), 0U);
    return answer.grpc_status();
  };
  const Fields gzip = {{"grpc-encoding", "gzip"}};
  EXPECT_EQ(ask(GrpcFrame("x", true)), Code(StatusCode::kInternal));
  EXPECT_EQ(ask(GrpcFrame("x", true), {{"grpc-encoding", "identity"}}),
            Code(StatusCode::kInternal));
  EXPECT_EQ(ask(GrpcFrame("not gzip", true), gzip), Code(StatusCode::kInternal));
  EXPECT_EQ(ask(GrpcFrame("", true), gzip), Code(StatusCode::kInternal));
  EXPECT_EQ(ask(std::string("\2\0\0\0\0", 5), gzip), Code(StatusCode::kInternal));
  std::string cut = Gzip(std::string(500, 'x'));
  cut.pop_back();
  EXPECT_EQ(ask(GrpcFrame(cut, true), gzip), Code(StatusCode::kInternal));
  const auto unknown = Ask(GrpcFrame("x"), {{"grpc-encoding", "snappy"}});
  EXPECT_EQ(unknown.grpc_status(), Code(StatusCode::kUnimplemented));
  EXPECT_EQ(unknown.Header("grpc-accept-encoding"), "identity,gzip");
  EXPECT_NE(unknown.Header("grpc-message").find("snappy"), std::string::npos);
  EXPECT_TRUE(EventuallyUnused());
}

TEST_F(GrpcCallTest, RefusesWhatIsNoCall) {
  Start(Echo);
  const auto ask = [&](std::string_view method, std::string_view type) {
    return client_->Ask(HttpFields(method, "/x", {{"content-type", std::string(type)}}), "body");
  };
  EXPECT_EQ(ask("POST", "application/grpc+json").status, 415);
  const auto method = ask("PUT", "application/grpc");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.Header("allow"), "POST");
  EXPECT_EQ(ask("POST", "application/json").body, "POST /x body");  // the HTTP handler's
  EXPECT_EQ(ask("POST", "application/grpc+proto").status, 200);
  EXPECT_EQ(handler_->count(), 1U);
}

TEST_F(GrpcCallTest, NamesMethodsThatDoNotExist) {
  Start(Echo);
  const auto answer = client_->Ask(GrpcFields("/none"), GrpcFrame("x"));
  EXPECT_EQ(answer.grpc_status(), Code(StatusCode::kUnimplemented));
  EXPECT_EQ(answer.Header("grpc-message"), "unknown method '/none'");
  TestServer without;
  Http2Client client(without.address());
  EXPECT_EQ(client.Ask(GrpcFields("/x")).grpc_status(), Code(StatusCode::kUnimplemented));
}

TEST_F(GrpcCallTest, EndsACallWithoutWaitingForTheClient) {
  Start([](TestCall& test) { test.call.Finish(base::NotFound("no such thing")); });
  const int32_t id = client_->Begin(GrpcFields("/x"), GrpcFrame("more to"), /*end=*/false);
  EXPECT_EQ(client_->Wait(id).grpc_status(), Code(StatusCode::kNotFound));
  EXPECT_EQ(client_->answer(id).error_code, static_cast<uint32_t>(NGHTTP2_NO_ERROR));
  EXPECT_TRUE(EventuallyUnused());
}

TEST_F(GrpcCallTest, AnswersLaterFromTheLoop) {
  Start([](TestCall&) {});
  const int32_t first = client_->Begin(GrpcFields("/x"), GrpcFrame("1"));
  const int32_t second = client_->Begin(GrpcFields("/x"), GrpcFrame("2"));
  ASSERT_TRUE(Eventually([&] { return handler_->count() == 2; }));
  server_->OnLoop([&] {
    for (const size_t i : {1, 0}) {
      GrpcCall& call = handler_->at(i).call;
      call.reply().body = base::StrCat("answer ", i);
      call.Send();
      call.Finish(base::OkStatus());
    }
  });
  EXPECT_EQ(client_->Wait(first).messages()[0], "answer 0");
  EXPECT_EQ(client_->Wait(second).messages()[0], "answer 1");
}

TEST_F(GrpcCallTest, SendsTailsWithoutCopyingThem) {
  Start([](TestCall& test) {
    test.on_message = [&](GrpcMessage message) {
      test.call.reply().body = "head,";
      for (int i = 0; i < 3; ++i) {
        base::Buffer buffer = base::Buffer::Allocate(message.bytes.size());
        std::memcpy(buffer.data(), message.bytes.data(), message.bytes.size());
        test.call.reply().tail.push_back(std::move(buffer));
      }
      test.call.Send();
      EXPECT_TRUE(test.call.reply().tail.empty());
      test.call.Finish(base::OkStatus());
    };
  });
  for (const size_t size : {0, 10, 20'000, 1'000'000}) {
    const std::string text(size, 't');
    const std::string expected = base::StrCat("head,", text, text, text);
    EXPECT_TRUE(Ask(GrpcFrame(text)).messages()[0] == expected) << size;
  }
}

TEST_F(GrpcCallTest, CancelsWhenTheClientDoes) {
  Start([](TestCall&) {});
  const int32_t id = client_->Begin(GrpcFields("/x"), GrpcFrame("x"));
  client_->Begin(GrpcFields("/x"), GrpcFrame("x"));
  ASSERT_TRUE(Eventually([&] { return handler_->count() == 2; }));
  client_->Reset(id);
  ASSERT_TRUE(Eventually([&] { return handler_->at(0).cancellations == 1; }));
  server_->OnLoop([&] {
    EXPECT_TRUE(handler_->at(0).call.cancelled());
    EXPECT_FALSE(handler_->at(1).call.cancelled());
    EXPECT_FALSE(handler_->at(0).call.Send());
    handler_->at(0).call.Finish(base::OkStatus());
  });
  client_->Close();
  ASSERT_TRUE(Eventually([&] { return handler_->at(1).cancellations == 1; }));
  server_->OnLoop([&] { handler_->at(1).call.Finish(base::OkStatus()); });
  EXPECT_EQ(handler_->at(0).cancellations, 1);
  EXPECT_TRUE(Eventually([&] { return server_->stats().connections_open == 0; }));
}

TEST_F(GrpcCallTest, EndsCallsAtTheirDeadline) {
  Start([](TestCall& test) {
    EXPECT_FALSE(test.call.request().deadline.never());
    test.on_cancelled = [&] { test.call.Finish(base::Internal("given up")); };
  });
  const auto answer = Ask(GrpcFrame("x"), {{"grpc-timeout", "50m"}});
  EXPECT_EQ(answer.grpc_status(), Code(StatusCode::kDeadlineExceeded));
  EXPECT_EQ(handler_->at(0).cancellations, 1);
  const int32_t slow =
      client_->Begin(GrpcFields("/x", {{"grpc-timeout", "50000u"}}), "", /*end=*/false);
  EXPECT_EQ(client_->Wait(slow).grpc_status(), Code(StatusCode::kDeadlineExceeded));
  EXPECT_EQ(Ask("", {{"grpc-timeout", "0n"}}).grpc_status(), Code(StatusCode::kDeadlineExceeded));
  EXPECT_EQ(handler_->count(), 2U);
}

TEST_F(GrpcCallTest, EndsCallsAtTheirDeadlineEvenWhenALaterOneCameFirst) {
  Start([](TestCall& test) {
    test.on_cancelled = [&] { test.call.Finish(base::Internal("given up")); };
  });
  client_->Begin(GrpcFields("/x", {{"grpc-timeout", "1H"}}));
  EXPECT_EQ(Ask("", {{"grpc-timeout", "20m"}}).grpc_status(), Code(StatusCode::kDeadlineExceeded));
}

TEST_F(GrpcCallTest, RefusesTimeoutsThatAreNone) {
  Start(Echo);
  for (const char* timeout : {"1", "123456789S", "1x", "S"}) {
    const auto answer = Ask(GrpcFrame("x"), {{"grpc-timeout", timeout}});
    EXPECT_EQ(answer.grpc_status(), Code(StatusCode::kInternal)) << timeout;
    EXPECT_NE(answer.Header("grpc-message").find("grpc-timeout"), std::string::npos);
  }
  EXPECT_EQ(Ask(GrpcFrame("x"), {{"grpc-timeout", "99999999H"}}).grpc_status(), 0);
}

TEST_F(GrpcCallTest, RefusesLargeMessagesBeforeTheyCome) {
  Start(Echo, {.max_body_bytes = 100'000, .max_decompressed_bytes = 200'000});
  const int32_t id =
      client_->Begin(GrpcFields("/x"), GrpcFrame(std::string(100'001, 'x')).substr(0, 5),
                     /*end=*/false);
  EXPECT_EQ(client_->Wait(id).grpc_status(), Code(StatusCode::kResourceExhausted));
  EXPECT_NE(client_->answer(id).Header("grpc-message").find("max_body (100000 bytes)"),
            std::string::npos);
  EXPECT_EQ(handler_->at(0).cancellations, 1);
  EXPECT_EQ(Ask(GrpcFrame(std::string(100'000, 'x'))).grpc_status(), 0);
  const auto bomb =
      Ask(GrpcFrame(Gzip(std::string(300'000, 'x')), true), {{"grpc-encoding", "gzip"}});
  EXPECT_EQ(bomb.grpc_status(), Code(StatusCode::kResourceExhausted));
  EXPECT_TRUE(EventuallyUnused());
}

TEST_F(GrpcCallTest, BoundsTheBytesOfAllMessagesTogether) {
  Start(Echo, {.max_buffered_bytes = 1'000'000});
  const int32_t first =
      client_->Begin(GrpcFields("/x"), GrpcFrame(std::string(600'000, 'x')).substr(0, 10), false);
  ASSERT_TRUE(Eventually([&] { return server_->stats().buffered_bytes >= 600'000; }));
  EXPECT_EQ(Ask(GrpcFrame(std::string(500'000, 'x'))).grpc_status(),
            Code(StatusCode::kResourceExhausted));
  EXPECT_EQ(Ask(GrpcFrame(std::string(100'000, 'x'))).grpc_status(), 0);
  client_->Reset(first);
  EXPECT_TRUE(EventuallyUnused());
  EXPECT_EQ(Ask(GrpcFrame(std::string(500'000, 'x'))).grpc_status(), 0);
}

TEST_F(GrpcCallTest, RefusesHeadsOverTheLimitInItsOwnTerms) {
  Start(Echo, {.max_header_bytes = 2'000, .max_header_count = 10});
  EXPECT_EQ(Ask("", {{"x-large", std::string(3'000, 'x')}}).grpc_status(),
            Code(StatusCode::kResourceExhausted));
  EXPECT_EQ(Ask("", Fields(20, {"x-many", "1"})).grpc_status(),
            Code(StatusCode::kResourceExhausted));
  EXPECT_EQ(Ask("").grpc_status(), 0);
}

TEST_F(GrpcCallTest, RefusesStreamsThatEndWithinAMessage) {
  Start(Echo);
  const auto answer = Ask(GrpcFrame("whole") + GrpcFrame("cut").substr(0, 6));
  EXPECT_EQ(answer.grpc_status(), Code(StatusCode::kInternal));
  EXPECT_EQ(answer.messages(), std::vector<std::string>{"whole!"});
}

TEST_F(GrpcCallTest, GivesUpOnSlowMessages) {
  Start(Echo, {.min_body_bytes_per_second = 1'000, .body_grace = 50ms});
  const int32_t slow =
      client_->Begin(GrpcFields("/x"), GrpcFrame("message").substr(0, 7), /*end=*/false);
  const int32_t silent = client_->Begin(GrpcFields("/x"), GrpcFrame("whole"), /*end=*/false);
  EXPECT_EQ(client_->Wait(slow).grpc_status(), Code(StatusCode::kDeadlineExceeded));
  std::this_thread::sleep_for(100ms);
  client_->Poll();
  EXPECT_FALSE(client_->answer(silent).closed);  // between messages there is no hurry
}

TEST_F(GrpcCallTest, HoldsMessagesBackUntilTheReceiverTakesThem) {
  constexpr size_t kWindow = 65'535;
  std::vector<std::string> got;
  std::atomic<size_t> count = 0;
  std::atomic<bool> ended = false;
  Start(
      [&](TestCall& test) {
        test.on_message = [&](GrpcMessage message) {
          got.push_back(Text(message));
          ++count;
          test.call.HoldMessages(true);
        };
        test.on_end = [&] {
          ended = true;
          test.call.Finish(base::OkStatus());
        };
      },
      {.stream_window_bytes = kWindow});
  std::string bytes;
  for (int i = 0; i < 60; ++i) bytes += GrpcFrame(base::StrCat(i, std::string(5'000, 'x')));
  const int32_t id = client_->Begin(GrpcFields("/x"), bytes);
  ASSERT_TRUE(Eventually([&] {
    client_->Poll();
    return count == 1;
  }));
  for (int i = 0; i < 50; ++i) client_->Poll();
  // The rest waits with us, at most a window of it, and with the client.
  ASSERT_TRUE(Eventually([&] {
    client_->Poll();
    return server_->stats().bytes_received > kWindow;
  }));
  EXPECT_LT(server_->stats().bytes_received, kWindow + 16'384 + 2'000);
  // Once the turn is over that received it: the block it read into counts until then.
  EXPECT_TRUE(Eventually([&] { return server_->stats().buffered_bytes < 4 * kWindow; }));
  // Other streams are not kept waiting.
  const int32_t other = client_->Begin(GrpcFields("/other"), GrpcFrame("other"));
  ASSERT_TRUE(client_->WaitUntil([&] { return count == 2; }));
  server_->OnLoop([&] { handler_->at(1).call.HoldMessages(false); });
  EXPECT_EQ(client_->Wait(other).grpc_status(), 0);
  for (size_t i = 2; i <= 60; ++i) {
    ASSERT_EQ(count, i);
    EXPECT_FALSE(i > 2 && client_->answer(id).closed);
    server_->OnLoop([&] { handler_->at(0).call.HoldMessages(false); });
    ASSERT_TRUE(client_->WaitUntil([&] { return count == i + 1; })) << i;
  }
  EXPECT_EQ(got[60].substr(0, 4), "59xx");
  server_->OnLoop([&] { handler_->at(0).call.HoldMessages(false); });
  EXPECT_EQ(client_->Wait(id).grpc_status(), 0);
  EXPECT_TRUE(EventuallyUnused());
}

TEST_F(GrpcCallTest, HoldsBackASenderWhoseClientDoesNotRead) {
  std::atomic<size_t> sent = 0;
  std::atomic<int> calls = 0;
  Start([&](TestCall& test) {
    const auto send = [&] {
      while (sent < 100) {
        ++sent;
        test.call.reply().body.assign(100'000, 'x');
        if (!test.call.Send()) return;
      }
      test.call.Finish(base::OkStatus());
    };
    test.on_end = send;
    test.on_writable = [&, send] {
      ++calls;
      send();
    };
  });
  Http2Client client(server_->address(), {.open_windows = false});
  const int32_t id = client.Begin(GrpcFields("/x"));
  ASSERT_TRUE(client.WaitUntil([&] { return client.answer(id).body.size() == 65'535; }));
  EXPECT_LT(sent, 15U);
  size_t consumed = 0;
  EXPECT_TRUE(client.WaitUntil([&] {
    const size_t size = client.answer(id).body.size();
    client.Consume(id, size - std::exchange(consumed, size));
    return client.answer(id).closed;
  }));
  EXPECT_EQ(client.answer(id).messages().size(), 100U);
  EXPECT_EQ(client.answer(id).grpc_status(), 0);
  EXPECT_GT(calls, 5);
}

TEST_F(GrpcCallTest, SurvivesFinishInEveryPlace) {
  for (int place = 0; place < 4; ++place) {
    Start([&](TestCall& test) {
      const auto finish = [&] { test.call.Finish(base::OkStatus()); };
      if (place == 0) finish();
      if (place == 1) test.on_message = [finish](GrpcMessage) { finish(); };
      if (place == 2) test.on_end = finish;
      if (place == 3) {
        test.on_message = [&, finish](GrpcMessage) {
          test.call.Send();
          finish();
        };
      }
    });
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(Ask(GrpcFrame("1") + GrpcFrame("2") + GrpcFrame("3")).grpc_status(), 0) << place;
    }
  }
}

}  // namespace
}  // namespace slipway::net
