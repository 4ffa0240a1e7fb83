#include "engine/onnxruntime/operator_threads.h"

#include <pthread.h>

#include <latch>
#include <memory>

#include "base/str_cat.h"
#include "engine/onnxruntime/ort_handle.h"
#include "engine/onnxruntime/ort_status.h"

namespace slipway::engine {

namespace {

// What a handle of ours points to.
struct OperatorThread {
  OrtThreadWorkerFn work;
  void* argument;
  pthread_t id;
};

void* RunWorker(void* thread) {
  base::SetThreadName("operator");
  const auto& started = *static_cast<OperatorThread*>(thread);
  started.work(started.argument);
  return nullptr;
}

}  // namespace

base::Status OperatorThreads::AddTo(OrtSessionOptions* options) {
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().SessionOptionsSetCustomThreadCreationOptions(options, this));
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().SessionOptionsSetCustomCreateThreadFn(options, Start));
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().SessionOptionsSetCustomJoinThreadFn(options, Join));
  return base::OkStatus();
}

// Null tells ONNX Runtime that there is no thread, and ends the making of the session.
OrtCustomThreadHandle OperatorThreads::Start(void* threads, OrtThreadWorkerFn work,
                                             void* argument) {
  auto& self = *static_cast<OperatorThreads*>(threads);
  auto thread = std::make_unique<OperatorThread>(
      OperatorThread{.work = work, .argument = argument, .id = {}});
  int error = 0;
  std::latch started(1);
  self.starter_.Post([&] {
    error = pthread_create(&thread->id, nullptr, RunWorker, thread.get());
    started.count_down();
  });
  started.wait();
  if (error != 0) {
    self.status_ = base::ResourceExhausted(
        base::StrCat("a thread for intra_op_threads cannot be started: ",
                     base::ErrnoStatus(error, "pthread_create").message(),
                     "; lower intra_op_threads, or raise the limit of threads (ulimit -u)"));
    return nullptr;
  }
  return reinterpret_cast<OrtCustomThreadHandle>(thread.release());
}

void OperatorThreads::Join(OrtCustomThreadHandle handle) {
  const std::unique_ptr<const OperatorThread> thread(
      reinterpret_cast<const OperatorThread*>(handle));
  pthread_join(thread->id, nullptr);
}

}  // namespace slipway::engine
