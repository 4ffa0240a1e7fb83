// Whether ONNX Runtime computes what graph::TreeEnsemble means: sides, missing values, members,
// leaves for several targets, trees of one leaf. Sums are compared up to their last digits, because
// ONNX Runtime adds in an order of its own.
#include "graph/tree_ensemble.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "engine/onnxruntime/onnx_runtime_factory.h"
#include "graph/testing/random_trees.h"

namespace slipway::engine {
namespace {

using graph::ElementType;
using graph::RandomTreesOptions;
using graph::TreeEnsemble;
using NodeTest = TreeEnsemble::Test;

constexpr int64_t kRows = 300;

struct TreeCase {
  const char* name;
  RandomTreesOptions options;
};

class OnnxTreeEnsembleTest : public testing::TestWithParam<TreeCase> {
 protected:
  std::unique_ptr<Engine> Load(const TreeEnsemble& ensemble) {
    graph::GraphBuilder graph("trees");
    const graph::Value x =
        graph.AddInput("x", ensemble.type, {"batch", int64_t{ensemble.features}});
    graph.AddOutput(graph::AddTreeEnsemble(graph, x, ensemble), "y",
                    {"batch", int64_t{ensemble.targets}});
    ModelFiles files;
    files.in_memory = std::make_shared<const std::map<std::string, std::string>>(
        std::map<std::string, std::string>{{"model.onnx", std::move(graph).Finish()}});
    auto factory = OnnxRuntimeFactory::Create(real_files_, *logger_);
    EXPECT_TRUE(factory.ok()) << factory.status();
    auto engine = (*factory)->Load(files, {});
    EXPECT_TRUE(engine.ok()) << engine.status();
    return engine.ok() ? *std::move(engine) : nullptr;
  }

  // Values on the splits, between them, beyond them, and missing.
  template <typename T>
  static std::vector<T> Rows(uint32_t features) {
    constexpr std::array<double, 6> kSpecial = {std::numeric_limits<double>::quiet_NaN(),
                                                std::numeric_limits<double>::infinity(),
                                                -std::numeric_limits<double>::infinity(),
                                                -0.5,
                                                5.9,
                                                100};
    std::mt19937 random(7);
    std::vector<T> out(static_cast<size_t>(kRows) * features);
    for (T& x : out) {
      const auto pick = static_cast<uint32_t>(random() % 24);
      x = static_cast<T>(pick < kSpecial.size() ? kSpecial[pick] : pick * 0.25);
    }
    return out;
  }

  template <typename T>
  void Compare(const TreeEnsemble& ensemble) {
    ASSERT_EQ(Validate(ensemble), base::OkStatus());
    const std::unique_ptr<Engine> engine = Load(ensemble);
    ASSERT_NE(engine, nullptr);
    const std::vector<T> rows = Rows<T>(ensemble.features);
    const auto x = tensor::Tensor::FromValues<T>({kRows, ensemble.features}, rows);
    ASSERT_TRUE(x.ok()) << x.status();
    std::vector<tensor::Tensor> results;
    const base::Status status =
        engine->Run(std::array{x->view()}, std::array<size_t, 1>{0}, {}, results);
    ASSERT_EQ(status, base::OkStatus());
    const auto got = *results[0].view().template As<T>();
    ASSERT_EQ(got.size(), static_cast<size_t>(kRows) * ensemble.targets);
    for (size_t row = 0; row < static_cast<size_t>(kRows); ++row) {
      const std::span<const T> values = std::span(rows).subspan(row * ensemble.features);
      const std::vector<T> want = graph::PlainSum<T>(ensemble, values);
      for (size_t k = 0; k < want.size(); ++k) {
        EXPECT_NEAR(got[row * want.size() + k], want[k], 4000 * std::numeric_limits<T>::epsilon());
      }
    }
  }

  const base::RealFileSystem real_files_;
  const std::unique_ptr<base::Logger> logger_ = base::Logger::Null();
};

TEST_P(OnnxTreeEnsembleTest, AgreesWithTheWordsOfTreeEnsemble) {
  const TreeEnsemble ensemble = graph::RandomTrees(GetParam().options, 1).Make();
  if (ensemble.type == ElementType::kFloat) return Compare<float>(ensemble);
  Compare<double>(ensemble);
}

TEST_P(OnnxTreeEnsembleTest, AgreesWithoutTrees) {
  TreeEnsemble ensemble = graph::RandomTrees(GetParam().options, 1).Make();
  ensemble.roots.clear();
  ensemble.nodes.clear();
  ensemble.aggregate = TreeEnsemble::Aggregate::kSum;
  if (ensemble.type == ElementType::kFloat) return Compare<float>(ensemble);
  Compare<double>(ensemble);
}

const TreeCase kCases[] = {
    {"Less", {.tests = {NodeTest::kLess}}},
    {"LessOrEqual", {.tests = {NodeTest::kLessOrEqual}}},
    {"Float", {.type = ElementType::kFloat, .tests = {NodeTest::kLess}}},
    {"Mixed", {.tests = {NodeTest::kLess, NodeTest::kLessOrEqual}}},
    {"NothingMissing", {.tests = {NodeTest::kLessOrEqual}, .missing = false}},
    {"Members", {.tests = {NodeTest::kMember}}},
    {"FloatMembers", {.type = ElementType::kFloat, .tests = {NodeTest::kMember, NodeTest::kLess}}},
    {"AllTests", {.tests = {NodeTest::kMember, NodeTest::kLess, NodeTest::kLessOrEqual}}},
    {"Targets", {.tests = {NodeTest::kLess}, .targets = 3}},
    {"VectorLeaves",
     {.tests = {NodeTest::kLessOrEqual},
      .targets = 3,
      .vector_leaves = true,
      .aggregate = TreeEnsemble::Aggregate::kMean}},
    {"Mean", {.tests = {NodeTest::kLessOrEqual}, .aggregate = TreeEnsemble::Aggregate::kMean}},
};
INSTANTIATE_TEST_SUITE_P(All, OnnxTreeEnsembleTest, testing::ValuesIn(kCases),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace slipway::engine
