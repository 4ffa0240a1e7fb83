#include "app/server/request_mux.h"

#include <chrono>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "monitor/metrics_text.h"

namespace slipway::app {
namespace {

void Answer(net::Exchange& exchange, int status, std::string_view content_type,
            std::string_view body) {
  net::HttpResponse& response = exchange.response();
  response.status = status;
  response.content_type = content_type;
  response.body.assign(body);
  exchange.Send();
}

void AnswerError(net::Exchange& exchange, int status, std::string_view message) {
  Answer(exchange, status, "application/json",
         base::StrCat(R"({"error":)", base::JsonString(message), "}"));
}

bool IsOwnPage(std::string_view path) {
  return path == "/" || path == "/metrics" || path == "/metrics/" || path == "/livez" ||
         path == "/readyz" || path == "/health";
}

frontend::Services FrontEndServices(const RequestMux::Services& services,
                                    inference::Dispatcher& dispatcher) {
  return {.dispatcher = dispatcher,
          .control = services.control,
          .state = services.state,
          .loop = services.loop,
          .clock = services.clock,
          .log = services.log,
          .shared_memory = services.shared_memory,
          .client_header = services.client_header,
          .tracer = &services.tracer};
}

}  // namespace

RequestMux::RequestMux(const Services& services, std::function<std::string()> render_metrics)
    : state_(services.state),
      guard_(services.guard),
      render_metrics_(std::move(render_metrics)),
      dispatcher_(services.publisher, services.loop, services.clock, services.shard),
      open_inference_(FrontEndServices(services, dispatcher_)),
      grpc_(FrontEndServices(services, dispatcher_),
            [&loop = services.loop](std::chrono::milliseconds delay, std::function<void()> work) {
              loop.AddTimer(delay, std::move(work));
            }) {}

RequestMux::~RequestMux() { dispatcher_.WaitIdle(); }

void RequestMux::OnRequest(net::Exchange& exchange) {
  const net::HttpRequest& request = exchange.request();
  if (const base::Status allowed = guard_.Check(request); !allowed.ok()) {
    AnswerError(exchange, 403, allowed.message());
  } else if (frontend::openinference::OpenInferenceHandler::Owns(request.path)) {
    open_inference_.OnRequest(exchange);
  } else if (!IsOwnPage(request.path)) {
    AnswerError(
        exchange, 404,
        base::StrCat(
            "no route '", base::Printable(request.path),
            "': models answer below /v2 and at /predict, metrics at /metrics, probes at /livez "
            "and /readyz"));
  } else if (request.method != net::HttpMethod::kGet && request.method != net::HttpMethod::kHead) {
    exchange.response().AddHeader("allow", "GET, HEAD");
    AnswerError(exchange, 405, base::StrCat(base::Printable(request.path), " answers GET only"));
  } else {
    AnswerOwnPage(exchange);
  }
}

void RequestMux::AnswerOwnPage(net::Exchange& exchange) {
  const std::string_view path = exchange.request().path;
  if (path.starts_with("/metrics")) {
    exchange.response().compressible = true;
    Answer(exchange, 200, monitor::MetricsText::kContentType, render_metrics_());
  } else if (path == "/readyz" || path == "/health") {
    const bool ready = state_.ready();
    Answer(exchange, ready ? 200 : 503, "application/json",
           ready ? R"({"ready":true})" : R"({"ready":false,"error":"not ready"})");
  } else if (path == "/livez") {
    Answer(exchange, 200, "application/json", R"({"live":true})");
  } else {
    Answer(exchange, 200, "text/plain; charset=utf-8",
           base::StrCat(state_.name(), " ", state_.version(),
                        ": Open Inference Protocol below /v2, Prometheus metrics at /metrics\n"));
  }
}

}  // namespace slipway::app
