// Times one tree model three ways, in one process and on one thread: our tree engine, ONNX Runtime
// behind the same interface, and the library that trained it, through its C API. Prints JSON.
//
//   trees_bench ROWS.f32 FEATURES IMPORTED.onnx CLASSES LEVEL (xgboost|lightgbm) LIBRARY MODEL
//   [NAME=COMPILED ...]
//   trees_bench ROWS.f32 FEATURES IMPORTED.onnx CLASSES LEVEL answers ANSWERS.f64 - [NAME=COMPILED
//   ...]
//
// CLASSES is 1 for a regressor, of which raw scores are asked, else probabilities are. LEVEL is
// what our engine may use of the processor: baseline, avx2 or avx512. The library is measured here,
// or what it answers to all rows is given. COMPILED is the model as a shared library, made by
// tl2cgen, lleaves or catboost, whose name NAME begins with. IMPORTED.onnx is MODEL, imported; its
// rows are FP32 or FP64, whichever it takes. bench/trees.py makes the files and calls this.
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
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/onnxruntime/onnx_runtime_factory.h"
#include "base/cpu_level.h"
#include "engine/trees/tree_engine_factory.h"

namespace {

using slipway::base::CpuLevel;
using slipway::base::HighestCpuLevel;
using slipway::engine::Engine;
using slipway::engine::EngineFactory;
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
  size_t classes = 1;
  // Numbers that a library answers to a row.
  size_t answers() const { return classes == 2 ? 1 : classes; }
  size_t count() const { return values.size() / features; }
  const float* row(size_t i) const { return &values[i * features]; }
};

// Predicts rows [first, first + count); appends what it answers to `out` where that is not null.
using Predict = std::function<void(size_t first, size_t count, std::vector<double>* out)>;

// Appends what is compared: all, or of two classes the second, which is what libraries answer.
template <typename T>
void Append(std::span<const T> all, size_t classes, std::vector<double>& out) {
  for (size_t i = classes == 2 ? 1 : 0; i < all.size(); i += classes == 2 ? 2 : 1) {
    out.push_back(static_cast<double>(all[i]));
  }
}

// Asks for the last output: scores come behind labels.
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
    const size_t outputs[] = {engine->signature().outputs.size() - 1};
    const auto status = engine->Run(inputs, outputs, {}, *results);
    if (!status.ok()) Fail(status.ToString());
    if (out == nullptr) return;
    const TensorView& got = results->front().view();
    if (got.dtype() == DType::kFp32) {
      Append(*got.As<float>(), rows.classes, *out);
    } else {
      Append(*got.As<double>(), rows.classes, *out);
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
        rows.classes == 1
            ? R"({"type":1,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"missing":NaN})"
            : R"({"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"missing":NaN})";
    const uint64_t* shape = nullptr;
    uint64_t dims = 0;
    const float* result = nullptr;
    if (predict(booster, array, config, nullptr, &shape, &dims, &result) != 0) Fail("predict");
    if (out != nullptr) out->insert(out->end(), result, result + count * rows.answers());
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
  const int type = rows.classes == 1 ? 1 : 0;  // raw scores, or what the objective makes of them
  void* fast = nullptr;
  Symbol<int(void*, int, int, int, int, int32_t, const char*, void**)>(
      library, "LGBM_BoosterPredictForMatSingleRowFastInit")(
      booster, type, 0, -1, 0, static_cast<int32_t>(rows.features), parameters, &fast);
  auto* one = Symbol<int(void*, const void*, int64_t*, double*)>(
      library, "LGBM_BoosterPredictForMatSingleRowFast");
  auto* many = Symbol<int(void*, const void*, int, int32_t, int32_t, int, int, int, int,
                          const char*, int64_t*, double*)>(library, "LGBM_BoosterPredictForMat");
  auto result = std::make_shared<std::vector<double>>(rows.count() * rows.answers());
  return [=, &rows](size_t first, size_t count, std::vector<double>* out) {
    int64_t length = 0;
    const int failed = count == 1 ? one(fast, rows.row(first), &length, result->data())
                                  : many(booster, rows.row(first), 0, static_cast<int32_t>(count),
                                         static_cast<int32_t>(rows.features), 1, type, 0, -1,
                                         parameters, &length, result->data());
    if (failed != 0) Fail("predict");
    if (out != nullptr) {
      out->insert(out->end(), result->begin(), result->begin() + length);
    }
  };
}

// What tl2cgen makes of a model (tl2cgen 1.0): a function for one row of entries, which are numbers
// unless they are missing; none is here.
template <typename T>
Predict WithCompiled(void* library, const Rows& rows, const std::vector<T>& values) {
  auto* predict = Symbol<void(const void*, int, T*)>(library, "predict");
  return [=, &rows, &values](size_t first, size_t count, std::vector<double>* out) {
    std::vector<T> answers(rows.answers());
    for (size_t row = first; row < first + count; ++row) {
      predict(&values[row * rows.features], rows.classes == 1 ? 1 : 0, answers.data());
      if (out != nullptr) out->insert(out->end(), answers.begin(), answers.end());
    }
  };
}

Predict WithTl2cgen(void* library, const Rows& rows) {
  const char* type = Symbol<const char*()>(library, "get_threshold_type")();
  if (std::strcmp(type, "float32") == 0) return WithCompiled<float>(library, rows, rows.values);
  return WithCompiled<double>(library, rows, rows.wide);
}

// What lleaves makes of a LightGBM model (lleaves 1.3): a function for some rows.
Predict WithLleaves(void* library, const Rows& rows) {
  auto* predict = Symbol<void(const double*, double*, int, int)>(library, "forest_root");
  return [=, &rows](size_t first, size_t count, std::vector<double>* out) {
    std::vector<double> answers(count * rows.answers());
    predict(&rows.wide[first * rows.features], answers.data(), 0, static_cast<int>(count));
    if (out != nullptr) out->insert(out->end(), answers.begin(), answers.end());
  };
}

// CatBoost's own export to C++, behind a function of C that bench/trees/compiled.py adds.
Predict WithCatboost(void* library, const Rows& rows) {
  auto* predict = Symbol<double(const float*, size_t)>(library, "predict_row");
  return [=, &rows](size_t first, size_t count, std::vector<double>* out) {
    for (size_t row = first; row < first + count; ++row) {
      const double answer = predict(rows.row(row), rows.features);
      if (out != nullptr) out->push_back(answer);
    }
  };
}

Predict WithCompiled(std::string_view name, const char* path, const Rows& rows) {
  void* library = Open(path);
  if (name.starts_with("tl2cgen")) return WithTl2cgen(library, rows);
  if (name.starts_with("lleaves")) return WithLleaves(library, rows);
  if (name.starts_with("catboost")) return WithCatboost(library, rows);
  Fail("not tl2cgen, lleaves or catboost: " + std::string(name));
}

std::vector<double> ReadDoubles(const char* path) {
  const std::string bytes = ReadFile(path);
  std::vector<double> values(bytes.size() / sizeof(double));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(double));
  return values;
}

// One contender, timed in windows of some milliseconds: what else a machine does comes in bursts,
// so that all take turns, and each is judged by its best window.
class Timing {
 public:
  Timing(const Predict& predict, size_t batch, size_t rows)
      : predict_(&predict), batch_(batch), rows_(rows) {}

  // Goes on with the rows where the last window ended.
  void Window() {
    constexpr double kWindow = 10e3;
    constexpr double kEnough = 3e6;
    if (windows_ >= kMinWindows && spent_ > kEnough) return;
    size_t calls = 0;
    double took = 0;
    const double start = CpuMicros();
    while (took < kWindow) {
      for (size_t i = 0; i < std::max<size_t>(1, 100 / batch_); ++i, ++calls) {
        if (next_ + batch_ > rows_) next_ = 0;
        (*predict_)(next_, batch_, nullptr);
        next_ += batch_;
      }
      took = CpuMicros() - start;
    }
    ++windows_;
    spent_ += took;
    best_ = std::min(best_, took / static_cast<double>(calls * batch_));
  }
  // Microseconds a row.
  double best() const { return best_; }

 private:
  static constexpr int kMinWindows = 3;
  const Predict* predict_;
  const size_t batch_;
  const size_t rows_;
  size_t next_ = 0;
  int windows_ = 0;
  double spent_ = 0;
  double best_ = std::numeric_limits<double>::max();
};

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
  if (argc < 9) {
    Fail(
        "usage: ROWS.f32 FEATURES IMPORTED.onnx CLASSES LEVEL (xgboost|lightgbm LIBRARY MODEL | "
        "answers FILE -) [NAME=COMPILED ...]");
  }
  Rows rows;
  const std::string bytes = ReadFile(argv[1]);
  rows.values.resize(bytes.size() / sizeof(float));
  std::memcpy(rows.values.data(), bytes.data(), rows.values.size() * sizeof(float));
  rows.wide.assign(rows.values.begin(), rows.values.end());
  rows.features = static_cast<size_t>(std::atoi(argv[2]));
  rows.classes = static_cast<size_t>(std::atoi(argv[4]));
  const slipway::base::RealFileSystem files;
  const auto logger = slipway::base::Logger::Null();
  const slipway::engine::TreeEngineFactory trees(files, LevelOf(argv[5]));
  const auto ort = slipway::engine::OnnxRuntimeFactory::Create(files, *logger);
  if (!ort.ok()) Fail(ort.status().ToString());
  std::vector<std::pair<std::string, Predict>> contenders = {
      {"slipway", WithEngine(trees, argv[3], rows)},
      {"onnxruntime", WithEngine(**ort, argv[3], rows)}};
  const std::string_view library = argv[6];
  std::vector<double> right;
  if (library == "answers") {
    right = ReadDoubles(argv[7]);
  } else {
    contenders.emplace_back("library", library == "xgboost"
                                           ? WithXgboost(argv[7], argv[8], rows)
                                           : WithLightgbm(argv[7], argv[8], rows));
    contenders.back().second(0, rows.count(), &right);
  }
  for (int i = 9; i < argc; ++i) {
    const std::string name = argv[i];
    const size_t end = std::min(name.find('='), name.size() - 1);
    contenders.emplace_back(name.substr(0, end),
                            WithCompiled(name.substr(0, end), argv[i] + end + 1, rows));
  }
  std::vector<std::vector<double>> answers(contenders.size());
  for (size_t i = 0; i < answers.size(); ++i) contenders[i].second(0, rows.count(), &answers[i]);
  std::printf("{\"rows\": %zu, \"different\": {", rows.count());
  for (size_t i = 0; i < answers.size(); ++i) {
    std::printf("%s\"%s\": %zu", i == 0 ? "" : ", ", contenders[i].first.c_str(),
                CountDifferent(answers[i], right));
  }
  std::printf("}");
  constexpr size_t kBatches[] = {1, 100, 10'000};
  constexpr size_t kDifferentRows[] = {1000, 2000, 10'000};  // few rows a call come out of a cache
  std::vector<std::vector<double>> times(contenders.size());
  for (size_t k = 0; k < std::size(kBatches); ++k) {
    std::vector<Timing> timings;
    for (const auto& [name, predict] : contenders) {
      timings.emplace_back(predict, std::min(kBatches[k], rows.count()),
                           std::min(kDifferentRows[k], rows.count()));
    }
    for (int turn = 0; turn < 15; ++turn) {
      for (Timing& timing : timings) timing.Window();
    }
    for (size_t i = 0; i < timings.size(); ++i) times[i].push_back(timings[i].best());
  }
  for (size_t i = 0; i < contenders.size(); ++i) {
    std::printf(", \"%s\": {", contenders[i].first.c_str());
    for (size_t k = 0; k < std::size(kBatches); ++k) {
      std::printf("%s\"%zu\": %.4f", k == 0 ? "" : ", ", kBatches[k], times[i][k]);
    }
    std::printf("}");
  }
  std::printf("}\n");
  return 0;
}
