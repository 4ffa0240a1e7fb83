#include "net/testing/test_server.h"

#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/str_cat.h"
#include "net/event_loop.h"

namespace slipway::net {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 5s;

class FunctionHandler final : public HttpHandler {
 public:
  FunctionHandler(TestServer::OnRequest on_request, GrpcHandler* grpc)
      : on_request_(std::move(on_request)), grpc_(grpc) {}
  void OnRequest(Exchange& exchange) override { on_request_(exchange); }
  GrpcHandler* grpc() override { return grpc_; }

 private:
  TestServer::OnRequest on_request_;
  GrpcHandler* const grpc_;
};

}  // namespace

TestServer::TestServer(const Limits& limits, OnRequest on_request, std::string_view address,
                       size_t io_threads, GrpcHandler* grpc) {
  if (on_request == nullptr) on_request = EchoRequest;
  Server::Options options;
  options.listen = {*ListenAddress::Parse(address)};
  options.io_threads = io_threads;
  options.limits = limits;
  const HttpHandlerFactory make_handler = [&](EventLoop&) {
    return std::make_unique<FunctionHandler>(on_request, grpc);
  };
  base::Result<std::unique_ptr<Server>> server =
      Server::Start(options, make_handler, clock_, *log_);
  SLIPWAY_CHECK(server.ok());
  server_ = *std::move(server);
}

TestServer::~TestServer() = default;

std::string TestServer::url() const {
  return address().starts_with("unix:") ? address() : "http://" + address();
}

void TestServer::OnLoop(const std::function<void()>& work) {
  std::promise<void> done;
  server_->loops()[0]->Post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

void EchoRequest(Exchange& exchange) {
  const HttpRequest& request = exchange.request();
  const std::string_view body(reinterpret_cast<const char*>(request.body.data()),
                              request.body.size());
  exchange.response().content_type = "text/plain";
  exchange.response().body =
      base::StrCat(request.method_name, " ", request.path, request.query.empty() ? "" : "?",
                   request.query, " ", body);
  exchange.Send();
}

void HeldRequests::Hold(Exchange& exchange) {
  exchange.set_on_client_gone([this] {
    ++clients_gone_;
    changed_.notify_all();
  });
  const std::lock_guard lock(mutex_);
  held_.push_back(&exchange);
  changed_.notify_all();
}

bool HeldRequests::WaitFor(size_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return held_.size() >= count; });
}

bool HeldRequests::WaitForClientsGone(size_t count) {
  return Eventually([&] { return clients_gone_ >= count; });
}

void HeldRequests::AnswerFirst(std::string_view body) {
  Exchange* exchange = nullptr;
  {
    const std::lock_guard lock(mutex_);
    exchange = held_.front();
    held_.erase(held_.begin());
  }
  exchange->response().body = body;
  exchange->Send();
}

bool Eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

}  // namespace slipway::net
