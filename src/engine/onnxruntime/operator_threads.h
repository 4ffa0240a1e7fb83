#pragma once

#include <onnxruntime_c_api.h>

#include "base/executor.h"
#include "base/status.h"

namespace slipway::engine {

// Starts the threads that a session uses inside one operator (intra_op_threads).
//
// A new thread inherits the priority of the one that starts it. Sessions are made on threads that
// stand back behind the requests, and no process may take that back without privileges, so ONNX
// Runtime's own threads would run every inference at low priority. These are started on `starter`,
// a thread of normal priority.
//
//   OperatorThreads threads(starter);
//   SLIPWAY_RETURN_IF_ERROR(threads.AddTo(options));
//   ... CreateSession ...   // if it fails, threads.status() may say why
//
// Must live until the session is made; the session ends its threads itself. Thread-compatible.
class OperatorThreads {
 public:
  explicit OperatorThreads(base::Executor& starter) : starter_(starter) {}
  OperatorThreads(const OperatorThreads&) = delete;
  OperatorThreads& operator=(const OperatorThreads&) = delete;

  base::Status AddTo(OrtSessionOptions* options);
  // kResourceExhausted when a thread could not be started.
  const base::Status& status() const { return status_; }

 private:
  static OrtCustomThreadHandle Start(void* threads, OrtThreadWorkerFn work, void* argument);
  static void Join(OrtCustomThreadHandle handle);

  base::Executor& starter_;
  base::Status status_;
};

}  // namespace slipway::engine
