#include "engine/onnxruntime/onnx_runtime_factory.h"

#include <malloc.h>

#include <algorithm>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "engine/model_bytes.h"
#include "engine/onnxruntime/memory_estimate.h"
#include "engine/onnxruntime/onnx_engine.h"
#include "engine/onnxruntime/providers.h"
#include "engine/onnxruntime/runtime.h"
#include "engine/onnxruntime/session_builder.h"
#include "engine/onnxruntime/signature_reader.h"
#include "graph/onnx_summary.h"

namespace slipway::engine {

using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using graph::OnnxSummary;

namespace {

std::string FileContext(const ModelFiles& files) {
  return StrCat("model file '", Printable(files.model_file), "'");
}

// From this size on a model is worth a walk through the allocator's free lists: loading leaves
// there one to eleven times what the model keeps.
constexpr uint64_t kTrimFromBytes = 1 << 20;

bool HasLoops(const OnnxSummary& summary) {
  return std::ranges::any_of(summary.operators, [](const auto& entry) {
    return entry.type == "Loop" || entry.type == "Scan";
  });
}

Result<std::unique_ptr<Engine>> LoadFiles(const base::FileSystem& system,
                                          std::shared_ptr<const Runtime> runtime,
                                          const ModelFiles& files, const EngineOptions& options) {
  SLIPWAY_ASSIGN_OR_RETURN(ModelBytes bytes, ModelBytes::Open(system, files));
  SLIPWAY_ASSIGN_OR_RETURN(const OnnxSummary summary, graph::ReadOnnxSummary(bytes.model()));
  SLIPWAY_RETURN_IF_ERROR(CheckDeclaredTypes(summary));
  SLIPWAY_ASSIGN_OR_RETURN(SessionPtr session, BuildSession(*runtime, summary, bytes, options));
  std::vector<std::string> dropped;
  SLIPWAY_ASSIGN_OR_RETURN(tensor::Signature signature,
                           ReadSignature(*runtime, session.get(), summary, dropped));
  for (const std::string& output : dropped) {
    runtime->logger.Warn("an output is no tensor and is left out",
                         {{"file", files.model_file}, {"output", output}});
  }
  const bool large = summary.file_bytes + summary.external_bytes >= kTrimFromBytes;
  if (large) malloc_trim(0);
  return std::unique_ptr<Engine>(
      new OnnxEngine(std::move(runtime), std::move(session), std::move(signature),
                     {.trim_memory = large, .unbounded_run_time = HasLoops(summary)}));
}

}  // namespace

Result<std::unique_ptr<OnnxRuntimeFactory>> OnnxRuntimeFactory::Create(
    const base::FileSystem& files, base::Logger& logger) {
  SLIPWAY_ASSIGN_OR_RETURN(auto runtime, Runtime::Create(logger));
  return std::unique_ptr<OnnxRuntimeFactory>(new OnnxRuntimeFactory(files, std::move(runtime)));
}

OnnxRuntimeFactory::OnnxRuntimeFactory(const base::FileSystem& files,
                                       std::shared_ptr<const Runtime> runtime)
    : files_(files), runtime_(std::move(runtime)) {}

OnnxRuntimeFactory::~OnnxRuntimeFactory() = default;

Result<std::unique_ptr<Engine>> OnnxRuntimeFactory::Load(const ModelFiles& files,
                                                         const EngineOptions& options) const {
  Result<std::unique_ptr<Engine>> engine = LoadFiles(files_, runtime_, files, options);
  if (!engine.ok()) return engine.status().WithContext(FileContext(files));
  return engine;
}

Result<uint64_t> OnnxRuntimeFactory::EstimateBytes(const ModelFiles& files) const {
  const auto summarize = [&]() -> Result<OnnxSummary> {
    SLIPWAY_ASSIGN_OR_RETURN(const ModelBytes bytes, ModelBytes::Open(files_, files));
    return graph::ReadOnnxSummary(bytes.model());
  };
  const Result<OnnxSummary> summary = summarize();
  if (!summary.ok()) return summary.status().WithContext(FileContext(files));
  return EstimateMemory(*summary);
}

std::string OnnxRuntimeFactory::version() const { return OrtGetApiBase()->GetVersionString(); }

std::vector<std::string> OnnxRuntimeFactory::providers() const { return AvailableProviders(); }

}  // namespace slipway::engine
