#include <benchmark/benchmark.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "net/grpc_call.h"
#include "net/load_process.h"
#include "net/server.h"
#include "net/socket_address.h"
#include "net/testing/http2_client.h"

namespace slipway::net {
namespace {

// Answers every message with 130 bytes, at once.
class HelloReceiver final : public GrpcReceiver {
 public:
  explicit HelloReceiver(GrpcCall& call) : call_(&call) {}
  void Use(GrpcCall& call) { call_ = &call; }
  void OnMessage(GrpcMessage /*message*/) override {
    call_->reply().body.assign(130, ' ');
    call_->Send();
    call_->Finish(base::OkStatus());
  }
  void OnEndOfMessages() override {}
  void OnCancelled() override { call_->Finish(base::Cancelled("")); }

 private:
  GrpcCall* call_;
};

class HelloHandler final : public HttpHandler, public GrpcHandler {
 public:
  void OnRequest(Exchange& exchange) override {
    exchange.response().content_type = "application/json";
    exchange.response().body.assign(130, ' ');
    exchange.Send();
  }
  GrpcHandler* grpc() override { return this; }
  GrpcReceiver* OnCall(GrpcCall& call) override {
    // Calls that wait for their message at the same time, by turns: more than there are streams.
    const size_t i = next_++ % 1024;
    if (i == receivers_.size()) receivers_.push_back(std::make_unique<HelloReceiver>(call));
    receivers_[i]->Use(call);
    return receivers_[i].get();
  }

 private:
  std::vector<std::unique_ptr<HelloReceiver>> receivers_;
  size_t next_ = 0;
};

// One connection of a client that sends bytes made beforehand: HPACK knows all fields after the
// first request.
class Http2LoadConnection {
 public:
  Http2LoadConnection(const SocketAddress& where, const Http2Client::Fields& fields,
                      const std::string& body)
      : fd_(::socket(where.family(), SOCK_STREAM, 0)) {
    if (::connect(fd_, where.get(), where.size()) != 0) ::_exit(1);
    const std::string window = Http2Number(0x7FFF0000 - 65'535);
    SendAll(fd_, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
                     Http2Frame(NGHTTP2_SETTINGS, 0, 0,
                                std::string("\0\4", 2) + Http2Number(0x7FFFFFFF)) +
                     Http2Frame(NGHTTP2_WINDOW_UPDATE, 0, 0, window));
    std::string first;
    for (size_t i = 0; i < fields.size(); ++i) {
      std::string field = Http2HeaderBlock({fields[i]});
      field[0] = 0x40;  // literal with incremental indexing
      first += field;
      indexed_.push_back(static_cast<char>(0x80 + 61 + fields.size() - i));
    }
    body_ = body.substr(0, 5);  // the server's windows are small before its settings are known
    SendFirst(first);
    body_ = body;
  }

  int fd() const { return fd_; }
  void Send(int requests, bool packed) {
    std::string out;
    for (int i = 0; i < requests; ++i) {
      AppendRequest(indexed_, out);
      if (packed && i + 1 < requests) continue;
      SendAll(fd_, out);
      out.clear();
    }
  }
  // Takes what has come; the number of answers that ended.
  int Receive() {
    static std::vector<char> bytes(256 * 1024);
    const ssize_t received = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (received <= 0) ::_exit(1);
    received_ += static_cast<size_t>(received);
    if (received_ > 500'000'000) {
      SendAll(fd_, Http2Frame(NGHTTP2_WINDOW_UPDATE, 0, 0,
                              Http2Number(static_cast<uint32_t>(received_))));
      received_ = 0;
    }
    pending_.append(bytes.data(), static_cast<size_t>(received));
    int ended = 0;
    size_t at = 0;
    while (pending_.size() - at >= 9) {
      const auto byte = [&](size_t i) { return static_cast<uint8_t>(pending_[at + i]); };
      const size_t size =
          9 + (static_cast<size_t>(byte(0)) << 16 | static_cast<size_t>(byte(1)) << 8 | byte(2));
      if (pending_.size() - at < size) break;
      if (byte(3) <= NGHTTP2_HEADERS && (byte(4) & NGHTTP2_FLAG_END_STREAM) != 0) ++ended;
      at += size;
    }
    pending_.erase(0, at);
    return ended;
  }

 private:
  void SendFirst(const std::string& block) {
    std::string out;
    AppendRequest(block, out);
    SendAll(fd_, out);
    while (Receive() == 0) {
    }
    SendAll(fd_, Http2Frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, ""));
  }
  void AppendRequest(const std::string& block, std::string& out) {
    const uint32_t id = next_id_;
    next_id_ += 2;
    out += Http2Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, block);
    for (size_t at = 0; at < body_.size(); at += 16'384) {
      const std::string_view piece = std::string_view(body_).substr(at, 16'384);
      const bool end = at + piece.size() == body_.size();
      out += Http2Frame(NGHTTP2_DATA, end ? NGHTTP2_FLAG_END_STREAM : 0, id, piece);
    }
  }

  const int fd_;
  std::string indexed_;
  std::string body_;
  std::string pending_;
  size_t received_ = 0;
  uint32_t next_id_ = 1;
};

void ServeLoad(LoadProcess::Commands& commands, const std::string& address,
               const Http2Client::Fields& fields, const std::string& body,
               const benchmark::State& state, int batch) {
  const int connections = static_cast<int>(state.range(1));
  const int streams = static_cast<int>(state.range(2));
  const bool packed = state.range(3) != 0;
  const SocketAddress where = *SocketAddress::Parse(address);
  const int epoll = ::epoll_create1(0);
  std::vector<std::unique_ptr<Http2LoadConnection>> all;
  for (int i = 0; i < connections; ++i) {
    all.push_back(std::make_unique<Http2LoadConnection>(where, fields, body));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = all.back().get();
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, all.back()->fd(), &event);
  }
  while (commands.Wait()) {
    int to_send = batch - connections * streams;
    int to_come = batch;
    for (const auto& connection : all) connection->Send(streams, packed);
    while (to_come > 0) {
      epoll_event events[64];
      const int ready = ::epoll_wait(epoll, events, 64, -1);
      for (int i = 0; i < ready; ++i) {
        auto& connection = *static_cast<Http2LoadConnection*>(events[i].data.ptr);
        const int ended = connection.Receive();
        to_come -= ended;
        const int more = std::min(ended, to_send);
        to_send -= more;
        connection.Send(more, packed);
      }
    }
    commands.Done();
  }
}

void Measure(benchmark::State& state, const Http2Client::Fields& fields, const std::string& body) {
  PinToServerCore();
  base::RealClock clock;
  const std::unique_ptr<base::Logger> log = base::Logger::Null();
  Server::Options options;
  options.listen = {*ListenAddress::Parse("127.0.0.1:0")};
  auto server = Server::Start(
      options, [](EventLoop&) { return std::make_unique<HelloHandler>(); }, clock, *log);
  SLIPWAY_CHECK(server.ok());
  const std::string address = (*server)->addresses()[0].text;
  const int batch = body.size() > 10'000 ? 1'000 : 50'000;
  LoadProcess load([&](LoadProcess::Commands& commands) {
    ServeLoad(commands, address, fields, body, state, batch);
  });
  MeasureCpu(state, load, batch);
}

// How much CPU does one gRPC call cost in the network layer, when the handler does nothing?
// Arguments: bytes of the message, connections, calls outstanding on each, and whether the client
// sends several calls in one packet (1) or each in its own (0).
void BM_GrpcCpuPerCall(benchmark::State& state) {
  Measure(state,
          GrpcFields("/inference.GRPCInferenceService/ModelInfer",
                     {{"user-agent", "benchmark/1"}, {"grpc-accept-encoding", "identity,gzip"}}),
          GrpcFrame(std::string(static_cast<size_t>(state.range(0)), 'm')));
}
BENCHMARK(BM_GrpcCpuPerCall)
    ->ArgNames({"message", "connections", "streams", "packed"})
    ->Args({269, 4, 8, 1})
    ->Args({269, 4, 8, 0})
    ->Args({602'146, 4, 2, 1})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// The same for a plain request.
void BM_Http2CpuPerRequest(benchmark::State& state) {
  Measure(state, HttpFields("POST", "/v2/models/mlp/infer", {{"content-type", "application/json"}}),
          std::string(static_cast<size_t>(state.range(0)), ' '));
}
BENCHMARK(BM_Http2CpuPerRequest)
    ->ArgNames({"body", "connections", "streams", "packed"})
    ->Args({310, 4, 8, 1})
    ->Args({310, 4, 8, 0})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace slipway::net
