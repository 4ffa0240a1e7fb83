// Runs of models, good and bad. Loading is in onnx_runtime_factory_test.cc.
#include "engine/onnxruntime/onnx_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>

#include "base/file_system.h"
#include "base/log.h"
#include "base/str_cat.h"
#include "engine/onnxruntime/onnx_runtime_factory.h"
#include "engine/testing/engine_suite.h"
#include "graph/testing/onnx_bytes.h"

namespace slipway::engine {
namespace {

using base::Deadline;
using base::Status;
using base::StatusCode;
using graph::ElementType;
using tensor::DType;
using tensor::Shape;
using tensor::Tensor;
using tensor::TensorView;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

const std::filesystem::path kModels = "tests/models/engine";

// A factory that lives as long as the program: the file system and logger must outlive all engines.
OnnxRuntimeFactory& Factory() {
  static const base::RealFileSystem kFiles;
  static const std::unique_ptr<base::Logger> kLogger = base::Logger::Null();
  static const std::unique_ptr<OnnxRuntimeFactory> kFactory =
      *OnnxRuntimeFactory::Create(kFiles, *kLogger);
  return *kFactory;
}

std::unique_ptr<Engine> LoadFile(const std::string& name) {
  auto engine = Factory().Load({.directory = kModels, .model_file = name}, {});
  EXPECT_TRUE(engine.ok()) << engine.status();
  return engine.ok() ? *std::move(engine) : nullptr;
}

std::unique_ptr<Engine> LoadBytes(std::string model) {
  auto files = std::make_shared<std::map<std::string, std::string>>();
  (*files)["model.onnx"] = std::move(model);
  auto engine = Factory().Load({.directory = {}, .in_memory = std::move(files)}, {});
  EXPECT_TRUE(engine.ok()) << engine.status();
  return engine.ok() ? *std::move(engine) : nullptr;
}

INSTANTIATE_TEST_SUITE_P(Onnx, EngineSuite,
                         testing::Values(EngineCase{"Onnx",
                                                    [] { return LoadFile("two_inputs.onnx"); }}),
                         [](const auto& c) { return c.param.name; });

// An engine, all of whose outputs are asked for.
struct Runner {
  explicit Runner(std::unique_ptr<Engine> e) : engine(std::move(e)) {
    for (size_t i = 0; i < engine->signature().outputs.size(); ++i) outputs.push_back(i);
  }
  explicit Runner(const std::string& file) : Runner(LoadFile(file)) {}

  Status Run(std::vector<TensorView> inputs, Deadline deadline = {}) {
    return engine->Run(inputs, outputs, deadline, results);
  }
  std::string BytesOf(size_t output) const {
    const auto data = results[output].view().data();
    return {reinterpret_cast<const char*>(data.data()), data.size()};
  }
  template <typename T>
  std::vector<T> ValuesOf(size_t output) const {
    const auto values = results[output].view().As<T>();
    EXPECT_TRUE(values.ok()) << values.status();
    return values.ok() ? std::vector<T>(values->begin(), values->end()) : std::vector<T>();
  }

  std::unique_ptr<Engine> engine;
  std::vector<size_t> outputs;
  std::vector<Tensor> results;
};

template <typename T>
Tensor Make(const Shape& shape, const std::vector<T>& values) {
  return *Tensor::FromValues<T>(shape, values);
}

// ---- element types ----

struct TypeCase {
  const char* file_part;
  DType dtype;
};
class OnnxEngineTypeTest : public testing::TestWithParam<TypeCase> {
 protected:
  // Six elements of distinct bytes; for BOOL and BYTES what they allow.
  static std::string Elements(DType dtype) {
    if (dtype == DType::kBool) return std::string("\1\0\0\1\1\0", 6);
    if (dtype == DType::kBytes) {
      const std::vector<std::string> texts = {"",
                                              "a",
                                              std::string("\0zero\0bytes\0", 12),
                                              "\xff\xfe not UTF-8",
                                              std::string(70'000, 'x'),
                                              "\xf0\x9f\x9a\xa2"};
      const Tensor tensor = *Tensor::FromStrings({6}, texts);
      return {reinterpret_cast<const char*>(tensor.view().data().data()),
              tensor.view().data().size()};
    }
    std::string bytes(6 * tensor::SizeOf(dtype), '\0');
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + 1);
    return bytes;
  }
};
TEST_P(OnnxEngineTypeTest, ComesBackBitForBit) {
  Runner runner(base::StrCat("identity_", GetParam().file_part, ".onnx"));
  const std::string bytes = Elements(GetParam().dtype);
  EXPECT_EQ(runner.engine->signature().inputs[0].dtype, GetParam().dtype);
  const TensorView x = *TensorView::Create(GetParam().dtype, {2, 3}, graph::AsBytes(bytes));
  const Status status = runner.Run({x});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(runner.results[0].shape(), Shape({2, 3}));
  EXPECT_EQ(runner.results[0].dtype(), GetParam().dtype);
  EXPECT_EQ(runner.BytesOf(0), bytes);
}
TEST_P(OnnxEngineTypeTest, MayStartAtAnyByte) {
  Runner runner(base::StrCat("identity_", GetParam().file_part, ".onnx"));
  const std::string bytes = Elements(GetParam().dtype);
  for (size_t shift = 0; shift < 8; ++shift) {
    alignas(64) static char buffer[100'000];
    bytes.copy(buffer + shift, bytes.size());
    const std::string_view shifted(buffer + shift, bytes.size());
    ASSERT_TRUE(
        runner.Run({*TensorView::Create(GetParam().dtype, {3, 2}, graph::AsBytes(shifted))}).ok());
    EXPECT_EQ(runner.BytesOf(0), bytes) << shift;
  }
}
TEST_P(OnnxEngineTypeTest, MayBeEmpty) {
  Runner runner(base::StrCat("identity_", GetParam().file_part, ".onnx"));
  for (const Shape& shape : {Shape{0, 3}, Shape{2, 0}, Shape{0, 0}}) {
    const Status status = runner.Run({*TensorView::Create(GetParam().dtype, shape, {})});
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(runner.results[0].shape(), shape);
    EXPECT_EQ(runner.BytesOf(0), "");
  }
}
const TypeCase kTypes[] = {
    {"bool", DType::kBool},     {"uint8", DType::kUint8},   {"uint16", DType::kUint16},
    {"uint32", DType::kUint32}, {"uint64", DType::kUint64}, {"int8", DType::kInt8},
    {"int16", DType::kInt16},   {"int32", DType::kInt32},   {"int64", DType::kInt64},
    {"fp16", DType::kFp16},     {"bf16", DType::kBf16},     {"fp32", DType::kFp32},
    {"fp64", DType::kFp64},     {"string", DType::kBytes}};
INSTANTIATE_TEST_SUITE_P(All, OnnxEngineTypeTest, testing::ValuesIn(kTypes),
                         [](const auto& c) { return c.param.file_part; });

TEST(OnnxEngineTest, TakesAllTypesAtOnceAndAnySubsetOfOutputs) {
  Runner runner("all_types.onnx");
  ASSERT_EQ(runner.engine->signature().inputs.size(), tensor::kDTypeCount);
  std::vector<Tensor> owned;
  std::vector<TensorView> inputs;
  for (const auto& spec : runner.engine->signature().inputs) {
    owned.push_back(spec.dtype == DType::kBytes
                        ? *Tensor::FromStrings({1}, std::vector<std::string>{"s"})
                        : *Tensor::Allocate(spec.dtype, {1}));
    if (spec.dtype != DType::kBytes) {
      std::ranges::fill(owned.back().mutable_data(), std::byte{1});
    }
  }
  for (const Tensor& tensor : owned) inputs.push_back(tensor.view());
  ASSERT_TRUE(runner.Run(inputs).ok());
  for (size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_EQ(runner.results[i].dtype(), inputs[i].dtype());
    EXPECT_TRUE(std::ranges::equal(runner.results[i].view().data(), inputs[i].data()));
  }
  runner.outputs = {13, 0, 5};
  ASSERT_TRUE(runner.Run(inputs).ok());
  EXPECT_EQ(runner.results[0].dtype(), runner.engine->signature().outputs[13].dtype);
}

TEST(OnnxEngineTest, RefusesABoolThatIsNeitherZeroNorOne) {
  Runner runner("identity_bool.onnx");
  const Status status =
      runner.Run({*TensorView::Create(DType::kBool, {1, 3}, graph::AsBytes("\1\2\1"))});
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "input 'x': element 1: expected a BOOL of 0 or 1, got 2");
}

// ---- shapes ----

TEST(OnnxEngineTest, RunsScalars) {
  Runner runner("add_scalar.onnx");
  const Tensor a = Make<float>({}, {1.5F});
  const Tensor b = Make<float>({}, {2});
  ASSERT_TRUE(runner.Run({a.view(), b.view()}).ok());
  EXPECT_EQ(runner.results[0].shape(), Shape());
  EXPECT_THAT(runner.ValuesOf<float>(0), ElementsAre(3.5F));
  const Tensor vector = Make<float>({1}, {1});
  EXPECT_THAT(runner.Run({a.view(), vector.view()}).message(),
              HasSubstr("input 'b': expected FP32[], got FP32[1]"));
}

TEST(OnnxEngineTest, RunsWithoutABatchDimension) {
  Runner runner("fixed_no_batch.onnx");
  EXPECT_FALSE(runner.engine->signature().batched());
  const Tensor x = Make<float>({3}, {1, 2, 3});
  ASSERT_TRUE(runner.Run({x.view()}).ok());
  EXPECT_THAT(runner.ValuesOf<float>(0), ElementsAre(2, 3, 4));
}

TEST(OnnxEngineTest, RunsAnyRankWhereNoneIsDeclared) {
  Runner runner("dynamic_rank.onnx");
  EXPECT_TRUE(runner.engine->signature().inputs[0].any_rank);
  EXPECT_TRUE(runner.engine->signature().outputs[0].any_rank);
  for (const Shape& shape : {Shape{}, Shape{2}, Shape{1, 2, 1, 1, 1}}) {
    const auto count = static_cast<size_t>(*tensor::ElementCount(shape));
    const Tensor x = Make<float>(shape, std::vector<float>(count, 1));
    ASSERT_TRUE(runner.Run({x.view()}).ok());
    EXPECT_EQ(runner.results[0].shape(), shape);
    EXPECT_EQ(runner.ValuesOf<float>(0), std::vector<float>(count, 2));
  }
}

TEST(OnnxEngineTest, LetsTheModelDecideShapesThatNobodyCanForetell) {
  Runner runner("dynamic.onnx");
  EXPECT_THAT(runner.engine->signature().inputs[0].dim_names, ElementsAre("batch", "seq"));
  const Tensor x = Make<float>({2, 3}, {1, 0, 2, 0, 0, 3});
  ASSERT_TRUE(runner.Run({x.view()}).ok());
  EXPECT_EQ(runner.results[0].shape(), Shape({3, 2}));
  EXPECT_EQ(runner.results[2].shape(), Shape({2, 3}));
  EXPECT_THAT(runner.ValuesOf<int64_t>(1), ElementsAre(2, 3));
  EXPECT_THAT(runner.ValuesOf<int64_t>(2), ElementsAre(0, 0, 1, 0, 2, 2));
}

TEST(OnnxEngineTest, MemoryOfTheRuntimeOutlivesEngineAndFactory) {
  const base::RealFileSystem files;
  const std::unique_ptr<base::Logger> logger = base::Logger::Null();
  auto factory = *OnnxRuntimeFactory::Create(files, *logger);
  Runner runner(*factory->Load({.directory = kModels, .model_file = "dynamic.onnx"}, {}));
  const Tensor x = Make<float>({2, 3}, {1, 0, 2, 0, 0, 3});
  ASSERT_TRUE(runner.Run({x.view()}).ok());
  runner.engine = nullptr;
  factory = nullptr;
  EXPECT_THAT(runner.ValuesOf<int64_t>(2), ElementsAre(0, 0, 1, 0, 2, 2));
}

TEST(OnnxEngineTest, RunsWithoutInputs) {
  Runner runner("no_inputs.onnx");
  ASSERT_TRUE(runner.Run({}).ok());
  EXPECT_THAT(runner.ValuesOf<float>(0), ElementsAre(1, 2));
}

// A model that promises y: [batch, 4] and computes x reshaped to [-1, 2].
std::string ModelWithAWrongShape() {
  std::string reshape = graph::TestNode("Reshape", {"x", "shape"}, {"y"});
  const std::vector<int64_t> shape = {-1, 2};
  const graph::TestGraph graph = {
      .nodes = {graph::TestNode("Identity", {"to"}, {"shape"}), reshape},
      .inputs = {graph::TestValue("x", ElementType::kFloat, {"batch", 4}),
                 graph::TestValue("to", ElementType::kInt64, {2})},
      .outputs = {graph::TestValue("y", ElementType::kFloat, {"batch", 4})},
      .initializers = {}};
  return graph::TestModel(graph.Bytes());
}

TEST(OnnxEngineTest, ServesAModelThatDoesNotKeepTheShapeItDeclares) {
  Runner runner(LoadBytes(ModelWithAWrongShape()));
  const Tensor x = Make<float>({1, 4}, {1, 2, 3, 4});
  const Tensor to = Make<int64_t>({2}, {2, 2});
  for (int i = 0; i < 3; ++i) {
    const Status status = runner.Run({x.view(), to.view()});
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(runner.results[0].shape(), Shape({2, 2}));
    EXPECT_THAT(runner.ValuesOf<float>(0), ElementsAre(1, 2, 3, 4));
  }
}

// ---- inputs with defaults, names ----

TEST(OnnxEngineTest, UsesTheDefaultOfAnInputLeftOut) {
  Runner runner("optional_default.onnx");
  ASSERT_EQ(runner.engine->signature().inputs.size(), 2u);
  EXPECT_EQ(runner.engine->signature().inputs[1].name, "scale");
  EXPECT_TRUE(runner.engine->signature().inputs[1].optional);
  const Tensor x = Make<float>({1, 2}, {1, 2});
  const Tensor scale = Make<float>({1}, {3});
  ASSERT_TRUE(runner.Run({x.view(), TensorView()}).ok());
  EXPECT_THAT(runner.ValuesOf<float>(0), ElementsAre(10, 20));
  ASSERT_TRUE(runner.Run({x.view(), scale.view()}).ok());
  EXPECT_THAT(runner.ValuesOf<float>(0), ElementsAre(3, 6));
  EXPECT_THAT(runner.Run({TensorView(), scale.view()}).message(),
              HasSubstr("input 'x': expected FP32[-1,2], got nothing"));
}

TEST(OnnxEngineTest, IgnoresWeightsThatOldFilesListAsInputs) {
  Runner runner("ir3_initializers.onnx");
  EXPECT_EQ(runner.engine->signature().inputs.size(), 1u);
  const Tensor x = Make<float>({1, 2}, {1, 2});
  ASSERT_TRUE(runner.Run({x.view()}).ok());
  EXPECT_THAT(runner.ValuesOf<float>(0), ElementsAre(10, 20));
}

TEST(OnnxEngineTest, TakesNamesOfAnyBytes) {
  const Tensor x = Make<float>({1, 1}, {1});
  for (const char* file : {"odd_names.onnx", "non_utf8_name.onnx"}) {
    Runner runner{std::string(file)};
    EXPECT_TRUE(runner.Run({x.view()}).ok()) << file;
  }
  EXPECT_EQ(LoadFile("non_utf8_name.onnx")->signature().inputs[0].name, "x\xff\xfe");
  const Tensor wrong = Make<int64_t>({1, 1}, {1});
  EXPECT_THAT(Runner("non_utf8_name.onnx").Run({wrong.view()}).message(),
              HasSubstr("input 'x\\xff\\xfe'"));
}

TEST(OnnxEngineTest, RunsClassicalModels) {
  Runner runner("ml_linear.onnx");
  const Tensor x = Make<float>({3, 2}, {2, 0, 0, 2, -2, -2});
  ASSERT_TRUE(runner.Run({x.view()}).ok());
  const auto labels = runner.results[0].view().AsStrings();
  ASSERT_TRUE(labels.ok());
  EXPECT_THAT(*labels, ElementsAre("east", "north", "south-west"));
  EXPECT_THAT(runner.ValuesOf<float>(1), ElementsAre(2, 0, -2, 0, 2, -2, -2, -2, 4));
}

TEST(OnnxEngineTest, LeavesOutAnOutputThatIsNoTensor) {
  Runner runner("ml_zipmap.onnx");
  ASSERT_EQ(runner.outputs.size(), 1u);
  const Tensor x = Make<float>({1, 2}, {2, 0});
  ASSERT_TRUE(runner.Run({x.view()}).ok());
  EXPECT_THAT(runner.ValuesOf<int64_t>(0), ElementsAre(0));
}

TEST(OnnxEngineTest, GivesInfinityAndNaNAsTheyAre) {
  Runner runner("log.onnx");
  const Tensor x = Make<float>({1, 3}, {1, 0, -1});
  ASSERT_TRUE(runner.Run({x.view()}).ok());
  const std::vector<float> y = runner.ValuesOf<float>(0);
  EXPECT_EQ(y[0], 0);
  EXPECT_EQ(y[1], -INFINITY);
  EXPECT_TRUE(std::isnan(y[2]));
}

TEST(OnnxEngineTest, RefusesOutputsThatDoNotExistOrComeTwice) {
  Runner runner("two_inputs.onnx");
  const Tensor a = Make<float>({1, 2}, {1, 2});
  const Tensor b = Make<int64_t>({1, 2}, {1, 2});
  runner.outputs = {2};
  EXPECT_THAT(runner.Run({a.view(), b.view()}).message(), HasSubstr("expected a position below 2"));
  runner.outputs = {1, 0, 1};
  EXPECT_THAT(runner.Run({a.view(), b.view()}).message(),
              HasSubstr("output 'diff': expected once"));
  runner.outputs = {};
  EXPECT_TRUE(runner.Run({a.view(), b.view()}).ok());
}

// ---- failures and deadlines ----

TEST(OnnxEngineTest, BlamesTheInputForAnIndexOutOfBounds) {
  Runner runner("fails_at_run.onnx");
  const Tensor bad = Make<int64_t>({1}, {4});
  const Status status = runner.Run({bad.view()});
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("Gather node: indices element out of data bounds"));
  EXPECT_THAT(status.message(), testing::Not(HasSubstr(".cc")));
  const Tensor good = Make<int64_t>({2}, {3, -1});
  ASSERT_TRUE(runner.Run({good.view()}).ok()) << "a failed run leaves the engine usable";
  EXPECT_THAT(runner.ValuesOf<float>(0), ElementsAre(40, 40));
}

TEST(OnnxEngineTest, BlamesTheInputForSizesBeyondAllMemory) {
  Runner runner("big_alloc.onnx");
  const Tensor overflow = Make<int64_t>({2}, {int64_t{1} << 31, int64_t{1} << 31});
  EXPECT_EQ(runner.Run({overflow.view()}).code(), StatusCode::kInvalidArgument);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they end the process
  // 4 EiB, more than any address space.
  const Tensor huge = Make<int64_t>({2}, {int64_t{1} << 40, int64_t{1} << 20});
  const Status status = runner.Run({huge.view()});
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
#endif
  const Tensor small = Make<int64_t>({2}, {2, 3});
  EXPECT_TRUE(runner.Run({small.view()}).ok());
}

TEST(OnnxEngineTest, StopsARunAtItsDeadline) {
  Runner runner("spin.onnx");
  const Tensor days = Make<int64_t>({1}, {int64_t{1} << 40});
  const auto start = std::chrono::steady_clock::now();
  const Status status = runner.Run({days.view()}, {.at = start + 50ms});
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded) << status;
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
  EXPECT_TRUE(runner.results.empty());
  const Tensor few = Make<int64_t>({1}, {10});
  ASSERT_TRUE(runner.Run({few.view()}, {.at = std::chrono::steady_clock::now() + 1h}).ok());
  EXPECT_THAT(runner.ValuesOf<int64_t>(0), ElementsAre(10));
}

TEST(OnnxEngineTest, StopsEachOfManyRunsAtItsOwnDeadline) {
  Runner runner("spin.onnx");
  const Tensor days = Make<int64_t>({1}, {int64_t{1} << 40});
  std::atomic<int> stopped = 0;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const std::vector<TensorView> inputs = {days.view()};
      const std::vector<size_t> outputs = {0};
      std::vector<Tensor> results;
      for (int i = 0; i < 3; ++i) {
        const auto deadline = std::chrono::steady_clock::now() + (8 - t) * 10ms;
        const Status status = runner.engine->Run(inputs, outputs, {.at = deadline}, results);
        const bool late = std::chrono::steady_clock::now() >= deadline;
        if (status.code() == StatusCode::kDeadlineExceeded && late) ++stopped;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(stopped, 24);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
}

}  // namespace
}  // namespace slipway::engine
