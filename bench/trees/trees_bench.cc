// Times one tree model three ways, in one process and on one thread: our tree engine, ONNX Runtime
// behind the same interface, and the library that trained it, through its C API. Prints JSON.
//
//   trees_bench ROWS.f32 FEATURES IMPORTED.onnx (xgboost|lightgbm) LIBRARY MODEL [LEVEL]
//
// LEVEL is what our engine may use of the processor: baseline, avx2 or avx512 (or all it has).
// IMPORTED.onnx is MODEL, imported; its rows are FP32 or FP64, whichever it takes. bench/trees.py
// makes the files and calls this.
#include <dlfcn.h>
#include <time.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/onnxruntime/onnx_runtime_factory.h"
#include "engine/trees/cpu_level.h"
#include "engine/trees/tree_engine_factory.h"

namespace {

using slipway::engine::CpuLevel;
using slipway::engine::Engine;
using slipway::engine::EngineFactory;
using slipway::engine::HighestCpuLevel;
using slipway::tensor::DType;
using slipway::tensor::Tensor;
using slipway::tensor::TensorView;

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "trees_bench: %s\n", why.c_str());
  std::exit(1);
}

std::string ReadFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) Fail(std::string("cannot open ") + path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// CPU time of the process, in microseconds.
double CpuMicros() {
  timespec now = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

struct Rows {
  std::vector<float> values;
  std::vector<double> wide;  // the same
  size_t features = 0;
  size_t count() const { return values.size() / features; }
  const float* row(size_t i) const { return &values[i * features]; }
};

// Predicts rows [first, first + count); appends what it answers to `out` where that is not null.
using Predict = std::function<void(size_t first, size_t count, std::vector<double>* out)>;

Predict WithEngine(const EngineFactory& factory, const char* path, const Rows& rows) {
  slipway::engine::ModelFiles files;
  files.in_memory = std::make_shared<const std::map<std::string, std::string>>(
      std::map<std::string, std::string>{{"model.onnx", ReadFile(path)}});
  auto loaded = factory.Load(files, {});
  if (!loaded.ok()) Fail(factory.name() + ": " + loaded.status().ToString());
  const std::shared_ptr<Engine> engine = *std::move(loaded);
  auto results = std::make_shared<std::vector<Tensor>>();
  const DType dtype = engine->signature().inputs[0].dtype;
  return [engine, results, dtype, &rows](size_t first, size_t count, std::vector<double>* out) {
    const size_t begin = first * rows.features;
    const size_t size = count * rows.features;
    const auto bytes = dtype == DType::kFp32
                           ? std::as_bytes(std::span(rows.values).subspan(begin, size))
                           : std::as_bytes(std::span(rows.wide).subspan(begin, size));
    const auto view = TensorView::Create(
        dtype, {static_cast<int64_t>(count), static_cast<int64_t>(rows.features)}, bytes);
    if (!view.ok()) Fail(view.status().ToString());
    const TensorView inputs[] = {*view};
    const size_t outputs[] = {0};
    const auto status = engine->Run(inputs, outputs, {}, *results);
    if (!status.ok()) Fail(status.ToString());
    if (out == nullptr) return;
    const TensorView& got = results->front().view();
    if (got.dtype() == DType::kFp32) {
      const auto all = *got.As<float>();
      out->insert(out->end(), all.begin(), all.end());
    } else {
      const auto all = *got.As<double>();
      out->insert(out->end(), all.begin(), all.end());
    }
  };
}

template <typename Function>
Function* Symbol(void* library, const char* name) {
  void* symbol = dlsym(library, name);
  if (symbol == nullptr) Fail(std::string("no symbol ") + name);
  return std::bit_cast<Function*>(symbol);
}

void* Open(const char* path) {
  void* library = dlopen(path, RTLD_NOW);
  if (library == nullptr) Fail(dlerror());
  return library;
}

// XGBoost's C API (xgboost/c_api.h, 3.x).
Predict WithXgboost(const char* library_path, const char* model, const Rows& rows) {
  void* library = Open(library_path);
  void* booster = nullptr;
  Symbol<int(void* const*, uint64_t, void**)>(library, "XGBoosterCreate")(nullptr, 0, &booster);
  if (Symbol<int(void*, const char*)>(library, "XGBoosterLoadModel")(booster, model) != 0) {
    Fail("XGBoosterLoadModel");
  }
  Symbol<int(void*, const char*, const char*)>(library, "XGBoosterSetParam")(booster, "nthread",
                                                                             "1");
  auto* predict = Symbol<int(void*, const char*, const char*, void*, const uint64_t**, uint64_t*,
                             const float**)>(library, "XGBoosterPredictFromDense");
  return [=, &rows](size_t first, size_t count, std::vector<double>* out) {
    char array[256];
    std::snprintf(array, sizeof(array),
                  R"({"data":[%zu,true],"shape":[%zu,%zu],"typestr":"<f4","version":3})",
                  reinterpret_cast<size_t>(rows.row(first)), count, rows.features);
    const char* config =
        R"({"type":1,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"missing":NaN})";
    const uint64_t* shape = nullptr;
    uint64_t dims = 0;
    const float* result = nullptr;
    if (predict(booster, array, config, nullptr, &shape, &dims, &result) != 0) Fail("predict");
    if (out != nullptr) out->insert(out->end(), result, result + count);
  };
}

// LightGBM's C API (LightGBM/c_api.h, 4.x). Data type 0 is float32; prediction 1 is the raw score.
Predict WithLightgbm(const char* library_path, const char* model, const Rows& rows) {
  void* library = Open(library_path);
  int iterations = 0;
  void* booster = nullptr;
  if (Symbol<int(const char*, int*, void**)>(library, "LGBM_BoosterCreateFromModelfile")(
          model, &iterations, &booster) != 0) {
    Fail("LGBM_BoosterCreateFromModelfile");
  }
  const char* parameters = "num_threads=1 verbosity=-1";
  void* fast = nullptr;
  Symbol<int(void*, int, int, int, int, int32_t, const char*, void**)>(
      library, "LGBM_BoosterPredictForMatSingleRowFastInit")(
      booster, 1, 0, -1, 0, static_cast<int32_t>(rows.features), parameters, &fast);
  auto* one = Symbol<int(void*, const void*, int64_t*, double*)>(
      library, "LGBM_BoosterPredictForMatSingleRowFast");
  auto* many = Symbol<int(void*, const void*, int, int32_t, int32_t, int, int, int, int,
                          const char*, int64_t*, double*)>(library, "LGBM_BoosterPredictForMat");
  auto result = std::make_shared<std::vector<double>>(rows.count());
  return [=, &rows](size_t first, size_t count, std::vector<double>* out) {
    int64_t length = 0;
    const int failed = count == 1 ? one(fast, rows.row(first), &length, result->data())
                                  : many(booster, rows.row(first), 0, static_cast<int32_t>(count),
                                         static_cast<int32_t>(rows.features), 1, 1, 0, -1,
                                         parameters, &length, result->data());
    if (failed != 0) Fail("predict");
    if (out != nullptr) {
      out->insert(out->end(), result->begin(), result->begin() + static_cast<ptrdiff_t>(count));
    }
  };
}

// Microseconds a row, the least of some repeats; each goes over `total` rows.
double Time(const Predict& predict, size_t batch, size_t total) {
  double best = std::numeric_limits<double>::max();
  double spent = 0;
  for (int repeat = 0; repeat < 30 && (repeat < 3 || spent < 4e5); ++repeat) {
    const double start = CpuMicros();
    for (size_t first = 0; first + batch <= total; first += batch) predict(first, batch, nullptr);
    const double took = CpuMicros() - start;
    best = std::min(best, took / static_cast<double>(total / batch * batch));
    spent += took;
  }
  return best;
}

size_t CountDifferent(const std::vector<double>& a, const std::vector<double>& b) {
  size_t different = a.size() == b.size() ? 0 : a.size();
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (std::bit_cast<uint64_t>(a[i]) != std::bit_cast<uint64_t>(b[i])) ++different;
  }
  return different;
}

CpuLevel LevelOf(const char* name) {
  for (const CpuLevel level : {CpuLevel::kBaseline, CpuLevel::kAvx2, CpuLevel::kAvx512}) {
    if (Name(level) == name && level <= HighestCpuLevel()) return level;
  }
  Fail(std::string("no such level here: ") + name);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7 && argc != 8) {
    Fail("usage: ROWS.f32 FEATURES IMPORTED.onnx (xgboost|lightgbm) LIBRARY MODEL [LEVEL]");
  }
  Rows rows;
  const std::string bytes = ReadFile(argv[1]);
  rows.values.resize(bytes.size() / sizeof(float));
  std::memcpy(rows.values.data(), bytes.data(), rows.values.size() * sizeof(float));
  rows.wide.assign(rows.values.begin(), rows.values.end());
  rows.features = static_cast<size_t>(std::atoi(argv[2]));
  const slipway::base::RealFileSystem files;
  const auto logger = slipway::base::Logger::Null();
  const slipway::engine::TreeEngineFactory trees(files,
                                                 argc == 8 ? LevelOf(argv[7]) : HighestCpuLevel());
  const auto ort = slipway::engine::OnnxRuntimeFactory::Create(files, *logger);
  if (!ort.ok()) Fail(ort.status().ToString());
  const bool xgboost = std::strcmp(argv[4], "xgboost") == 0;
  const std::pair<const char*, Predict> contenders[] = {
      {"slipway", WithEngine(trees, argv[3], rows)},
      {"onnxruntime", WithEngine(**ort, argv[3], rows)},
      {"library",
       xgboost ? WithXgboost(argv[5], argv[6], rows) : WithLightgbm(argv[5], argv[6], rows)}};
  std::vector<double> answers[3];
  for (size_t i = 0; i < 3; ++i) contenders[i].second(0, rows.count(), &answers[i]);
  std::printf("{\"rows\": %zu, \"different\": {\"slipway\": %zu, \"onnxruntime\": %zu}",
              rows.count(), CountDifferent(answers[0], answers[2]),
              CountDifferent(answers[1], answers[2]));
  for (const auto& [name, predict] : contenders) {
    std::printf(", \"%s\": {", name);
    for (const size_t batch : {size_t{1}, size_t{100}, size_t{10'000}}) {
      const size_t total = batch == 1 ? 1000 : batch == 100 ? 2000 : 10'000;
      std::printf("%s\"%zu\": %.4f", batch == 1 ? "" : ", ", batch,
                  Time(predict, batch, std::min(total, rows.count())));
    }
    std::printf("}");
  }
  std::printf("}\n");
  return 0;
}
