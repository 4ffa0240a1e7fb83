#include "engine/trees/tree_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "engine/onnxruntime/onnx_runtime_factory.h"
#include "engine/testing/engine_suite.h"
#include "engine/trees/tree_engine_factory.h"
#include "graph/testing/random_trees.h"

namespace slipway::engine {
namespace {

using base::Result;
using base::StatusCode;
using graph::ElementType;
using graph::GraphBuilder;
using graph::TreeEnsemble;
using graph::Value;
using tensor::Tensor;
using testing::HasSubstr;
using NodeTest = TreeEnsemble::Test;

std::unique_ptr<Engine> LoadTwoInputs() {
  std::ifstream file("tests/models/engine/two_inputs.onnx", std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  const std::string bytes = content.str();
  auto engine = MakeTreeEngine(std::as_bytes(std::span(bytes)), 2);
  EXPECT_TRUE(engine.ok()) << engine.status();
  return engine.ok() ? *std::move(engine) : nullptr;
}
INSTANTIATE_TEST_SUITE_P(Trees, EngineSuite, testing::Values(EngineCase{"Trees", &LoadTwoInputs}),
                         [](const auto& one) { return one.param.name; });

constexpr int64_t kBatch = 150;

ModelFiles InMemory(std::string file) {
  ModelFiles files;
  files.in_memory = std::make_shared<const std::map<std::string, std::string>>(
      std::map<std::string, std::string>{{"model.onnx", std::move(file)}});
  return files;
}

// Numbers on a grid of 0.25, some missing, infinite or tiny.
template <typename T>
Tensor Rows(int64_t rows, int64_t columns) {
  using Limits = std::numeric_limits<T>;
  constexpr std::array<T, 5> kSpecial = {Limits::quiet_NaN(), Limits::infinity(),
                                         -Limits::infinity(), static_cast<T>(1e-36), T{-0.0}};
  std::mt19937 random(11);
  std::vector<T> values(static_cast<size_t>(rows * columns));
  for (T& x : values) {
    const auto pick = static_cast<size_t>(random() % 40);
    x = pick < kSpecial.size() ? kSpecial[pick] : static_cast<T>(pick) * T{0.25} - T{3};
  }
  return *Tensor::FromValues<T>({rows, columns}, values);
}

template <typename T>
void ExpectClose(const tensor::TensorView& want, const tensor::TensorView& got) {
  const auto wanted = *want.As<T>();
  const auto gotten = *got.As<T>();
  ASSERT_EQ(wanted.size(), gotten.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    if constexpr (std::is_floating_point_v<T>) {
      const T scale = std::max(T{1}, std::abs(wanted[i]));
      ASSERT_NEAR(wanted[i], gotten[i], scale * 64 * std::numeric_limits<T>::epsilon()) << i;
    } else {
      ASSERT_EQ(wanted[i], gotten[i]) << i;
    }
  }
}

void ExpectSame(const Tensor& want, const Tensor& got) {
  ASSERT_EQ(want.dtype(), got.dtype());
  ASSERT_EQ(want.shape(), got.shape());
  switch (want.dtype()) {
    case tensor::DType::kFp32:
      return ExpectClose<float>(want.view(), got.view());
    case tensor::DType::kFp64:
      return ExpectClose<double>(want.view(), got.view());
    case tensor::DType::kInt64:
      return ExpectClose<int64_t>(want.view(), got.view());
    case tensor::DType::kBytes:
      EXPECT_EQ(*want.view().AsStrings(), *got.view().AsStrings());
      return;
    default:
      FAIL() << want.dtype();
  }
}

class TreeEngineTest : public testing::Test {
 protected:
  // Runs the model here, at every level of the processor, and on ONNX Runtime, and compares all
  // outputs.
  void ExpectAgreement(GraphBuilder graph, const std::vector<Tensor>& inputs,
                       const EngineOptions& options = {}) {
    const ModelFiles files = InMemory(std::move(graph).Finish());
    const auto theirs = (*OnnxRuntimeFactory::Create(files_, *logger_))->Load(files, {});
    ASSERT_TRUE(theirs.ok()) << theirs.status();
    std::vector<tensor::TensorView> views;
    for (const Tensor& input : inputs) views.push_back(input.view());
    std::vector<size_t> outputs((*theirs)->signature().outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = i;
    std::vector<Tensor> want;
    ASSERT_EQ((*theirs)->Run(views, outputs, {}, want), base::OkStatus());
    for (const base::CpuLevel level :
         {base::CpuLevel::kBaseline, base::CpuLevel::kAvx2, base::CpuLevel::kAvx512}) {
      if (level > base::HighestCpuLevel()) continue;
      SCOPED_TRACE(Name(level));
      const auto ours = TreeEngineFactory(files_, level).Load(files, options);
      ASSERT_TRUE(ours.ok()) << ours.status();
      std::vector<Tensor> got;
      ASSERT_EQ((*ours)->Run(views, outputs, {}, got), base::OkStatus());
      ASSERT_EQ(got.size(), want.size());
      for (size_t i = 0; i < got.size(); ++i) ExpectSame(want[i], got[i]);
    }
  }

  base::Status Refusal(GraphBuilder graph) {
    return TreeEngineFactory(files_).Load(InMemory(std::move(graph).Finish()), {}).status();
  }

  const base::RealFileSystem files_;
  const std::unique_ptr<base::Logger> logger_ = base::Logger::Null();
};

TEST_F(TreeEngineTest, RunsARegressor) {
  const TreeEnsemble trees = graph::RandomTrees({.type = ElementType::kFloat}, 1).Make();
  GraphBuilder graph("g");
  const Value x = graph.AddInput("x", ElementType::kFloat, {"batch", int64_t{4}});
  graph.AddOutput(AddTreeEnsemble(graph, x, trees), "y", {"batch", int64_t{1}});
  std::vector<Tensor> inputs;
  inputs.push_back(Rows<float>(kBatch, 4));
  ExpectAgreement(std::move(graph), inputs);
}

// As importers write a binary classifier: a margin, the probability and its counterpart, the label
// as text.
TEST_F(TreeEngineTest, RunsABinaryClassifierWithTexts) {
  const TreeEnsemble trees = graph::RandomTrees({}, 2).Make();
  GraphBuilder graph("g");
  const Value x = graph.AddInput("x", ElementType::kFloat, {"batch", int64_t{4}});
  const Value margin = AddTreeEnsemble(graph, graph.Cast(x, ElementType::kDouble), trees);
  const Value scaled = graph.Node("Mul", {margin, graph.Scalar(ElementType::kDouble, 0.01)});
  const Value p = graph.Node("Sigmoid", {scaled});
  const Value q = graph.Node("Sub", {graph.Scalar(ElementType::kDouble, 1), p});
  const Value both = graph.Concat({q, p});
  const Value best = graph.Node("ArgMax", {both}, {{"axis", int64_t{1}}, {"keepdims", int64_t{0}}},
                                ElementType::kInt64);
  const Value names = graph.Add(graph::TextConstant({"no", "yes"}, {2}));
  graph.AddOutput(graph.Node("Gather", {names, best}), "label", {"batch"});
  graph.AddOutput(graph.Cast(both, ElementType::kFloat), "probabilities", {"batch", int64_t{2}});
  std::vector<Tensor> inputs;
  inputs.push_back(Rows<float>(kBatch, 4));
  ExpectAgreement(std::move(graph), inputs);
}

TEST_F(TreeEngineTest, RunsAClassifierOfManyClasses) {
  const TreeEnsemble trees =
      graph::RandomTrees({.type = ElementType::kFloat, .targets = 5}, 3).Make();
  GraphBuilder graph("g");
  const Value x = graph.AddInput("x", ElementType::kFloat, {"batch", int64_t{4}});
  const Value scores =
      graph.Node("Div", {AddTreeEnsemble(graph, x, trees), graph.Scalar(ElementType::kFloat, 100)});
  const Value p = graph.Node("Softmax", {scores}, {{"axis", int64_t{-1}}});
  const Value best = graph.Node("ArgMax", {p}, {{"axis", int64_t{-1}}, {"keepdims", int64_t{0}}},
                                ElementType::kInt64);
  const Value labels = graph.Add(graph::Int64Constant(std::array<int64_t, 5>{7, 5, 3, 2, 1}, {5}));
  graph.AddOutput(graph.Node("Gather", {labels, best}), "label", {"batch"});
  graph.AddOutput(p, "p", {"batch", int64_t{5}});
  graph.AddOutput(
      graph.Node("ReduceSum", {p, graph.Add(graph::Int64Constant(std::array<int64_t, 1>{1}, {1}))}),
      "total", {"batch", int64_t{1}});
  std::vector<Tensor> inputs;
  inputs.push_back(Rows<float>(kBatch, 4));
  ExpectAgreement(std::move(graph), inputs);
}

// Columns of their own, a zero band as LightGBM has it, categories, a mean of vector leaves.
TEST_F(TreeEngineTest, RunsWhatComesBeforeTheTrees) {
  const TreeEnsemble trees =
      graph::RandomTrees({.tests = {NodeTest::kLessOrEqual, NodeTest::kMember},
                          .features = 4,
                          .targets = 3,
                          .vector_leaves = true,
                          .aggregate = TreeEnsemble::Aggregate::kMean},
                         4)
          .Make();
  GraphBuilder graph("g");
  const Value a = graph.AddInput("a", ElementType::kFloat, {"batch", int64_t{1}});
  const Value b = graph.AddInput("b", ElementType::kInt64, {"batch", int64_t{1}});
  const Value c = graph.AddInput("c", ElementType::kDouble, {"batch", int64_t{3}});
  const Value wide =
      graph.Concat({graph.Cast(a, ElementType::kDouble), graph.Cast(b, ElementType::kDouble), c});
  const Value some = graph.Columns(wide, std::array<int64_t, 4>{4, 0, 1, -3});
  const Value zero = graph.Scalar(ElementType::kDouble, 0);
  const Value band = graph.Node(
      "LessOrEqual",
      {graph.Node("Abs", {some}), graph.Scalar(ElementType::kDouble, static_cast<double>(1e-35F))},
      {}, ElementType::kBool);
  const Value banded = graph.Node("Where", {band, zero, some}, {}, ElementType::kDouble);
  const Value missing = graph.Node("IsNaN", {banded}, {}, ElementType::kBool);
  const Value row = graph.Add(graph::DoubleConstant(std::array{0.5, 1., 2., 3.}, {4}));
  const Value filled = graph.Node("Where", {missing, row, banded}, {}, ElementType::kDouble);
  const Value limited = graph.Node("Clip", {filled, graph.Scalar(ElementType::kDouble, -2),
                                            graph.Scalar(ElementType::kDouble, 4)});
  graph.AddOutput(AddTreeEnsemble(graph, limited, trees), "y", {"batch", int64_t{3}});
  graph.AddOutput(AddTreeEnsemble(graph, some, trees), "z", {"batch", int64_t{3}});
  std::vector<Tensor> inputs;
  inputs.push_back(Rows<float>(kBatch, 1));
  std::vector<int64_t> codes(kBatch);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<int64_t>(i % 7) - 1;
  inputs.push_back(*Tensor::FromValues<int64_t>({kBatch, 1}, codes));
  inputs.push_back(Rows<double>(kBatch, 3));
  ExpectAgreement(std::move(graph), inputs);
}

TEST_F(TreeEngineTest, ASoftmaxOfFloatsHasTheBitsOfXgboost) {
  const TreeEnsemble trees =
      graph::RandomTrees({.type = ElementType::kFloat, .targets = 7}, 3).Make();
  GraphBuilder graph("g");
  const Value x = graph.AddInput("x", ElementType::kFloat, {"batch", int64_t{4}});
  const Value scores =
      graph.Node("Div", {AddTreeEnsemble(graph, x, trees), graph.Scalar(ElementType::kFloat, 300)});
  graph.AddOutput(scores, "scores", {"batch", int64_t{7}});
  graph.AddOutput(graph.Node("Softmax", {scores}, {{"axis", int64_t{-1}}}), "p",
                  {"batch", int64_t{7}});
  const auto engine = TreeEngineFactory(files_).Load(InMemory(std::move(graph).Finish()), {});
  ASSERT_TRUE(engine.ok()) << engine.status();
  const Tensor rows = Rows<float>(kBatch, 4);
  const std::array<size_t, 2> outputs = {0, 1};
  std::vector<Tensor> results;
  ASSERT_TRUE((*engine)->Run(std::array{rows.view()}, outputs, {}, results).ok());
  const auto in = *results[0].view().As<float>();
  const auto out = *results[1].view().As<float>();
  bool float_sums_differ = false;
  for (size_t row = 0; row < in.size(); row += 7) {
    const auto scored = in.subspan(row, 7);
    const float highest = std::ranges::max(scored);
    double sum = 0;
    float float_sum = 0;
    for (const float score : scored) {
      sum += static_cast<double>(std::exp(score - highest));
      float_sum += std::exp(score - highest);
    }
    float_sums_differ = float_sums_differ || float_sum != static_cast<float>(sum);
    for (size_t k = 0; k < 7; ++k) {
      EXPECT_EQ(out[row + k], std::exp(scored[k] - highest) / static_cast<float>(sum));
    }
  }
  EXPECT_TRUE(float_sums_differ);  // else it would show nothing
}

// As the importer of LightGBM writes it, with splits within the band and beside it.
TEST_F(TreeEngineTest, FoldsTheStepsBeforeTheTrees) {
  TreeEnsemble trees =
      graph::RandomTrees({.tests = {NodeTest::kLess, NodeTest::kLessOrEqual}, .targets = 2}, 6)
          .Make();
  const std::array<double, 6> splits = {0, 1e-36, -1e-36, 1e-35F, -1e-35F, 0.5};
  for (size_t i = 0; i < trees.nodes.size(); ++i) trees.nodes[i].split = splits[i % splits.size()];
  GraphBuilder graph("g");
  const Value x = graph.AddInput("x", ElementType::kDouble, {"batch", int64_t{4}});
  const Value fill = graph.Add(graph::DoubleConstant(std::array{0., std::nan(""), 1., 0.}, {1, 4}));
  const Value missing = graph.Node("IsNaN", {x}, {}, ElementType::kBool);
  const Value filled = graph.Node("Where", {missing, fill, x}, {}, ElementType::kDouble);
  const Value band =
      graph.Node("LessOrEqual",
                 {graph.Node("Abs", {filled}), graph.Scalar(ElementType::kDouble, double{1e-35F})},
                 {}, ElementType::kBool);
  const Value zeros = graph.Add(graph::DoubleConstant(std::array{0., 0., 0., 0.}, {1, 4}));
  const Value seen = graph.Node("Where", {band, zeros, filled}, {}, ElementType::kDouble);
  graph.AddOutput(AddTreeEnsemble(graph, seen, trees), "y", {"batch", int64_t{2}});
  const Value above = graph.Node("Greater", {filled, graph.Scalar(ElementType::kDouble, 0)}, {},
                                 ElementType::kBool);
  graph.AddOutput(graph.Cast(above, ElementType::kInt64), "z", {"batch", int64_t{4}});
  std::vector<Tensor> inputs;
  inputs.push_back(Rows<double>(kBatch, 4));
  ExpectAgreement(std::move(graph), inputs);
}

TEST_F(TreeEngineTest, GivesTheSameOnSeveralThreads) {
  const TreeEnsemble trees =
      graph::RandomTrees({.type = ElementType::kFloat, .trees = 300, .depth = 7}, 5).Make();
  GraphBuilder graph("g");
  const Value x = graph.AddInput("x", ElementType::kFloat, {"batch", int64_t{4}});
  graph.AddOutput(AddTreeEnsemble(graph, x, trees), "y", {"batch", int64_t{1}});
  const ModelFiles files = InMemory(std::move(graph).Finish());
  const Tensor rows = Rows<float>(20'000, 4);
  std::vector<Tensor> one;
  std::vector<Tensor> three;
  const std::array<size_t, 1> outputs = {0};
  for (auto& [threads, results] : {std::pair{1, &one}, std::pair{3, &three}}) {
    const auto engine = TreeEngineFactory(files_).Load(files, {.intra_op_threads = threads});
    ASSERT_TRUE(engine.ok()) << engine.status();
    ASSERT_TRUE((*engine)->Run(std::array{rows.view()}, outputs, {}, *results).ok());
  }
  EXPECT_TRUE(std::ranges::equal(one[0].view().data(), three[0].view().data()));
}

TEST_F(TreeEngineTest, StopsAtItsDeadline) {
  const TreeEnsemble trees = graph::RandomTrees({.type = ElementType::kFloat}, 1).Make();
  GraphBuilder graph("g");
  const Value x = graph.AddInput("x", ElementType::kFloat, {"batch", int64_t{4}});
  graph.AddOutput(AddTreeEnsemble(graph, x, trees), "y", {"batch", int64_t{1}});
  const auto engine = TreeEngineFactory(files_).Load(InMemory(std::move(graph).Finish()), {});
  ASSERT_TRUE(engine.ok()) << engine.status();
  const Tensor rows = Rows<float>(1000, 4);
  std::vector<Tensor> results;
  const std::atomic<bool> abandoned = true;
  EXPECT_EQ((*engine)
                ->Run(std::array{rows.view()}, std::array<size_t, 1>{0}, {.abandoned = &abandoned},
                      results)
                .code(),
            StatusCode::kCancelled);
  EXPECT_TRUE(results.empty());
}

TEST_F(TreeEngineTest, RefusesBatchesThatDiffer) {
  const std::unique_ptr<Engine> engine = LoadTwoInputs();
  ASSERT_NE(engine, nullptr);
  const Tensor a = Rows<float>(2, 2);
  const Tensor b = *Tensor::FromValues<int64_t>({1, 2}, std::array<int64_t, 2>{1, 2});
  std::vector<Tensor> results;
  const base::Status status =
      engine->Run(std::array{a.view(), b.view()}, std::array<size_t, 1>{0}, {}, results);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("input 'b': expected 2 rows, as in input 'a', got 1"));
}

TEST_F(TreeEngineTest, LeavesOtherModelsToOthers) {
  const TreeEnsemble trees = graph::RandomTrees({.type = ElementType::kFloat}, 1).Make();
  {
    GraphBuilder graph("no trees");
    const Value x = graph.AddInput("x", ElementType::kFloat, {"batch", int64_t{4}});
    graph.AddOutput(graph.Node("Exp", {x}), "y", {"batch", int64_t{4}});
    EXPECT_EQ(Refusal(std::move(graph)), base::Unimplemented("no trees"));
  }
  {
    GraphBuilder graph("an operator more");
    const Value x = graph.AddInput("x", ElementType::kFloat, {"batch", int64_t{4}});
    const Value y = AddTreeEnsemble(graph, x, trees);
    graph.AddOutput(graph.Node("Erf", {y}), "y", {"batch", int64_t{1}});
    const base::Status status = Refusal(std::move(graph));
    EXPECT_EQ(status.code(), StatusCode::kUnimplemented);
    EXPECT_THAT(status.message(), HasSubstr("(Erf): an operator of another engine"));
  }
  {
    GraphBuilder graph("a label that may be out of range");
    const Value x = graph.AddInput("x", ElementType::kFloat, {"batch", int64_t{4}});
    const Value at = graph.Cast(AddTreeEnsemble(graph, x, trees), ElementType::kInt64);
    const Value names = graph.Add(graph::TextConstant({"no", "yes"}, {2}));
    graph.AddOutput(graph.Node("Gather", {names, at}), "y", {"batch", int64_t{1}});
    EXPECT_THAT(Refusal(std::move(graph)).message(), HasSubstr("an index of any size"));
  }
}

}  // namespace
}  // namespace slipway::engine
