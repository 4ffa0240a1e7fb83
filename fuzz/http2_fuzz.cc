// An HTTP/2 connection in-process, over a socket pair: the input is what a client sends, cut into
// pieces. Requests are echoed, gRPC messages too; now and then a handler answers a round later, or
// holds its messages. Whatever comes, the connection ends cleanly, and nothing is left.

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "net/http2_connection.h"
#include "net/io_context.h"

namespace slipway::net {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class EchoReceiver final : public GrpcReceiver {
 public:
  EchoReceiver(GrpcCall& call, bool holds) : call_(call), holds_(holds) {}
  void OnMessage(GrpcMessage message) override {
    call_.reply().body.assign(reinterpret_cast<const char*>(message.bytes.data()),
                              message.bytes.size());
    call_.Send();
    if (!holds_) return;
    call_.HoldMessages(true);
    call_.loop().Post([this] {
      if (!finished_) call_.HoldMessages(false);
    });
  }
  void OnEndOfMessages() override { Finish(); }
  void OnCancelled() override { Finish(); }

 private:
  void Finish() {
    finished_ = true;
    call_.Finish(base::OkStatus());
  }

  GrpcCall& call_;
  const bool holds_;
  bool finished_ = false;
};

class EchoHandler final : public HttpHandler, public GrpcHandler {
 public:
  void OnRequest(Exchange& exchange) override {
    exchange.response().compressible = true;
    exchange.response().body.assign(reinterpret_cast<const char*>(exchange.request().body.data()),
                                    exchange.request().body.size());
    if (exchange.request().path.size() % 2 == 0) {
      exchange.loop().Post([&exchange] { exchange.Send(); });
    } else {
      exchange.Send();
    }
  }
  GrpcHandler* grpc() override { return this; }
  GrpcReceiver* OnCall(GrpcCall& call) override {
    if (call.request().path == "/") return nullptr;
    receivers_.push_back(std::make_unique<EchoReceiver>(call, call.request().path.size() % 2 == 0));
    return receivers_.back().get();
  }

 private:
  std::vector<std::unique_ptr<EchoReceiver>> receivers_;
};

class Host final : public ConnectionHost {
 public:
  void Place(Client /*client*/) override { std::abort(); }  // nobody accepts here
  void Adopt(std::unique_ptr<Connection> connection) override {
    connection_ = std::move(connection);
  }
  void Retire(Connection& /*connection*/) override { retired_ = true; }
  bool retired() const { return retired_; }

 private:
  std::unique_ptr<Connection> connection_;
  bool retired_ = false;
};

class Run {
 public:
  explicit Run(std::string_view bytes) : bytes_(bytes) {
    for (const char c : bytes) random_ = (random_ ^ static_cast<uint8_t>(c)) * 0x100000001B3U;
  }

  void operator()() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) return;
    peer_.Reset(fds[1]);
    io_.handler = &handler_;
    auto connection = std::make_unique<Http2Connection>(
        io_, Client{.transport = Transport(base::UniqueFd(fds[0])),
                    .peer = "unix",
                    .ticket = ConnectionTicket()});
    Http2Connection& http2 = *connection;
    host_.Adopt(std::move(connection));
    loop_->Post([this, &http2] {
      http2.Start(false);
      Step();
    });
    loop_->Run();
    // Closed by us or by it; what waits for a handler has been answered by now.
    if (!host_.retired()) std::abort();
    if (budget_.used() != 0 || io_.buffers.block_bytes() != 0) std::abort();
  }

 private:
  void Step() {
    char received[4096];
    while (::recv(peer_.get(), received, sizeof(received), 0) > 0) {
    }
    if (at_ < bytes_.size()) {
      random_ = random_ * 6364136223846793005U + 1442695040888963407U;
      const size_t size =
          std::min(bytes_.size() - at_, 1 + (random_ >> 33) % (1 + bytes_.size() / 4));
      ::send(peer_.get(), bytes_.data() + at_, size, MSG_NOSIGNAL);
      at_ += size;
    } else if (++rest_ == 3) {
      peer_.Reset();
      give_up_ = clock_.SteadyNow() + std::chrono::seconds(1);
    } else if (rest_ >= 8 && (host_.retired() || clock_.SteadyNow() >= give_up_)) {
      return loop_->Stop();  // a connection that was refused sees its end a millisecond later
    }
    loop_->Post([this] { Step(); });
  }

  static Limits MakeLimits() {
    Limits limits;
    limits.max_header_bytes = 4096;
    limits.max_header_count = 16;
    limits.max_body_bytes = limits.max_decompressed_bytes = 256 * 1024;
    limits.max_buffered_bytes = size_t{4} << 20;
    limits.max_streams = 8;
    limits.max_resets_per_second = 4;
    limits.stream_window_bytes = limits.connection_window_bytes = 65'535;
    return limits;
  }

  const std::string_view bytes_;
  size_t at_ = 0;
  int rest_ = 0;
  base::SteadyTime give_up_{};
  uint64_t random_ = 0xCBF29CE484222325U;
  base::RealClock clock_;
  const std::unique_ptr<base::Logger> log_ = base::Logger::Null();
  const Limits limits_ = MakeLimits();
  ByteBudget budget_{limits_.max_buffered_bytes};
  const std::unique_ptr<EventLoop> loop_ = *EventLoop::Create(clock_);
  base::UniqueFd peer_;
  EchoHandler handler_;
  IoContext io_{*loop_, host_, limits_, budget_, clock_, *log_};
  Host host_;
};

}  // namespace
}  // namespace slipway::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 64 * 1024) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // Most of what is found without the preface is that it is missing.
  std::string with_preface;
  if (!bytes.starts_with("P")) {
    with_preface.append(slipway::net::kPreface).append(bytes);
    bytes = with_preface;
  }
  slipway::net::Run run(bytes);
  run();
  return 0;
}
