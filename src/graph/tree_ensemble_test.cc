#include "graph/tree_ensemble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <span>
#include <string>

#include "graph/onnx_summary.h"

namespace slipway::graph {
namespace {

using testing::HasSubstr;
using NodeTest = TreeEnsemble::Test;

// x[0] <= 0.5 ? 1 : (x[1] < 2 ? 10 : 100), and a tree that is one leaf of 1000.
TreeEnsemble TwoTrees() {
  TreeEnsemble out;
  out.features = 2;
  out.roots = {0, ~0};
  out.nodes = {{.split = 0.5, .yes = ~1, .no = 1},
               {.test = NodeTest::kLess, .feature = 1, .split = 2, .yes = ~2, .no = ~3}};
  out.first_target = {0, 0, 0, 0};
  out.values = {1000, 1, 10, 100};
  return out;
}

std::string Write(const TreeEnsemble& ensemble) {
  GraphBuilder graph("trees");
  const Value x = graph.AddInput("x", ensemble.type, {"batch", int64_t{ensemble.features}});
  graph.AddOutput(AddTreeEnsemble(graph, x, ensemble), "y", {"batch", int64_t{ensemble.targets}});
  return std::move(graph).Finish();
}

OnnxSummary Summary(const std::string& file) {
  auto summary = ReadOnnxSummary(std::as_bytes(std::span(file)));
  EXPECT_TRUE(summary.ok()) << summary.status();
  return summary.ok() ? *std::move(summary) : OnnxSummary();
}

bool Uses(const OnnxSummary& summary, std::string_view type) {
  return std::ranges::any_of(summary.operators,
                             [&](const OnnxOperator& one) { return one.type == type; });
}

TEST(TreeEnsembleTest, WritesOneNodeForAllTrees) {
  ASSERT_EQ(Validate(TwoTrees()), base::OkStatus());
  const OnnxSummary summary = Summary(Write(TwoTrees()));
  EXPECT_EQ(summary.node_count, 2U);  // with the Identity that names the output
  EXPECT_TRUE(Uses(summary, "TreeEnsemble"));
  EXPECT_EQ(summary.opsets.at("ai.onnx.ml"), 5);
  EXPECT_EQ(summary.outputs[0].element_type, ElementType::kDouble);
}

TEST(TreeEnsembleTest, DividesOnlyAMean) {
  TreeEnsemble mean = TwoTrees();
  mean.aggregate = TreeEnsemble::Aggregate::kMean;
  EXPECT_TRUE(Uses(Summary(Write(mean)), "Div"));
  EXPECT_FALSE(Uses(Summary(Write(TwoTrees())), "Div"));
}

TEST(TreeEnsembleTest, AnswersWithoutTrees) {
  TreeEnsemble none;
  none.features = 1;
  ASSERT_EQ(Validate(none), base::OkStatus());
  EXPECT_TRUE(Uses(Summary(Write(none)), "TreeEnsemble"));
}

TEST(TreeEnsembleTest, LooksMembersUpOnceAFeature) {
  TreeEnsemble ensemble = TwoTrees();
  for (TreeEnsemble::Node& node : ensemble.nodes) {
    node.test = NodeTest::kMember;
    node.feature = 1;
  }
  ensemble.nodes[1].members = 1;
  ensemble.member_sets = {{3, 1}, {}};
  ASSERT_EQ(Validate(ensemble), base::OkStatus());
  const OnnxSummary summary = Summary(Write(ensemble));
  const auto encoder = std::ranges::find_if(
      summary.operators, [](const OnnxOperator& one) { return one.type == "LabelEncoder"; });
  ASSERT_NE(encoder, summary.operators.end());
  EXPECT_EQ(encoder->count, 1U);
}

// Ten thousand sets of ten members each: one table for all would have a thousand million cells.
TEST(TreeEnsembleTest, KeepsTheTablesOfManySetsSmall) {
  constexpr int kSets = 10'000;
  TreeEnsemble ensemble;
  ensemble.features = 1;
  ensemble.first_target = {0, 0};
  ensemble.values = {1, 2};
  for (int set = 0; set < kSets; ++set) {
    ensemble.roots.push_back(set);
    ensemble.nodes.push_back(
        {.test = NodeTest::kMember, .members = static_cast<uint32_t>(set), .yes = ~0, .no = ~1});
    std::vector<int64_t>& members = ensemble.member_sets.emplace_back();
    for (int i = 0; i < 10; ++i) members.push_back(set * 10 + i);
  }
  ASSERT_EQ(Validate(ensemble), base::OkStatus());
  EXPECT_LT(Write(ensemble).size(), size_t{kSets} * 10 * 50);
}

struct BadCase {
  const char* name;
  std::function<void(TreeEnsemble&)> damage;
  const char* message;
};

class BadTreeEnsembleTest : public testing::TestWithParam<BadCase> {};

TEST_P(BadTreeEnsembleTest, IsRefusedWithItsPlace) {
  TreeEnsemble ensemble = TwoTrees();
  GetParam().damage(ensemble);
  const base::Status status = Validate(ensemble);
  EXPECT_EQ(status.code(), base::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr(GetParam().message));
}

void MakeChain(TreeEnsemble& ensemble) {
  ensemble.nodes.assign(10'000, {.yes = ~0});
  for (int32_t i = 0; i < 9'999; ++i) ensemble.nodes[static_cast<size_t>(i)].no = i + 1;
  ensemble.nodes.back().no = ~0;
  ensemble.roots = {0};
}

const BadCase kBadCases[] = {
    {"Type", [](auto& e) { e.type = ElementType::kInt64; }, "expected numbers of FLOAT or DOUBLE"},
    {"NoFeatures", [](auto& e) { e.features = 0; }, "features, got 0"},
    {"NoTargets", [](auto& e) { e.targets = 0; }, "targets, got 0"},
    {"LeafWidth", [](auto& e) { e.values_per_leaf = 2; }, "expected 1 or 1 values a leaf, got 2"},
    {"Values", [](auto& e) { e.values.pop_back(); }, "expected 4 values of leaves, got 3"},
    {"Target", [](auto& e) { e.first_target[2] = 1; }, "leaf 2: target 1 of 1"},
    {"Root", [](auto& e) { e.roots[1] = 2; }, "tree 1: no root 2"},
    {"RootLeaf", [](auto& e) { e.roots[1] = ~4; }, "tree 1: no root -5"},
    {"Child", [](auto& e) { e.nodes[1].yes = 2; }, "node 1: no child 2"},
    {"Leaf", [](auto& e) { e.nodes[1].no = ~4; }, "node 1: no child -5"},
    {"Cycle", [](auto& e) { e.nodes[1].no = 0; }, "tree 0: node 0 is reached twice"},
    {"SharedNode", [](auto& e) { e.roots[1] = 1; }, "tree 1: node 1 is reached twice"},
    {"Feature", [](auto& e) { e.nodes[1].feature = 2; }, "node 1: feature 2 of 2"},
    {"Split", [](auto& e) { e.nodes[0].split = std::numeric_limits<double>::quiet_NaN(); },
     "node 0: the split is not a number"},
    {"SplitType",
     [](auto& e) {
       e.type = ElementType::kFloat;
       e.nodes[0].split = 0.1;
     },
     "node 0: the split 0.1 is no FLOAT"},
    {"Members", [](auto& e) { e.nodes[0].test = NodeTest::kMember; }, "node 0: set 0 of 0"},
    {"Member", [](auto& e) { e.member_sets = {{int64_t{1} << 60}}; }, "set 0: the member"},
    {"Depth", &MakeChain, "expected at most 4096 levels"},
    {"EmptyMean",
     [](auto& e) {
       e.roots.clear();
       e.aggregate = TreeEnsemble::Aggregate::kMean;
     },
     "a mean of no trees"},
};
INSTANTIATE_TEST_SUITE_P(All, BadTreeEnsembleTest, testing::ValuesIn(kBadCases),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace slipway::graph
