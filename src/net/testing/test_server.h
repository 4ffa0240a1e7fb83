#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "net/server.h"

namespace slipway::net {

// A server on a free loopback port whose handler is a function, for tests.
class TestServer {
 public:
  using OnRequest = std::function<void(Exchange&)>;

  // Answers every request with EchoRequest() by default. `grpc` must live until Stop(), and is used
  // by all IO threads.
  explicit TestServer(const Limits& limits = {}, OnRequest on_request = nullptr,
                      std::string_view address = "127.0.0.1:0", size_t io_threads = 1,
                      GrpcHandler* grpc = nullptr);
  ~TestServer();

  Server& server() { return *server_; }
  std::string address() const { return server_->addresses()[0].text; }
  std::string url() const;
  ServerStats stats() const { return server_->stats(); }
  // Runs `work` on the first IO thread and waits for it.
  void OnLoop(const std::function<void()>& work);
  void Stop() { server_.reset(); }

 private:
  base::RealClock clock_;
  const std::unique_ptr<base::Logger> log_ = base::Logger::Null();
  std::unique_ptr<Server> server_;
};

// Answers with "METHOD PATH?QUERY BODY".
void EchoRequest(Exchange& exchange);

// A handler that keeps requests until the test answers them.
class HeldRequests {
 public:
  TestServer::OnRequest handler() {
    return [this](Exchange& exchange) { Hold(exchange); };
  }
  // Waits until `count` requests are held.
  bool WaitFor(size_t count);
  // Answers the oldest held request; call through TestServer::OnLoop().
  void AnswerFirst(std::string_view body);
  size_t clients_gone() const { return clients_gone_; }
  bool WaitForClientsGone(size_t count);

 private:
  void Hold(Exchange& exchange);

  std::mutex mutex_;  // guards held_
  std::condition_variable changed_;
  std::vector<Exchange*> held_;
  std::atomic<size_t> clients_gone_ = 0;
};

// Waits up to 5 s until `condition` holds; whether it does.
bool Eventually(const std::function<bool()>& condition);

}  // namespace slipway::net
