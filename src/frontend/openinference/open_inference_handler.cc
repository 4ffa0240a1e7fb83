#include "frontend/openinference/open_inference_handler.h"

#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/http_answer.h"
#include "frontend/openinference/logging_api.h"
#include "frontend/openinference/metadata_json.h"
#include "frontend/openinference/model_config_json.h"
#include "frontend/openinference/model_finder.h"
#include "frontend/openinference/repository_api.h"
#include "frontend/openinference/statistics_json.h"
#include "frontend/openinference/trace_api.h"
#include "frontend/request_ids.h"

namespace slipway::frontend::openinference {

using base::Status;
using base::StrCat;
using lifecycle::LoadedModel;
using net::Exchange;
using net::HttpMethod;

// Order: what is asked most comes first; "/v2/models/stats" stands before the model of that name.
const OpenInferenceHandler::Route OpenInferenceHandler::kRoutes[] = {
    {HttpMethod::kPost, "/v2/models/{m}/infer", &OpenInferenceHandler::Infer},
    {HttpMethod::kPost, "/v2/models/{m}/versions/{v}/infer", &OpenInferenceHandler::Infer},
    {HttpMethod::kGet, "/v2/health/live", &OpenInferenceHandler::Live},
    {HttpMethod::kGet, "/v2/health/ready", &OpenInferenceHandler::Ready},
    {HttpMethod::kGet, "/v2", &OpenInferenceHandler::ServerMetadata},
    {HttpMethod::kGet, "/v2/models", &OpenInferenceHandler::ModelList},
    {HttpMethod::kGet, "/v2/models/stats", &OpenInferenceHandler::AllStatistics},
    {HttpMethod::kGet, "/v2/models/{m}", &OpenInferenceHandler::ModelMetadata},
    {HttpMethod::kGet, "/v2/models/{m}/versions/{v}", &OpenInferenceHandler::ModelMetadata},
    {HttpMethod::kGet, "/v2/models/{m}/ready", &OpenInferenceHandler::ModelReady},
    {HttpMethod::kGet, "/v2/models/{m}/versions/{v}/ready", &OpenInferenceHandler::ModelReady},
    {HttpMethod::kGet, "/v2/models/{m}/config", &OpenInferenceHandler::ModelConfig},
    {HttpMethod::kGet, "/v2/models/{m}/versions/{v}/config", &OpenInferenceHandler::ModelConfig},
    {HttpMethod::kGet, "/v2/models/{m}/stats", &OpenInferenceHandler::ModelStatistics},
    {HttpMethod::kGet, "/v2/models/{m}/versions/{v}/stats", &OpenInferenceHandler::ModelStatistics},
    {HttpMethod::kPost, "/predict", &OpenInferenceHandler::PredictOnlyModel},
    {HttpMethod::kPost, "/v2/models/{m}/predict", &OpenInferenceHandler::Predict},
    {HttpMethod::kPost, "/v2/models/{m}/versions/{v}/predict", &OpenInferenceHandler::Predict},
    {HttpMethod::kPost, "/v2/models/{m}/generate", &OpenInferenceHandler::Generate},
    {HttpMethod::kPost, "/v2/models/{m}/versions/{v}/generate", &OpenInferenceHandler::Generate},
    {HttpMethod::kPost, "/v2/models/{m}/generate_stream", &OpenInferenceHandler::GenerateStream},
    {HttpMethod::kPost, "/v2/models/{m}/versions/{v}/generate_stream",
     &OpenInferenceHandler::GenerateStream},
    {HttpMethod::kPost, "/v2/repository/index", &OpenInferenceHandler::RepositoryIndex},
    {HttpMethod::kPost, "/v2/repository/models/{m}/load", &OpenInferenceHandler::RepositoryLoad},
    {HttpMethod::kPost, "/v2/repository/models/{m}/unload",
     &OpenInferenceHandler::RepositoryUnload},
    {HttpMethod::kPost, "/v2/repository/{n}/index", &OpenInferenceHandler::NamedRepository},
    {HttpMethod::kPost, "/v2/repository/{n}/models/{m}/load",
     &OpenInferenceHandler::NamedRepository},
    {HttpMethod::kPost, "/v2/repository/{n}/models/{m}/unload",
     &OpenInferenceHandler::NamedRepository},
    {HttpMethod::kGet, "/v2/logging", &OpenInferenceHandler::Logging},
    {HttpMethod::kPost, "/v2/logging", &OpenInferenceHandler::SetLogging},
    {HttpMethod::kGet, "/v2/trace/setting", &OpenInferenceHandler::Tracing},
    {HttpMethod::kPost, "/v2/trace/setting", &OpenInferenceHandler::Tracing},
    {HttpMethod::kGet, "/v2/models/{m}/trace/setting", &OpenInferenceHandler::Tracing},
    {HttpMethod::kPost, "/v2/models/{m}/trace/setting", &OpenInferenceHandler::Tracing},
    {HttpMethod::kGet, "/v2/systemsharedmemory/status", &OpenInferenceHandler::SharedMemoryStatus},
    {HttpMethod::kGet, "/v2/systemsharedmemory/region/{n}/status",
     &OpenInferenceHandler::SharedMemoryStatus},
    {HttpMethod::kPost, "/v2/systemsharedmemory/region/{n}/register",
     &OpenInferenceHandler::SharedMemoryRegister},
    {HttpMethod::kPost, "/v2/systemsharedmemory/unregister",
     &OpenInferenceHandler::SharedMemoryUnregister},
    {HttpMethod::kPost, "/v2/systemsharedmemory/region/{n}/unregister",
     &OpenInferenceHandler::SharedMemoryUnregister},
    {HttpMethod::kGet, "/v2/cudasharedmemory/status", &OpenInferenceHandler::CudaMemoryStatus},
    {HttpMethod::kGet, "/v2/cudasharedmemory/region/{n}/status",
     &OpenInferenceHandler::CudaMemoryStatus},
    {HttpMethod::kPost, "/v2/cudasharedmemory/region/{n}/register",
     &OpenInferenceHandler::CudaMemoryRegister},
    {HttpMethod::kPost, "/v2/cudasharedmemory/unregister",
     &OpenInferenceHandler::CudaMemoryUnregister},
    {HttpMethod::kPost, "/v2/cudasharedmemory/region/{n}/unregister",
     &OpenInferenceHandler::CudaMemoryUnregister},
};

OpenInferenceHandler::OpenInferenceHandler(const Services& services)
    : services_(services),
      random_(base::RandomSeed()),
      tasks_({.dispatcher = services.dispatcher,
              .clock = services.clock,
              .log = services.log,
              .shared_memory = services.shared_memory,
              .client_header = services.client_header,
              .tracer = services.tracer}) {}

void OpenInferenceHandler::OnRequest(Exchange& exchange) {
  const net::HttpRequest& request = exchange.request();
  // The network layer leaves the body of an answer to HEAD out.
  const HttpMethod method = request.method == HttpMethod::kHead ? HttpMethod::kGet : request.method;
  PathArguments arguments;
  for (const Route& route : kRoutes) {
    if (route.method == method && MatchPath(route.pattern, request.path, arguments)) {
      (this->*route.answer)(exchange, arguments);
      return;
    }
  }
  Refuse(exchange);
}

// No route fits: 405 where the path is known under another method, else 404.
void OpenInferenceHandler::Refuse(Exchange& exchange) {
  std::string allowed;
  PathArguments arguments;
  for (const Route& route : kRoutes) {
    if (!MatchPath(route.pattern, exchange.request().path, arguments)) continue;
    const std::string_view name = route.method == HttpMethod::kGet ? "GET, HEAD" : "POST";
    if (allowed.find(name) != std::string::npos) continue;
    if (!allowed.empty()) allowed.append(", ");
    allowed.append(name);
    if (route.pattern == "/v2/models/stats") break;  // not also the model of that name
  }
  if (allowed.empty()) {
    SetError(404, "Not Found", exchange.response());
  } else {
    SetError(405, "Method Not Allowed", exchange.response());
    exchange.response().AddHeader("allow", allowed);
  }
  exchange.Send();
}

// --- models ---

Status OpenInferenceHandler::Resolve(const PathArguments& path, inference::InferCall& call) {
  if (!net::PercentDecode(path.model, name_)) {
    return base::InvalidArgument(
        "the model name in the path is not percent-encoded as it should be");
  }
  std::optional<int64_t> version;
  SLIPWAY_RETURN_IF_ERROR(ParseVersion(name_, path.version, version));
  return frontend::openinference::FindModel(services_.dispatcher, services_.control, name_, version,
                                            call);
}

void OpenInferenceHandler::RunTask(InferTask::Kind kind, Exchange& exchange,
                                   const PathArguments& path) {
  InferTask& task = tasks_.Take();
  Start(kind, exchange, task, Resolve(path, task));
}

void OpenInferenceHandler::Start(InferTask::Kind kind, Exchange& exchange, InferTask& task,
                                 const Status& found) {
  const RequestIds ids = RequestIds::Of(exchange.request(), random_);
  if (found.ok()) {
    task.Run(kind, exchange, ids);
    return;
  }
  tasks_.Give(task);
  ids.AddTo(exchange.response());
  SendError(found, exchange);
}

void OpenInferenceHandler::Infer(Exchange& exchange, const PathArguments& path) {
  RunTask(InferTask::Kind::kInfer, exchange, path);
}

void OpenInferenceHandler::Predict(Exchange& exchange, const PathArguments& path) {
  RunTask(InferTask::Kind::kPredict, exchange, path);
}

// Without a name there must be one model only.
void OpenInferenceHandler::PredictOnlyModel(Exchange& exchange, const PathArguments&) {
  const auto& models = services_.dispatcher.snapshot().models();
  if (models.size() != 1) {
    SendError(
        base::InvalidArgument(StrCat("POST /predict is for a server of one model, this one has ",
                                     models.size(), ": name it, as in POST /v2/models/",
                                     models.empty() ? "NAME" : models.front().name, "/predict")),
        exchange);
    return;
  }
  InferTask& task = tasks_.Take();
  name_ = models.front().name;
  Start(InferTask::Kind::kPredict, exchange, task,
        frontend::openinference::FindModel(services_.dispatcher, services_.control, name_,
                                           std::nullopt, task));
}

void OpenInferenceHandler::Generate(Exchange& exchange, const PathArguments& path) {
  RunTask(InferTask::Kind::kGenerate, exchange, path);
}

void OpenInferenceHandler::GenerateStream(Exchange& exchange, const PathArguments& path) {
  RunTask(InferTask::Kind::kGenerateStream, exchange, path);
}

const LoadedModel* OpenInferenceHandler::FindModel(Exchange& exchange, const PathArguments& path,
                                                   InferTask& task) {
  const Status found = Resolve(path, task);
  const LoadedModel* model = found.ok() ? task.model : nullptr;
  tasks_.Give(task);
  if (model == nullptr) {
    SendError(found, exchange);
    return nullptr;
  }
  AddModelHeader(*model, exchange.response());
  return model;
}

void OpenInferenceHandler::ModelList(Exchange& exchange, const PathArguments&) {
  SendJson(ModelListJson(services_.dispatcher.snapshot()), exchange);
}

void OpenInferenceHandler::ModelMetadata(Exchange& exchange, const PathArguments& path) {
  const LoadedModel* model = FindModel(exchange, path, tasks_.Take());
  if (model == nullptr) return;
  const lifecycle::ModelId id = model->id();  // the next look may be at a newer table
  const lifecycle::Snapshot& snapshot = services_.dispatcher.snapshot();
  const auto* all = snapshot.Find(id.name);
  const auto* one = snapshot.Find(id.name, id.version);
  if (all == nullptr || one == nullptr) {  // unloaded between two looks
    SendError(base::Unavailable("the model was just unloaded"), exchange);
    return;
  }
  const std::span<const lifecycle::ModelHandle> versions =
      path.version.empty() ? std::span(all->versions) : std::span(one, 1);
  SendJson(ModelMetadataJson(**one, versions, services_.state.backend()), exchange);
}

void OpenInferenceHandler::ModelReady(Exchange& exchange, const PathArguments& path) {
  const LoadedModel* model = FindModel(exchange, path, tasks_.Take());
  if (model == nullptr) return;
  SendJson(StrCat("{\"name\":", base::JsonString(model->id().name), ",\"ready\":true}"), exchange);
}

void OpenInferenceHandler::ModelConfig(Exchange& exchange, const PathArguments& path) {
  const LoadedModel* model = FindModel(exchange, path, tasks_.Take());
  if (model == nullptr) return;
  SendJson(ModelConfigJson(*model, services_.state.backend()), exchange);
}

void OpenInferenceHandler::AllStatistics(Exchange& exchange, const PathArguments&) {
  StatisticsJson json;
  for (const lifecycle::Snapshot::Model& model : services_.dispatcher.snapshot().models()) {
    for (const lifecycle::ModelHandle& version : model.versions) {
      json.Add(*version, inference::ModelRuntime::Of(*version).stats().Read());
    }
  }
  SendJson(json.Finish(), exchange);
}

// Triton answers 400, not 404, for a model that is not there; perf_analyzer relies on neither.
void OpenInferenceHandler::ModelStatistics(Exchange& exchange, const PathArguments& path) {
  InferTask& task = tasks_.Take();
  const Status found = Resolve(path, task);
  if (!found.ok()) {
    tasks_.Give(task);
    SendError(base::InvalidArgument(found.message()), exchange);
    return;
  }
  const std::string name = task.model->id().name;
  const int64_t version = task.model->id().version;
  tasks_.Give(task);
  StatisticsJson json;
  if (const auto* model = services_.dispatcher.snapshot().Find(name)) {
    for (const lifecycle::ModelHandle& handle : model->versions) {
      if (!path.version.empty() && handle->id().version != version) continue;
      json.Add(*handle, inference::ModelRuntime::Of(*handle).stats().Read());
    }
  }
  SendJson(json.Finish(), exchange);
}

// --- the server ---

void OpenInferenceHandler::ServerMetadata(Exchange& exchange, const PathArguments&) {
  SendJson(ServerMetadataJson(services_), exchange);
}

void OpenInferenceHandler::Live(Exchange& exchange, const PathArguments&) {
  if (services_.state.live()) {
    SendJson("{\"live\":true}", exchange);
    return;
  }
  exchange.response().status = 503;
  SendJson("{\"live\":false,\"error\":\"the server is not live\"}", exchange);
}

void OpenInferenceHandler::Ready(Exchange& exchange, const PathArguments&) {
  if (services_.state.ready() && !services_.state.draining()) {
    SendJson("{\"ready\":true}", exchange);
    return;
  }
  const std::string_view why =
      services_.state.draining() ? "the server is shutting down" : "models are being loaded";
  exchange.response().status = 503;
  SendJson(StrCat("{\"ready\":false,\"error\":\"", why, "\"}"), exchange);
}

// --- the repository ---

ModelControl::Done OpenInferenceHandler::AnswerLater(Exchange& exchange, std::string json) {
  return [&loop = services_.loop, &exchange, json = std::move(json)](const Status& status) {
    loop.Post([&exchange, json, status] {
      if (status.ok()) {
        SendJson(json, exchange);
        return;
      }
      // Short of memory or descriptors: the server's trouble, not a client that asks too often.
      const bool short_of = status.code() == base::StatusCode::kResourceExhausted;
      SetError(short_of ? 503 : HttpStatusOf(status.code()), status.message(), exchange.response());
      exchange.Send();
    });
  };
}

void OpenInferenceHandler::RepositoryIndex(Exchange& exchange, const PathArguments&) {
  const base::Result<bool> ready_only = ReadIndexRequest(exchange.request().body);
  if (!ready_only.ok()) {
    SendError(ready_only.status(), exchange);
    return;
  }
  SendJson(IndexJson(services_.control.Index(), *ready_only), exchange);
}

void OpenInferenceHandler::RepositoryLoad(Exchange& exchange, const PathArguments& path) {
  std::string name;
  if (!net::PercentDecode(path.model, name)) {
    SendError(base::InvalidArgument("the model name in the path is not valid"), exchange);
    return;
  }
  std::string answer = StrCat("{\"name\":", base::JsonString(name), ",\"load\":true}");
  base::Result<ModelControl::LoadRequest> request =
      ReadLoadRequest(std::move(name), exchange.request().body);
  if (!request.ok()) {
    SendError(request.status(), exchange);
    return;
  }
  services_.control.Load(*std::move(request), AnswerLater(exchange, std::move(answer)));
}

void OpenInferenceHandler::RepositoryUnload(Exchange& exchange, const PathArguments& path) {
  std::string name;
  Status read = ReadUnloadRequest(exchange.request().body);
  if (read.ok() && !net::PercentDecode(path.model, name)) {
    read = base::InvalidArgument("the model name in the path is not valid");
  }
  if (!read.ok()) {
    SendError(read, exchange);
    return;
  }
  std::string answer = StrCat("{\"name\":", base::JsonString(name), ",\"unload\":true}");
  services_.control.Unload(std::move(name), AnswerLater(exchange, std::move(answer)));
}

void OpenInferenceHandler::NamedRepository(Exchange& exchange, const PathArguments& path) {
  SendError(NamedRepositoryRefused(path.name), exchange);
}

// --- settings ---

void OpenInferenceHandler::Logging(Exchange& exchange, const PathArguments&) {
  SendJson(LoggingJson(services_.log), exchange);
}

void OpenInferenceHandler::SetLogging(Exchange& exchange, const PathArguments&) {
  const Status status = UpdateLogging(exchange.request().body, services_.log);
  if (!status.ok()) {
    SendError(status, exchange);
    return;
  }
  SendJson(LoggingJson(services_.log), exchange);
}

void OpenInferenceHandler::Tracing(Exchange& exchange, const PathArguments& path) {
  name_.clear();
  if (!path.model.empty() && FindModel(exchange, path, tasks_.Take()) == nullptr) return;
  if (services_.tracer == nullptr) {
    SendError(base::Unimplemented("requests are not traced here"), exchange);
    return;
  }
  const net::HttpRequest& request = exchange.request();
  if (request.method == HttpMethod::kPost && !request.body.empty()) {
    const Status status = UpdateTraces(request.body, name_, *services_.tracer);
    if (!status.ok()) {
      SendError(status, exchange);
      return;
    }
  }
  SendJson(TraceJson(name_, *services_.tracer), exchange);
}

}  // namespace slipway::frontend::openinference
