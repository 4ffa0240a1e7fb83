#pragma once

#include <optional>
#include <string>

#include "base/random.h"
#include "frontend/model_control.h"
#include "frontend/openinference/infer_task.h"
#include "frontend/openinference/route.h"
#include "frontend/services.h"
#include "net/exchange.h"

namespace slipway::frontend::openinference {

// Open Inference Protocol v2 over HTTP, with Triton's extensions, for one event loop: everything
// below /v2. Source: KServe, "Open Inference Protocol"; Triton's extensions to it.
//
// Thread-compatible: the loop's thread only. Owns the requests that are being answered, so it must
// outlive them: destroy it after its loop has stopped.
class OpenInferenceHandler final : public net::HttpHandler {
 public:
  explicit OpenInferenceHandler(const Services& services);

  // Whether requests for this path are ours.
  static bool Owns(std::string_view path) {
    return path == "/v2" || path.starts_with("/v2/") || path == "/predict";
  }
  // Answers; 404 for a path that is none of ours.
  void OnRequest(net::Exchange& exchange) override;

 private:
  using Method = void (OpenInferenceHandler::*)(net::Exchange&, const PathArguments&);
  struct Route {
    net::HttpMethod method;
    std::string_view pattern;
    Method answer;
  };
  static const Route kRoutes[];

  void Refuse(net::Exchange& exchange);

  void Infer(net::Exchange& exchange, const PathArguments& path);
  void Predict(net::Exchange& exchange, const PathArguments& path);
  void PredictOnlyModel(net::Exchange& exchange, const PathArguments& path);
  void Generate(net::Exchange& exchange, const PathArguments& path);
  void GenerateStream(net::Exchange& exchange, const PathArguments& path);
  void ServerMetadata(net::Exchange& exchange, const PathArguments& path);
  void Live(net::Exchange& exchange, const PathArguments& path);
  void Ready(net::Exchange& exchange, const PathArguments& path);
  void ModelList(net::Exchange& exchange, const PathArguments& path);
  void ModelMetadata(net::Exchange& exchange, const PathArguments& path);
  void ModelReady(net::Exchange& exchange, const PathArguments& path);
  void ModelConfig(net::Exchange& exchange, const PathArguments& path);
  void AllStatistics(net::Exchange& exchange, const PathArguments& path);
  void ModelStatistics(net::Exchange& exchange, const PathArguments& path);
  void RepositoryIndex(net::Exchange& exchange, const PathArguments& path);
  void RepositoryLoad(net::Exchange& exchange, const PathArguments& path);
  void RepositoryUnload(net::Exchange& exchange, const PathArguments& path);
  void NamedRepository(net::Exchange& exchange, const PathArguments& path);
  void Logging(net::Exchange& exchange, const PathArguments& path);
  void SetLogging(net::Exchange& exchange, const PathArguments& path);
  void Tracing(net::Exchange& exchange, const PathArguments& path);
  // shared_memory_routes.cc
  void SharedMemoryStatus(net::Exchange& exchange, const PathArguments& path);
  void SharedMemoryRegister(net::Exchange& exchange, const PathArguments& path);
  void SharedMemoryUnregister(net::Exchange& exchange, const PathArguments& path);
  void CudaMemoryStatus(net::Exchange& exchange, const PathArguments& path);
  void CudaMemoryRegister(net::Exchange& exchange, const PathArguments& path);
  void CudaMemoryUnregister(net::Exchange& exchange, const PathArguments& path);

  void RunTask(InferTask::Kind kind, net::Exchange& exchange, const PathArguments& path);
  // `found`: whether `task` has its model, else why not.
  void Start(InferTask::Kind kind, net::Exchange& exchange, InferTask& task,
             const base::Status& found);
  // Resolves the model of the path into `call`. The error is kUnavailable for a model that is known
  // but not ready, else kNotFound.
  base::Status Resolve(const PathArguments& path, inference::InferCall& call);
  // The model of the path, or nullptr after an error was sent. Valid for this call.
  const lifecycle::LoadedModel* FindModel(net::Exchange& exchange, const PathArguments& path,
                                          InferTask& task);
  ModelControl::Done AnswerLater(net::Exchange& exchange, std::string json);

  const Services services_;
  base::Random random_;
  InferTaskPool tasks_;
  std::string name_;  // the decoded {m}
};

}  // namespace slipway::frontend::openinference
