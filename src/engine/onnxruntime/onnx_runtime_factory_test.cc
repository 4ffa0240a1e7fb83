// Loading and unloading of models, good, bad and hostile.
#include "engine/onnxruntime/onnx_runtime_factory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>

#include "base/file_system.h"
#include "base/log.h"
#include "base/str_cat.h"
#include "graph/testing/onnx_bytes.h"

namespace slipway::engine {
namespace {

// As `slipway serve` has it: what comes back after an unload is told for one arena.
[[maybe_unused]] const int kOneArena = mallopt(M_ARENA_MAX, 1);

using base::Result;
using base::Status;
using base::StatusCode;
using base::StrCat;
using base::WireWriter;
using graph::ElementType;
using graph::TestGraph;
using graph::TestNode;
using graph::TestValue;
using tensor::Tensor;
using tensor::TensorView;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using Path = std::filesystem::path;

const Path kModels = "tests/models/engine";

class OnnxRuntimeFactoryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "slipway-engine-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    auto factory = OnnxRuntimeFactory::Create(files_, *logger_);
    ASSERT_TRUE(factory.ok()) << factory.status();
    factory_ = *std::move(factory);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  Result<std::unique_ptr<Engine>> Load(const Path& directory,
                                       const std::string& file = "model.onnx",
                                       const EngineOptions& options = {}) {
    return factory_->Load({.directory = directory, .model_file = file}, options);
  }
  Result<std::unique_ptr<Engine>> LoadGiven(std::map<std::string, std::string> given) {
    return factory_->Load(
        {.directory = {},
         .in_memory = std::make_shared<std::map<std::string, std::string>>(std::move(given))},
        {});
  }
  Status Refusal(const Path& directory, const std::string& file = "model.onnx",
                 const EngineOptions& options = {}) {
    const auto engine = Load(directory, file, options);
    return engine.ok() ? base::OkStatus() : engine.status();
  }
  void Write(const Path& relative, std::string_view content) const {
    std::filesystem::create_directories((directory_ / relative).parent_path());
    std::ofstream(directory_ / relative, std::ios::binary) << content;
  }
  // y of a model x: [batch, n] -> y: [batch, n], for one row of ones.
  static std::vector<float> RunOnes(Engine& engine) {
    const int64_t columns = engine.signature().inputs[0].shape[1];
    const std::vector<float> ones(static_cast<size_t>(columns), 1);
    const Tensor x = *Tensor::FromValues<float>({1, columns}, ones);
    const std::vector<TensorView> inputs = {x.view()};
    const std::vector<size_t> outputs = {0};
    std::vector<Tensor> results;
    const Status status = engine.Run(inputs, outputs, {}, results);
    EXPECT_TRUE(status.ok()) << status;
    if (!status.ok()) return {};
    const auto values = results[0].view().As<float>();
    return {values->begin(), values->end()};
  }

  const base::RealFileSystem files_;
  std::unique_ptr<base::Logger> logger_ = base::Logger::Null();
  std::unique_ptr<OnnxRuntimeFactory> factory_;
  Path directory_;  // empty, and removed when the test ends
};

// y = x * w, of `columns` columns, the weights being `tensor`.
std::string ScaleModel(const std::string& tensor, int64_t columns = 16) {
  return graph::TestModel(TestGraph{
      .nodes = {TestNode("Mul", {"x", "w"}, {"y"})},
      .inputs = {TestValue("x", ElementType::kFloat, {"batch", columns})},
      .outputs = {TestValue("y", ElementType::kFloat, {"batch", columns})},
      .initializers = {
          tensor}}.Bytes());
}

std::string ScaleModelAt(std::string_view location, uint64_t offset = 0, int64_t columns = 16) {
  return ScaleModel(
      graph::TestExternalTensor("w", ElementType::kFloat, {columns}, location, offset), columns);
}

std::string Floats(size_t count, float value) {
  const std::vector<float> values(count, value);
  return {reinterpret_cast<const char*>(values.data()), count * sizeof(float)};
}

TEST_F(OnnxRuntimeFactoryTest, SaysWhatItIs) {
  EXPECT_EQ(factory_->name(), "onnxruntime");
  EXPECT_THAT(factory_->version(), testing::StartsWith("1."));
  EXPECT_THAT(factory_->providers(), AllOf(Contains("cpu"), Not(Contains("azure"))));
}

// ---- models that cannot be loaded ----

struct BadModel {
  const char* file;
  StatusCode code;
  const char* message;
};
class BadModelTest : public OnnxRuntimeFactoryTest, public testing::WithParamInterface<BadModel> {};
TEST_P(BadModelTest, IsRefusedWithTheReason) {
  const Status status = Refusal(kModels, GetParam().file);
  EXPECT_EQ(status.code(), GetParam().code) << status;
  EXPECT_THAT(status.message(), HasSubstr(GetParam().message));
  EXPECT_THAT(status.message(), HasSubstr(StrCat("model file '", GetParam().file, "': ")));
  EXPECT_THAT(status.message(), Not(HasSubstr(".cc:")));
}
constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;
INSTANTIATE_TEST_SUITE_P(
    Fixtures, BadModelTest,
    testing::ValuesIn<BadModel>({
        {"empty.onnx", kInvalid, "an empty file (0 bytes)"},
        {"text.onnx", kInvalid, "got text ('This is not a model.')"},
        {"random.onnx", kInvalid, "expected an ONNX model: damaged at byte 1"},
        {"truncated.onnx", kInvalid, "the file is cut off: the graph ends at byte 128"},
        {"no_graph.onnx", kInvalid, "it has no graph"},
        {"opset_too_new.onnx", kInvalid, "operator set 999 of domain 'ai.onnx': expected at most "},
        {"ir_too_new.onnx", kInvalid, "IR version 999: expected at most "},
        {"opset_1_no_kernel.onnx", kInvalid,
         "operator 'Add' of domain 'ai.onnx', operator set 1: "},
        {"unknown_op.onnx", kInvalid, "operator 'Frobnicate' of domain 'ai.onnx', operator set 17"},
        {"unknown_domain.onnx", kInvalid, "operator 'Scale' of domain 'com.example.unknown'"},
        {"cyclic.onnx", kInvalid, "the graph has a cycle"},
        {"duplicate_output.onnx", kInvalid, "value 'y': expected one maker"},
        {"missing_input.onnx", kInvalid, "needs value 'ghost'"},
        {"missing_output.onnx", kInvalid, "graph output 'y'"},
        {"wrong_types.onnx", kInvalid, "types do not fit together"},
        {"wrong_output_type.onnx", kInvalid, "types do not fit together"},
        {"nested_1000.onnx", kInvalid, "messages nest too deep"},
        {"short_initializer.onnx", kInvalid, "expected 4000 bytes for FLOAT[1000], got 8"},
        {"huge_initializer.onnx", kInvalid, "tensor 'weight'"},
        {"negative_initializer.onnx", kInvalid, "tensor 'weight'"},
        {"unsupported_fp8.onnx", kInvalid, "input 'x': type FLOAT8E4M3FN cannot be sent"},
        {"unsupported_int4.onnx", kInvalid, "input 'x': type INT4 cannot be sent"},
        {"unsupported_complex64.onnx", kInvalid, "input 'x': type COMPLEX64 cannot be sent"},
        {"sequence_input.onnx", kInvalid, "input 'x': expected a tensor, got a sequence"},
        {"sequence_output.onnx", kInvalid, "output 'y' is a sequence; export with tensors"},
        {"not_there.onnx", StatusCode::kNotFound, "No such file"},
        {"../engine/log.onnx", StatusCode::kPermissionDenied, "leaves directory"},
    }));

class BadExternalDataTest : public OnnxRuntimeFactoryTest,
                            public testing::WithParamInterface<BadModel> {};
TEST_P(BadExternalDataTest, IsRefusedWithTheReason) {
  const Status status = Refusal(kModels / "external_data" / GetParam().file / "1");
  EXPECT_EQ(status.code(), GetParam().code) << status;
  EXPECT_THAT(status.message(), HasSubstr(GetParam().message));
  EXPECT_THAT(status.message(), HasSubstr("'weight'"));
}
INSTANTIATE_TEST_SUITE_P(
    Fixtures, BadExternalDataTest,
    testing::ValuesIn<BadModel>({
        {"parent_path", StatusCode::kPermissionDenied, "'../secret.bin' leaves directory"},
        {"parent_path_inside", StatusCode::kPermissionDenied, "leaves directory"},
        {"absolute_path", StatusCode::kPermissionDenied, "got an absolute path"},
        {"missing_file", StatusCode::kNotFound, "weights.bin"},
        {"no_location", kInvalid, "expected a location, got none"},
        {"negative_offset", kInvalid, "expected a number of bytes, got '-1'"},
        {"huge_offset", kInvalid, "expected 64 bytes from byte 1099511627776, but the file has 64"},
        {"overflow_offset", kInvalid, "from byte 9223372036854775776"},
        {"text_offset", kInvalid, "got '12abc'"},
        {"negative_length", kInvalid, "got '-64'"},
        {"huge_length", kInvalid, "its length says 1099511627776"},
        {"short_length", kInvalid, "its length says 8"},
        {"short_file", kInvalid, "but the file has 32"},
    }));

// ---- external data ----

TEST_F(OnnxRuntimeFactoryTest, ReadsExternalDataBesideTheModelAndBelow) {
  std::vector<float> expected;
  for (int i = 1; i <= 16; ++i) expected.push_back(static_cast<float>(i));
  for (const char* name : {"good", "good_subfolder"}) {
    auto engine = Load(kModels / "external_data" / name / "1");
    ASSERT_TRUE(engine.ok()) << engine.status();
    EXPECT_EQ(RunOnes(**engine), expected);
  }
}

TEST_F(OnnxRuntimeFactoryTest, NeedsNoFileOnceLoaded) {
  constexpr int64_t kColumns = 1 << 20;
  Write("model.onnx", ScaleModelAt("w.bin", 1, kColumns));  // not aligned, too
  Write("w.bin", "#" + Floats(kColumns, 7));
  auto engine = Load(directory_);
  ASSERT_TRUE(engine.ok()) << engine.status();
  std::filesystem::resize_file(directory_ / "w.bin", 0);
  std::filesystem::remove_all(directory_);
  EXPECT_EQ(RunOnes(**engine), std::vector<float>(kColumns, 7));
}

TEST_F(OnnxRuntimeFactoryTest, FollowsNoLinkOutOfTheDirectory) {
  Write("outside/w.bin", Floats(16, 1));
  Write("m/1/model.onnx", ScaleModelAt("w.bin"));
  std::filesystem::create_symlink("../../outside/w.bin", directory_ / "m/1/w.bin");
  EXPECT_EQ(Refusal(directory_ / "m/1").code(), StatusCode::kPermissionDenied);
  std::filesystem::remove(directory_ / "m/1/w.bin");
  std::filesystem::create_hard_link(directory_ / "outside/w.bin", directory_ / "m/1/w.bin");
  const Status hard = Refusal(directory_ / "m/1");
  EXPECT_EQ(hard.code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(hard.message(), HasSubstr("2 hard links"));

  Write("n/1/model.onnx", ScaleModelAt("data/w.bin"));
  std::filesystem::create_directory_symlink("../../outside", directory_ / "n/1/data");
  EXPECT_EQ(Refusal(directory_ / "n/1").code(), StatusCode::kPermissionDenied);

  std::filesystem::create_directories(directory_ / "o/1");
  std::filesystem::create_symlink("../../m/1/model.onnx", directory_ / "o/1/model.onnx");
  EXPECT_EQ(Refusal(directory_ / "o/1").code(), StatusCode::kPermissionDenied);
}

TEST_F(OnnxRuntimeFactoryTest, NeverTakesALocationForAnAddress) {
  // ONNX Runtime reads this location as "offset is a pointer". A file of that name changes nothing.
  constexpr const char* kAddress = "*/_ORT_MEM_ADDR_/*";
  Write("model.onnx", ScaleModelAt(kAddress));
  Write(kAddress, Floats(16, 1));
  EXPECT_EQ(Refusal(directory_).code(), StatusCode::kPermissionDenied);
}

// A graph with an external tensor in the place that `change` puts it.
TEST_F(OnnxRuntimeFactoryTest, RefusesExternalDataWhereTheRuntimeWouldOpenTheFile) {
  Write("w.bin", Floats(16, 1));
  const std::string tensor = graph::TestExternalTensor("w", ElementType::kFloat, {16}, "w.bin", 0);
  std::string constant = TestNode("Constant", {}, {"c"});
  std::string attribute;
  WireWriter(attribute).Bytes(1, "value");
  WireWriter(attribute).Bytes(5, tensor);
  WireWriter(attribute).Varint(20, 4);
  WireWriter(constant).Bytes(5, attribute);
  const auto write = [&](const std::string& extra_node) {
    Write("model.onnx",
          graph::TestModel(TestGraph{.nodes = {extra_node, TestNode("Mul", {"x", "c"}, {"y"})},
                                     .inputs = {TestValue("x", ElementType::kFloat, {"b", 16})},
                                     .outputs = {TestValue("y", ElementType::kFloat, {"b", 16})},
                                     .initializers = {}}
                               .Bytes()));
  };
  write(constant);
  Status status = Refusal(directory_);
  EXPECT_EQ(status.code(), StatusCode::kUnimplemented) << status;
  EXPECT_THAT(status.message(), HasSubstr("external data for an attribute of a node"));

  const TestGraph body = {.nodes = {TestNode("Identity", {"w"}, {"o"})},
                          .inputs = {},
                          .outputs = {TestValue("o", ElementType::kFloat, {16})},
                          .initializers = {tensor}};
  write(TestNode("If", {"x"}, {"c"}, body.Bytes()));
  status = Refusal(directory_);
  EXPECT_EQ(status.code(), StatusCode::kUnimplemented) << status;
  EXPECT_THAT(status.message(), HasSubstr("external data for a weight of a subgraph"));
}

// ---- files given over the API ----

TEST_F(OnnxRuntimeFactoryTest, LoadsFilesThatWereSentAlong) {
  auto engine = LoadGiven(
      {{"model.onnx", ScaleModelAt("./data//w.bin", 4)}, {"data/w.bin", "####" + Floats(16, 3)}});
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_EQ(RunOnes(**engine), std::vector<float>(16, 3));
}

TEST_F(OnnxRuntimeFactoryTest, ReadsNothingFromDiskForFilesThatWereSentAlong) {
  Write("w.bin", Floats(16, 3));
  const Path before = std::filesystem::current_path();
  std::filesystem::current_path(directory_);  // where the runtime would look if it were left alone
  const auto missing = LoadGiven({{"model.onnx", ScaleModelAt("w.bin")}});
  const auto parent = LoadGiven({{"model.onnx", ScaleModelAt("../w.bin")}});
  const auto absolute = LoadGiven({{"model.onnx", ScaleModelAt((directory_ / "w.bin").string())}});
  const auto no_model = LoadGiven({{"other.onnx", ""}});
  std::filesystem::current_path(before);
  EXPECT_EQ(missing.status().code(), StatusCode::kNotFound) << missing.status();
  EXPECT_EQ(parent.status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(absolute.status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(no_model.status().code(), StatusCode::kNotFound);
}

// ---- options ----

TEST_F(OnnxRuntimeFactoryTest, NamesTheProvidersItHasWhenAskedForAnother) {
  const Status status = Refusal(kModels, "log.onnx", {.provider = "warp-drive"});
  EXPECT_EQ(status.code(), StatusCode::kUnimplemented);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("provider 'warp-drive'"), HasSubstr("can use: "), HasSubstr("cpu")));
}

// The nice values of this process's threads of that name. Source: proc_pid_stat(5), fields 2
// and 19.
std::vector<int> NiceNow(std::string_view name) {
  std::vector<int> found;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string text;
    std::getline(std::ifstream(task.path() / "stat"), text);
    const size_t end = text.rfind(')');
    if (end == std::string::npos) continue;
    const size_t begin = text.find('(') + 1;
    if (text.substr(begin, end - begin) != name) continue;
    std::istringstream fields(text.substr(end + 1));
    std::string skipped;
    for (int field = 3; field < 19; ++field) fields >> skipped;
    int nice = 0;
    fields >> nice;
    found.push_back(nice);
  }
  return found;
}

// The same once there are `count` of them: a thread takes its name after it has started, and may be
// listed for a moment after it was joined.
std::vector<int> NiceOfThreads(std::string_view name, size_t count) {
  std::vector<int> found = NiceNow(name);
  for (int i = 0; i < 5000 && found.size() != count; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    found = NiceNow(name);
  }
  return found;
}

TEST_F(OnnxRuntimeFactoryTest, OperatorThreadsHaveThePriorityOfTheFactoryNotOfTheLoader) {
  const int normal = getpriority(PRIO_PROCESS, 0);
  if (normal > 18) GTEST_SKIP() << "runs at the lowest priority already";
  std::unique_ptr<Engine> engine;
  std::thread loader([&] {
    EXPECT_EQ(setpriority(PRIO_PROCESS, 0, normal + 1), 0);
    auto loaded = Load(kModels, "identity_fp32.onnx", {.intra_op_threads = 3});
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    if (loaded.ok()) engine = *std::move(loaded);
  });
  loader.join();
  EXPECT_THAT(NiceOfThreads("operator", 2), testing::ElementsAre(normal, normal));
  engine.reset();
  EXPECT_THAT(NiceOfThreads("operator", 0), testing::IsEmpty());
}

TEST_F(OnnxRuntimeFactoryTest, ChecksItsOptions) {
  EXPECT_THAT(Refusal(kModels, "log.onnx", {.intra_op_threads = 0}).message(),
              HasSubstr("intra_op_threads: expected 1 to 1024, got 0"));
  EXPECT_THAT(Refusal(kModels, "log.onnx", {.provider_options = {{"device_id", "0"}}}).message(),
              HasSubstr("provider 'cpu': expected no provider options, got 'device_id'"));
  EXPECT_TRUE(Load(kModels, "log.onnx", {.intra_op_threads = 2}).ok());
}

// ---- lifetimes, logs, memory ----

TEST_F(OnnxRuntimeFactoryTest, EnginesOutliveTheirFactory) {
  auto other = *OnnxRuntimeFactory::Create(files_, *logger_);
  auto engine = Load(kModels / "external_data/good/1");
  ASSERT_TRUE(engine.ok());
  factory_.reset();
  EXPECT_EQ(RunOnes(**engine).size(), 16u);
  other.reset();
  EXPECT_EQ(RunOnes(**engine).size(), 16u);
}

TEST_F(OnnxRuntimeFactoryTest, LogsWhatTheRuntimeWarnsOfAndWhatItLeavesOut) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "Debian's libspdlog is not built for ThreadSanitizer, which then sees races";
#endif
  const std::string file = (directory_ / "log.txt").string();
  logger_ = std::make_unique<base::Logger>(base::Logger::Options{.file = file});
  factory_ = *OnnxRuntimeFactory::Create(files_, *logger_);
  ASSERT_TRUE(Load(kModels, "ml_zipmap.onnx").ok());
  TestGraph graph = {
      .nodes = {TestNode("Relu", {"x"}, {"y"})},
      .inputs = {TestValue("x", ElementType::kFloat, {2})},
      .outputs = {TestValue("y", ElementType::kFloat, {2})},
      .initializers = {graph::TestTensor("spare", ElementType::kFloat, {1}, "1234")}};
  ASSERT_TRUE(LoadGiven({{"model.onnx", graph::TestModel(graph.Bytes())}}).ok());
  factory_.reset();
  logger_ = base::Logger::Null();  // the other one has now written what it had queued
  const std::string log = *files_.Read(file, 1 << 20);
  EXPECT_THAT(log, HasSubstr("an output is no tensor and is left out"));
  EXPECT_THAT(log, HasSubstr("output 'output_probability' is a sequence"));
  EXPECT_THAT(log, HasSubstr("Removing initializer 'spare'"));
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLIPWAY_SKIP_MEMORY_TESTS 1
#endif
#ifndef SLIPWAY_SKIP_MEMORY_TESTS

// Memory of this process that no file backs, in bytes. `trim`: without what the test itself has
// freed.
uint64_t AnonymousBytes(bool trim = false) {
  if (trim) malloc_trim(0);
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Anonymous:")) return std::strtoull(line.c_str() + 10, nullptr, 10) * 1024;
  }
  return 0;
}

// y = x * w0 * w1 * ..., square matrices.
std::string DenseModel(int64_t size, int layers) {
  TestGraph graph = {.nodes = {},
                     .inputs = {TestValue("x", ElementType::kFloat, {"batch", size})},
                     .outputs = {TestValue("y", ElementType::kFloat, {"batch", size})},
                     .initializers = {}};
  const auto count = static_cast<size_t>(size * size);
  for (int i = 0; i < layers; ++i) {
    const std::string weight = StrCat("w", i);
    graph.initializers.push_back(
        graph::TestTensor(weight, ElementType::kFloat, {size, size},
                          Floats(count, static_cast<float>(i + 1) / static_cast<float>(size))));
    graph.nodes.push_back(TestNode("MatMul", {i == 0 ? "x" : StrCat("h", i - 1), weight},
                                   {i + 1 == layers ? "y" : StrCat("h", i)}));
  }
  return graph::TestModel(graph.Bytes());
}

TEST_F(OnnxRuntimeFactoryTest, GivesMemoryBackAndStaysBelowItsEstimate) {
  constexpr uint64_t kMiB = 1 << 20;
  {
    ASSERT_TRUE(Load(kModels, "log.onnx").ok());
  }  // what the library allocates once
  Write("model.onnx", DenseModel(2048, 3));  // 48 MiB
  const uint64_t estimate = *factory_->EstimateBytes({.directory = directory_});
  const uint64_t before = AnonymousBytes(true);
  for (int round = 0; round < 3; ++round) {
    auto engine = Load(directory_);
    ASSERT_TRUE(engine.ok()) << engine.status();
    EXPECT_EQ(RunOnes(**engine).size(), 2048u);
    const uint64_t loaded = AnonymousBytes() - before;
    EXPECT_GE(loaded, 40 * kMiB);
    EXPECT_LE(loaded, 60 * kMiB) << "weights once, not twice";
    EXPECT_LE(loaded, estimate);
    *engine = nullptr;
    EXPECT_LE(AnonymousBytes(), before + 4 * kMiB) << "round " << round;
  }
  EXPECT_LE(estimate, 4 * 48 * kMiB);
}

TEST_F(OnnxRuntimeFactoryTest, KeepsNoMemoryOfALargeBatch) {
  constexpr uint64_t kMiB = 1 << 20;
  Write("model.onnx", DenseModel(256, 2));
  auto engine = Load(directory_);
  ASSERT_TRUE(engine.ok());
  RunOnes(**engine);
  const uint64_t before = AnonymousBytes(true);
  {
    const Tensor x = *Tensor::Allocate(
        tensor::DType::kFp32, {40'000, 256});  // 40 MiB: more than the allocator ever keeps
    const std::vector<TensorView> inputs = {x.view()};
    const std::vector<size_t> outputs = {0};
    std::vector<Tensor> results;
    ASSERT_TRUE((*engine)->Run(inputs, outputs, {}, results).ok());
  }
  EXPECT_LE(AnonymousBytes(true), before + 8 * kMiB);
}

#endif

TEST_F(OnnxRuntimeFactoryTest, EstimatesFromTheFilesAlone) {
  const auto small = factory_->EstimateBytes({.directory = kModels, .model_file = "log.onnx"});
  ASSERT_TRUE(small.ok()) << small.status();
  EXPECT_LT(*small, 4u << 20);
  // External weights count, and are not read: here the file is missing.
  Write("model.onnx", ScaleModelAt("w.bin", 0, 1 << 24));
  const auto external = factory_->EstimateBytes({.directory = directory_});
  ASSERT_TRUE(external.ok()) << external.status();
  EXPECT_GT(*external, 64u << 20);
  const auto bad = factory_->EstimateBytes({.directory = kModels, .model_file = "text.onnx"});
  EXPECT_THAT(bad.status().message(), HasSubstr("model file 'text.onnx': expected an ONNX model"));
}

}  // namespace
}  // namespace slipway::engine
