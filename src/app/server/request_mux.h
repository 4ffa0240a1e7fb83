#pragma once

#include <functional>
#include <string>

#include "app/server/browser_guard.h"
#include "frontend/grpc/grpc_front_end.h"
#include "frontend/openinference/open_inference_handler.h"
#include "frontend/server_state.h"
#include "frontend/shared_memory_registry.h"
#include "inference/dispatcher.h"
#include "net/event_loop.h"
#include "net/exchange.h"

namespace slipway::app {

// The handler of one event loop: the server's own pages, everything else to the front ends.
//   GET /metrics                 Prometheus text
//   GET /livez /readyz /health   probes; never wait for models
//   GET /                        one line that says what this is
// gRPC calls go to their front end. What a stranger's web page asks is refused (BrowserGuard).
// Thread-compatible, like every HttpHandler.
class RequestMux final : public net::HttpHandler {
 public:
  // All must outlive the handler; `shard` is the position of its loop among the IO threads.
  struct Services {
    lifecycle::SnapshotPublisher& publisher;
    frontend::ModelControl& control;
    const frontend::ServerState& state;
    net::EventLoop& loop;
    base::Clock& clock;
    base::Logger& log;
    size_t shard;
    const BrowserGuard& guard;
    frontend::SharedMemoryRegistry* shared_memory;  // null: shared memory is off
    std::string client_header;                      // for frontend::ClientOf()
    monitor::RequestTracer& tracer;
  };

  RequestMux(const Services& services, std::function<std::string()> render_metrics);
  ~RequestMux() override;

  void OnRequest(net::Exchange& exchange) override;
  net::GrpcHandler* grpc() override { return &grpc_; }

 private:
  void AnswerOwnPage(net::Exchange& exchange);

  const frontend::ServerState& state_;
  const BrowserGuard& guard_;
  const std::function<std::string()> render_metrics_;
  inference::Dispatcher dispatcher_;
  frontend::openinference::OpenInferenceHandler open_inference_;
  frontend::grpc::GrpcFrontEnd grpc_;
};

}  // namespace slipway::app
