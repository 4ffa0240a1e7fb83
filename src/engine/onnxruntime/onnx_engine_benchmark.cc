// What our Engine adds to ONNX Runtime's bare C API. Run from the repository's root:
//   build/release/bin/engine_onnxruntime_benchmark
// The two are compared within one run: each pair differs in the caller only.
#include <benchmark/benchmark.h>

#include <array>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "engine/onnxruntime/onnx_runtime_factory.h"
#include "engine/onnxruntime/ort_handle.h"

namespace slipway::engine {
namespace {

using tensor::Tensor;
using tensor::TensorView;

const std::filesystem::path kModels = "tests/models/bench";

// One model, its inputs of zeros, and both ways to run it.
struct Subject {
  Subject(const char* model, int64_t batch) : logger(base::Logger::Null()) {
    factory = *OnnxRuntimeFactory::Create(files, *logger);
    auto loaded = factory->Load({.directory = kModels / model / "1"}, {});
    if (!loaded.ok()) return;
    engine = *std::move(loaded);
    for (const tensor::TensorSpec& spec : engine->signature().inputs) {
      tensor::Shape shape = spec.shape;
      if (shape.rank() > 0) shape.set_dim(0, batch);
      owned.push_back(*Tensor::Allocate(spec.dtype, shape));
      for (std::byte& b : owned.back().mutable_data()) b = std::byte{0};
      inputs.push_back(owned.back().view());
    }
  }

  base::RealFileSystem files;
  std::unique_ptr<base::Logger> logger;
  std::unique_ptr<OnnxRuntimeFactory> factory;
  std::unique_ptr<Engine> engine;
  std::vector<Tensor> owned;
  std::vector<TensorView> inputs;
};

// A session as a careful user of the C API would hold it, with the options that matter here.
struct BareSession {
  explicit BareSession(const char* model) {
    OrtEnv* raw_env = nullptr;
    OrtSessionOptions* options = nullptr;
    OrtSession* raw_session = nullptr;
    OrtMemoryInfo* raw_memory = nullptr;
    bool ok = Api().CreateEnv(ORT_LOGGING_LEVEL_FATAL, "bare", &raw_env) == nullptr;
    env.reset(raw_env);
    ok = ok && Api().CreateSessionOptions(&options) == nullptr;
    const SessionOptionsPtr owned(options);
    ok = ok && Api().SetIntraOpNumThreads(options, 1) == nullptr;
    ok = ok && Api().DisableCpuMemArena(options) == nullptr;
    ok = ok && Api().CreateSession(raw_env, (kModels / model / "1" / "model.onnx").c_str(), options,
                                   &raw_session) == nullptr;
    session.reset(raw_session);
    ok = ok &&
         Api().CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &raw_memory) == nullptr;
    memory.reset(raw_memory);
    usable = ok;
  }
  EnvPtr env;
  SessionPtr session;
  MemoryInfoPtr memory;
  bool usable = false;
};

// What does a run cost when the caller wraps the input, lets the runtime allocate the output, and
// copies nothing? The least that any server pays.
void BM_BareRun(benchmark::State& state) {
  const Subject subject("linear30", state.range(0));
  const BareSession bare("linear30");
  if (subject.engine == nullptr || !bare.usable) return state.SkipWithError("no model");
  const auto& signature = subject.engine->signature();
  const char* input_name = signature.inputs[0].name.c_str();
  const char* output_name = signature.outputs[0].name.c_str();
  const TensorView& input = subject.inputs[0];
  for (auto _ : state) {
    OrtValue* feed = nullptr;
    OrtValue* fetch = nullptr;
    StatusPtr status(Api().CreateTensorWithDataAsOrtValue(
        bare.memory.get(), const_cast<std::byte*>(input.data().data()), input.data().size(),
        input.shape().dims().data(), input.shape().rank(), ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
        &feed));
    status.reset(
        Api().Run(bare.session.get(), nullptr, &input_name, &feed, 1, &output_name, 1, &fetch));
    Api().ReleaseValue(fetch);
    Api().ReleaseValue(feed);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_BareRun)->ArgName("rows")->Arg(1)->Arg(32);

void RunEngine(benchmark::State& state, base::Deadline deadline) {
  const Subject subject("linear30", state.range(0));
  if (subject.engine == nullptr) return state.SkipWithError("no model");
  const std::array<size_t, 1> outputs = {0};
  std::vector<Tensor> results;
  for (auto _ : state) {
    const base::Status status = subject.engine->Run(subject.inputs, outputs, deadline, results);
    if (!status.ok()) state.SkipWithError(status.message().c_str());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// The same through our Engine, all checks included.
void BM_EngineRun(benchmark::State& state) { RunEngine(state, base::Deadline::Never()); }
BENCHMARK(BM_EngineRun)->ArgName("rows")->Arg(1)->Arg(32);

// What does a deadline add that is never reached?
void BM_EngineRunWithDeadline(benchmark::State& state) {
  RunEngine(state, {.at = std::chrono::steady_clock::now() + std::chrono::hours(1)});
}
BENCHMARK(BM_EngineRunWithDeadline)->ArgName("rows")->Arg(1);

}  // namespace
}  // namespace slipway::engine
