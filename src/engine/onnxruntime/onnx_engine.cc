#include "engine/onnxruntime/onnx_engine.h"

#include <malloc.h>

#include <algorithm>
#include <array>
#include <memory_resource>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "engine/call_checks.h"
#include "engine/onnxruntime/ort_status.h"
#include "engine/onnxruntime/ort_value.h"

namespace slipway::engine {

using base::Deadline;
using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

// The arguments of one run of the session. They lie on the stack unless there are very many.
struct OnnxEngine::Call {
  Call(size_t inputs, size_t outputs) {
    feeds.reserve(inputs);
    feed_names.reserve(inputs);
    fetches.resize(outputs);
    fetch_names.reserve(outputs);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() {
    for (OrtValue* value : feeds) Api().ReleaseValue(value);
    DropFetches();
  }
  void DropFetches() {
    for (OrtValue*& value : fetches) {
      if (value != nullptr) Api().ReleaseValue(std::exchange(value, nullptr));
    }
  }

  std::array<std::byte, 1024> stack;
  std::pmr::monotonic_buffer_resource memory{stack.data(), stack.size()};
  std::pmr::vector<OrtValue*> feeds{&memory};  // owned
  std::pmr::vector<const char*> feed_names{&memory};
  std::pmr::vector<OrtValue*> fetches{&memory};  // owned; nullptr: the runtime is to allocate
  std::pmr::vector<const char*> fetch_names{&memory};
  std::vector<base::Buffer> copies;  // of inputs that were not aligned
  bool allocated = false;            // one of `fetches` is over memory of ours
};

OnnxEngine::OnnxEngine(std::shared_ptr<const Runtime> runtime, SessionPtr session,
                       tensor::Signature signature, const Traits& traits)
    : runtime_(std::move(runtime)),
      session_(std::move(session)),
      signature_(std::move(signature)),
      plan_(signature_),
      traits_(traits) {}

OnnxEngine::~OnnxEngine() {
  session_.reset();
  if (traits_.trim_memory) malloc_trim(0);
}

Status OnnxEngine::Run(std::span<const TensorView> inputs, std::span<const size_t> outputs,
                       Deadline deadline, std::vector<Tensor>& results) {
  return CheckedRun(signature_, inputs, outputs, deadline, results,
                    [&] { return RunChecked(inputs, outputs, deadline, results); });
}

Status OnnxEngine::RunChecked(std::span<const TensorView> inputs, std::span<const size_t> outputs,
                              Deadline deadline, std::vector<Tensor>& results) {
  Call call(inputs.size(), outputs.size());
  SLIPWAY_RETURN_IF_ERROR(Feed(inputs, call));
  SLIPWAY_RETURN_IF_ERROR(Allocate(inputs, outputs, call, results));
  Status status = Execute(call, deadline);
  if (call.allocated && IsOutputShapeMismatch(status)) {
    // The model declares a shape that it does not keep. Its outputs are then the runtime's to
    // allocate.
    shapes_as_declared_ = false;
    results.clear();
    call.DropFetches();
    SLIPWAY_RETURN_IF_ERROR(Allocate(inputs, outputs, call, results));
    status = Execute(call, deadline);
  }
  if (!status.ok()) return status;
  return Collect(outputs, call, results);
}

Status OnnxEngine::Feed(std::span<const TensorView> inputs, Call& call) const {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].absent()) continue;  // optional: the model's default
    OrtValue* value = nullptr;
    const Status status = MakeInput(*runtime_, inputs[i], call.copies, value);
    if (value != nullptr) call.feeds.push_back(value);
    if (!status.ok()) return status.WithContext(InputName(signature_.inputs[i]));
    call.feed_names.push_back(signature_.inputs[i].name.c_str());
  }
  return OkStatus();
}

// Makes `results`, empty where the shape is not known, and the fetches over them.
Status OnnxEngine::Allocate(std::span<const TensorView> inputs, std::span<const size_t> outputs,
                            Call& call, std::vector<Tensor>& results) const {
  results.resize(outputs.size());
  call.fetch_names.clear();
  call.allocated = false;
  const bool foretell = shapes_as_declared_;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const TensorSpec& spec = signature_.outputs[outputs[i]];
    call.fetch_names.push_back(spec.name.c_str());
    if (!foretell) continue;
    const std::optional<tensor::Shape> shape = plan_.ShapeOf(outputs[i], inputs);
    if (!shape) continue;
    SLIPWAY_ASSIGN_OR_RETURN(results[i], Tensor::Allocate(spec.dtype, *shape));
    SLIPWAY_RETURN_IF_ERROR(MakeOutput(*runtime_, results[i], call.fetches[i]));
    call.allocated = true;
  }
  return OkStatus();
}

Status OnnxEngine::Execute(Call& call, Deadline deadline) const {
  const auto run = [&](const OrtRunOptions* options) {
    return Api().Run(session_.get(), options, call.feed_names.data(), call.feeds.data(),
                     call.feeds.size(), call.fetch_names.data(), call.fetch_names.size(),
                     call.fetches.data());
  };
  if (deadline.never()) return FromOrt(run(runtime_->no_deadline.get()));
  SLIPWAY_ASSIGN_OR_RETURN(const RunWatchdog::Watch watch, runtime_->watchdog->Start(deadline));
  OrtStatus* failure = run(watch.options());
  if (failure == nullptr) return OkStatus();
  Status status = FromOrt(failure);
  if (watch.stopped()) return Stopped(deadline, "while the model ran, which was stopped");
  return status;
}

Status OnnxEngine::Collect(std::span<const size_t> outputs, Call& call,
                           std::vector<Tensor>& results) const {
  for (size_t i = 0; i < outputs.size(); ++i) {
    ValuePtr value(std::exchange(call.fetches[i], nullptr));
    const bool ours = !results[i].view().absent();
    if (ours) continue;  // written in place
    const TensorSpec& spec = signature_.outputs[outputs[i]];
    Result<Tensor> tensor = TakeTensor(std::move(value), spec.dtype);
    if (!tensor.ok()) {
      return tensor.status().WithContext(StrCat("output '", Printable(spec.name), "'"));
    }
    results[i] = *std::move(tensor);
  }
  return OkStatus();
}

}  // namespace slipway::engine
