#pragma once

#include <memory>
#include <mutex>

#include "base/executor.h"
#include "base/log.h"
#include "base/status.h"
#include "engine/onnxruntime/ort_handle.h"
#include "engine/onnxruntime/run_watchdog.h"
#include "engine/onnxruntime/slipway_operators.h"

namespace slipway::engine {

// What all sessions of one factory use. Thread-safe. Shared by the factory and each engine,
// whichever ends last.
struct Runtime {
  static base::Result<std::shared_ptr<Runtime>> Create(base::Logger& logger);
  explicit Runtime(base::Logger& log) : logger(log) {}  // use Create()

  base::Logger& logger;
  EnvPtr env;
  CustomOpDomainPtr operators;  // org.slipway
  // Held while a session with `operators` is made: with the first one ONNX Runtime enters the
  // domain in a table of the process, and of two at a time one fails.
  mutable std::mutex domain_mutex;
  OrtAllocator* allocator = nullptr;  // the runtime's own, for strings; never ends
  MemoryInfoPtr cpu_memory;
  RunOptionsPtr no_deadline;  // for every run without a deadline; never changed
  std::unique_ptr<RunWatchdog> watchdog;
  // Starts the threads of sessions, at the priority of whoever called Create().
  std::unique_ptr<base::ThreadPool> thread_starter;
};

// Sends what a session has to say to runtime.logger: warnings as such, errors as DEBUG, because
// each also comes back as a Status, and whoever handles that logs it. The process-wide logger that
// ONNX Runtime keeps in its environment is silent: it could outlive ours.
base::Status RouteLog(const Runtime& runtime, OrtSessionOptions* options);

}  // namespace slipway::engine
