#include "engine/onnxruntime/session_builder.h"

#include <onnxruntime_session_options_config_keys.h>

#include <algorithm>
#include <mutex>
#include <ranges>
#include <string>
#include <utility>

#include "base/str_cat.h"
#include "engine/onnxruntime/external_weights.h"
#include "engine/onnxruntime/load_error.h"
#include "engine/onnxruntime/operator_threads.h"
#include "engine/onnxruntime/ort_status.h"
#include "engine/onnxruntime/providers.h"
#include "graph/graph_builder.h"

namespace slipway::engine {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

constexpr int kMaxThreads = 1024;

Status Configure(OrtSessionOptions* options, const char* key, const char* value) {
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().AddSessionConfigEntry(options, key, value));
  return OkStatus();
}

// One thread makes no pool at all; waiting threads sleep instead of spinning, because cores are
// shared.
Status SetThreads(int threads, OrtSessionOptions* options) {
  if (threads < 1 || threads > kMaxThreads) {
    return InvalidArgument(
        StrCat("intra_op_threads: expected 1 to ", kMaxThreads, ", got ", threads));
  }
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().SetIntraOpNumThreads(options, threads));
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().SetInterOpNumThreads(options, 1));
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().SetSessionExecutionMode(options, ORT_SEQUENTIAL));
  return Configure(options, kOrtSessionOptionsConfigAllowIntraOpSpinning, "0");
}

bool HasFreeShape(const graph::OnnxSummary& summary) {
  return std::ranges::any_of(summary.inputs, [](const graph::OnnxValue& input) {
    return !input.has_shape || std::ranges::any_of(input.dims | std::views::drop(1),
                                                   [](int64_t dim) { return dim < 0; });
  });
}

// Without arena, memory of a run goes back to the allocator when the run ends; the arena would keep
// that of the largest batch ever seen, and was not measurably faster. Memory patterns make one
// allocation of a run's many, but the runtime keeps one for each combination of input shapes, for
// ever (200 bytes and more): fine for batch sizes, without bound for lengths of sequences.
Status SetMemory(const graph::OnnxSummary& summary, OrtSessionOptions* options) {
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().DisableCpuMemArena(options));
  if (HasFreeShape(summary)) SLIPWAY_RETURN_IF_ORT_ERROR(Api().DisableMemPattern(options));
  return OkStatus();
}

// The fusion of a product of matrices with a scale keeps the scale as a float, whatever the type of
// the matrices: doubles would lose half of their digits.
Status KeepDoubles(const graph::OnnxSummary& summary, OrtSessionOptions* options) {
  constexpr auto kIsDouble = [](const graph::OnnxValue& value) {
    return value.element_type == graph::ElementType::kDouble;
  };
  if (std::ranges::none_of(summary.inputs, kIsDouble) &&
      std::ranges::none_of(summary.outputs, kIsDouble)) {
    return OkStatus();
  }
  return Configure(options, kOrtSessionOptionsDisableSpecifiedOptimizers, "MatMulScaleFusion");
}

bool UsesOurOperators(const graph::OnnxSummary& summary) {
  return summary.opsets.contains(std::string(graph::GraphBuilder::kSlipwayDomain));
}

Result<SessionOptionsPtr> MakeOptions(const Runtime& runtime, const graph::OnnxSummary& summary,
                                      const EngineOptions& options) {
  OrtSessionOptions* made = nullptr;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().CreateSessionOptions(&made));
  SessionOptionsPtr owned(made);
  SLIPWAY_RETURN_IF_ERROR(RouteLog(runtime, made));
  SLIPWAY_RETURN_IF_ERROR(SetThreads(options.intra_op_threads, made));
  SLIPWAY_RETURN_IF_ERROR(SetMemory(summary, made));
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().SetSessionGraphOptimizationLevel(made, ORT_ENABLE_ALL));
  SLIPWAY_RETURN_IF_ERROR(KeepDoubles(summary, made));
  // What we have checked as ONNX must not be read as anything else.
  SLIPWAY_RETURN_IF_ERROR(Configure(made, kOrtSessionOptionsConfigLoadModelFormat, "ONNX"));
  if (UsesOurOperators(summary)) {
    SLIPWAY_RETURN_IF_ORT_ERROR(Api().AddCustomOpDomain(made, runtime.operators.get()));
  }
  SLIPWAY_RETURN_IF_ERROR(AddProvider(options, made));
  return owned;
}

}  // namespace

Result<SessionPtr> BuildSession(const Runtime& runtime, const graph::OnnxSummary& summary,
                                ModelBytes& bytes, const EngineOptions& options) {
  SLIPWAY_ASSIGN_OR_RETURN(const SessionOptionsPtr session_options,
                           MakeOptions(runtime, summary, options));
  OperatorThreads threads(*runtime.thread_starter);
  SLIPWAY_RETURN_IF_ERROR(threads.AddTo(session_options.get()));
  SLIPWAY_ASSIGN_OR_RETURN(const ExternalWeights weights,
                           ExternalWeights::Open(runtime, summary.external, bytes));
  SLIPWAY_RETURN_IF_ERROR(weights.AddTo(session_options.get()));
  std::unique_lock<std::mutex> one_at_a_time(runtime.domain_mutex, std::defer_lock);
  if (UsesOurOperators(summary)) one_at_a_time.lock();
  OrtSession* session = nullptr;
  OrtStatus* failure =
      Api().CreateSessionFromArray(runtime.env.get(), bytes.model().data(), bytes.model().size(),
                                   session_options.get(), &session);
  if (failure != nullptr) {
    const Status status = ExplainLoadFailure(failure, summary);
    return threads.status().ok() ? status : threads.status();
  }
  return SessionPtr(session);
}

}  // namespace slipway::engine
