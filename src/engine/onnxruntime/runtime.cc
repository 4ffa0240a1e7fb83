#include "engine/onnxruntime/runtime.h"

#include "base/str_cat.h"
#include "engine/onnxruntime/ort_status.h"

namespace slipway::engine {

using base::FailedPrecondition;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

void ORT_API_CALL Discard(void*, OrtLoggingLevel, const char*, const char*, const char*,
                          const char*) {}

void ORT_API_CALL LogMessage(void* logger, OrtLoggingLevel severity, const char* /*category*/,
                             const char* /*log_id*/, const char* /*position*/,
                             const char* message) {
  const auto level =
      severity == ORT_LOGGING_LEVEL_WARNING ? base::LogLevel::kWarn : base::LogLevel::kDebug;
  auto& log = *static_cast<base::Logger*>(logger);
  if (log.Enabled(level)) log.Log(level, "onnxruntime", {{"message", CleanWords(message)}});
}

}  // namespace

Result<std::shared_ptr<Runtime>> Runtime::Create(base::Logger& logger) {
  if (OrtGetApiBase()->GetApi(ORT_API_VERSION) == nullptr) {
    return FailedPrecondition(StrCat("ONNX Runtime library: expected version 1.", ORT_API_VERSION,
                                     " or newer, got ", OrtGetApiBase()->GetVersionString()));
  }
  // The library reports usage to its maker unless this is set before its environment is made.
  // Nothing of ours leaves the machine. Called at start, before other threads could read the
  // environment.
  setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  auto runtime = std::make_shared<Runtime>(logger);
  OrtEnv* env = nullptr;
  SLIPWAY_RETURN_IF_ORT_ERROR(
      Api().CreateEnvWithCustomLogger(Discard, nullptr, ORT_LOGGING_LEVEL_FATAL, "slipway", &env));
  runtime->env.reset(env);
  SLIPWAY_ASSIGN_OR_RETURN(runtime->operators, MakeSlipwayOperators());
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().GetAllocatorWithDefaultOptions(&runtime->allocator));
  OrtMemoryInfo* memory = nullptr;
  SLIPWAY_RETURN_IF_ORT_ERROR(
      Api().CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &memory));
  runtime->cpu_memory.reset(memory);
  SLIPWAY_ASSIGN_OR_RETURN(runtime->no_deadline, MakeRunOptions());
  runtime->watchdog = std::make_unique<RunWatchdog>();
  runtime->thread_starter =
      std::make_unique<base::ThreadPool>(base::ThreadPool::Options{.name = "start"});
  return runtime;
}

Status RouteLog(const Runtime& runtime, OrtSessionOptions* options) {
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().SetUserLoggingFunction(options, LogMessage, &runtime.logger));
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().SetSessionLogSeverityLevel(options, ORT_LOGGING_LEVEL_WARNING));
  return OkStatus();
}

}  // namespace slipway::engine
