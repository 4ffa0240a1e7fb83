#include "graph/tree_ensemble_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <span>
#include <string>

#include "graph/onnx_graph.h"
#include "graph/testing/random_trees.h"

namespace slipway::graph {
namespace {

using NodeTest = TreeEnsemble::Test;

// The graph of a model that holds nothing but `ensemble`, and its bytes.
struct Model {
  explicit Model(const TreeEnsemble& ensemble) {
    GraphBuilder builder("trees");
    const Value x = builder.AddInput("x", ensemble.type, {"batch", int64_t{ensemble.features}});
    builder.AddOutput(AddTreeEnsemble(builder, x, ensemble), "y", {});
    file = std::move(builder).Finish();
    auto read = ReadOnnxGraph(std::as_bytes(std::span(file)));
    EXPECT_TRUE(read.ok()) << read.status();
    if (read.ok()) graph = *std::move(read);
  }
  const OnnxNode& trees() const { return *std::ranges::find_if(graph.nodes, &IsTreeEnsemble); }
  std::string file;
  OnnxGraph graph;
};

template <typename T>
void ExpectSameSums(const TreeEnsemble& want, const TreeEnsemble& got) {
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    std::vector<T> row(want.features);
    for (T& x : row) x = static_cast<T>(random() % 20) * T{0.25};
    ASSERT_EQ(PlainSum<T>(want, row), PlainSum<T>(got, row));
  }
}

TEST(TreeEnsembleReaderTest, ReadsWhatWasWritten) {
  const TreeEnsemble want =
      RandomTrees({.tests = {NodeTest::kLess, NodeTest::kLessOrEqual}, .targets = 3}, 1).Make();
  const Model model(want);
  const auto got = ReadTreeEnsemble(model.trees(), want.features);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->values, want.values);
  EXPECT_EQ(got->first_target, want.first_target);
  EXPECT_EQ(got->roots, want.roots);
  ExpectSameSums<double>(want, *got);
}

TEST(TreeEnsembleReaderTest, MergesTheCopiesOfVectorLeaves) {
  const TreeEnsemble want =
      RandomTrees({.type = ElementType::kFloat, .targets = 5, .vector_leaves = true}, 1).Make();
  const Model model(want);
  const auto got = ReadTreeEnsemble(model.trees(), want.features);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->values_per_leaf, 5U);
  EXPECT_EQ(got->values, want.values);
  EXPECT_EQ(got->roots, want.roots);
  ExpectSameSums<float>(want, *got);
}

TEST(TreeEnsembleReaderTest, KeepsTreesApartThatDifferInOneSplit) {
  TreeEnsemble twice = RandomTrees({.trees = 1, .thinning = 0}, 1).Make();
  const TreeEnsemble once = twice;
  const auto nodes = static_cast<int32_t>(once.nodes.size());
  const auto leaves = static_cast<int32_t>(once.first_target.size());
  for (TreeEnsemble::Node node : once.nodes) {
    for (int32_t* child : {&node.yes, &node.no}) *child += *child < 0 ? -leaves : nodes;
    twice.nodes.push_back(node);
  }
  twice.roots.push_back(nodes);
  twice.targets = 2;
  twice.values.insert(twice.values.end(), once.values.begin(), once.values.end());
  twice.first_target.resize(twice.values.size(), 1);
  const Model same(twice);
  EXPECT_EQ(ReadTreeEnsemble(same.trees(), 4)->values_per_leaf, 2U);
  twice.nodes.back().split += 1;
  const Model other(twice);
  EXPECT_EQ(ReadTreeEnsemble(other.trees(), 4)->values_per_leaf, 1U);
}

TEST(TreeEnsembleReaderTest, ReadsColumnsOfMembersAsSplits) {
  const TreeEnsemble want = RandomTrees({.tests = {NodeTest::kMember}}, 1).Make();
  const Model model(want);
  const auto leaves = std::ranges::count_if(want.roots, [](int32_t root) { return root < 0; });
  EXPECT_EQ(ReadTreeEnsemble(model.trees(), 20)->nodes.size(),
            want.nodes.size() + static_cast<size_t>(leaves));
}

TEST(TreeEnsembleReaderTest, RefusesAFeatureThatTheInputDoesNotHave) {
  const Model model(RandomTrees({}, 1).Make());
  EXPECT_EQ(ReadTreeEnsemble(model.trees(), 1).status().code(), base::StatusCode::kInvalidArgument);
}

TEST(TreeEnsembleReaderTest, NamesWhatItDoesNotKnow) {
  GraphBuilder builder("trees");
  const Value x = builder.AddInput("x", ElementType::kFloat, {"batch", int64_t{1}});
  builder.AddOutput(builder.Node("TreeEnsemble", {x}, {{"post_transform", int64_t{2}}},
                                 ElementType::kFloat, GraphBuilder::kMlDomain),
                    "y", {});
  const std::string file = std::move(builder).Finish();
  const auto graph = ReadOnnxGraph(std::as_bytes(std::span(file)));
  ASSERT_TRUE(graph.ok()) << graph.status();
  const base::Status status = ReadTreeEnsemble(graph->nodes[0], 1).status();
  EXPECT_EQ(status.code(), base::StatusCode::kUnimplemented);
  EXPECT_EQ(status.message(), "post_transform 2");
}

// Every byte of a small model damaged, one at a time: a result or a Status, and nothing else.
TEST(TreeEnsembleReaderTest, SurvivesDamage) {
  Model model(RandomTrees({.targets = 2, .vector_leaves = true, .trees = 3, .depth = 2}, 1).Make());
  int read = 0;
  for (char& byte : model.file) {
    const char old = byte;
    for (const int damage : {0x01, 0x80, 0xff}) {
      byte = static_cast<char>(old ^ damage);
      const auto graph = ReadOnnxGraph(std::as_bytes(std::span(model.file)));
      if (!graph.ok()) continue;
      for (const OnnxNode& node : graph->nodes) {
        if (IsTreeEnsemble(node) && ReadTreeEnsemble(node, 4).ok()) ++read;
      }
    }
    byte = old;
  }
  EXPECT_GT(read, 0);
}

}  // namespace
}  // namespace slipway::graph
