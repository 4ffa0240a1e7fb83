#include "graph/old_tree_ensemble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <span>
#include <string>
#include <utility>

#include "graph/onnx_graph.h"
#include "graph/testing/random_trees.h"

namespace slipway::graph {
namespace {

using base::Result;
using base::StatusCode;
using testing::HasSubstr;
using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;
using Texts = std::vector<std::string>;

// One tree, x0 <= 0.5 ? leaf 1 : leaf 2, and the tests' changes to it.
Attributes Stump(const std::string& prefix) {
  return {{"nodes_treeids", Ints{0, 0, 0}},
          {"nodes_nodeids", Ints{0, 1, 2}},
          {"nodes_featureids", Ints{0, 0, 0}},
          {"nodes_truenodeids", Ints{1, 0, 0}},
          {"nodes_falsenodeids", Ints{2, 0, 0}},
          {"nodes_missing_value_tracks_true", Ints{0, 0, 0}},
          {"nodes_modes", Texts{"BRANCH_LEQ", "LEAF", "LEAF"}},
          {"nodes_values", Floats{0.5F, 0, 0}},
          {prefix + "_treeids", Ints{0, 0}},
          {prefix + "_nodeids", Ints{1, 2}},
          {prefix + "_ids", Ints{0, 0}},
          {prefix + "_weights", Floats{-1, 3}}};
}

void Set(Attributes& attributes, const std::string& name, Attribute::Content content) {
  std::erase_if(attributes, [&](const Attribute& one) { return one.name == name; });
  attributes.push_back({name, std::move(content)});
}

Result<OldTreeEnsemble> Read(const std::string& op, const Attributes& attributes,
                             ElementType type = ElementType::kFloat) {
  GraphBuilder builder("trees");
  const Value x = builder.AddInput("x", type, {"batch", int64_t{2}});
  builder.AddOutput(builder.Node(op, {x}, attributes, ElementType::kFloat, GraphBuilder::kMlDomain),
                    "y", {});
  const std::string file = std::move(builder).Finish();
  const auto graph = ReadOnnxGraph(std::as_bytes(std::span(file)));
  EXPECT_TRUE(graph.ok()) << graph.status();
  return ReadOldTreeEnsemble(graph->nodes[0], type, 2);
}

float SumOf(const OldTreeEnsemble& read, float x) {
  return PlainSum<float>(read.trees, std::vector<float>{x, 0})[0];
}

TEST(OldTreeEnsembleTest, ReadsARegressorWithItsBase) {
  Attributes attributes = Stump("target");
  Set(attributes, "base_values", Floats{10});
  const auto read = Read("TreeEnsembleRegressor", attributes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(SumOf(*read, 0.5F), 9);
  EXPECT_EQ(SumOf(*read, 0.75F), 13);
  EXPECT_EQ(read->trees.roots, (std::vector<int32_t>{0, ~2}));
}

struct TestOfMode {
  const char* mode;
  bool on_threshold;  // takes the true branch
  bool below;
};

class OldTreeModeTest : public testing::TestWithParam<TestOfMode> {};

TEST_P(OldTreeModeTest, GoesTheWayThatTheModeSays) {
  for (const bool missing_is_true : {false, true}) {
    Attributes attributes = Stump("target");
    Set(attributes, "nodes_modes", Texts{GetParam().mode, "LEAF", "LEAF"});
    Set(attributes, "nodes_missing_value_tracks_true", Ints{missing_is_true ? 1 : 0, 0, 0});
    const auto read = Read("TreeEnsembleRegressor", attributes);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(SumOf(*read, 0.5F), GetParam().on_threshold ? -1 : 3);
    EXPECT_EQ(SumOf(*read, 0.25F), GetParam().below ? -1 : 3);
    EXPECT_EQ(SumOf(*read, 0.75F), GetParam().below ? 3 : -1);
    EXPECT_EQ(SumOf(*read, std::nanf("")), missing_is_true ? -1 : 3);
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, OldTreeModeTest,
                         testing::Values(TestOfMode{"BRANCH_LEQ", true, true},
                                         TestOfMode{"BRANCH_LT", false, true},
                                         TestOfMode{"BRANCH_GTE", true, false},
                                         TestOfMode{"BRANCH_GT", false, false}),
                         [](const auto& one) { return std::string(one.param.mode); });

TEST(OldTreeEnsembleTest, ReadsABinaryClassifierAsOneSum) {
  Attributes attributes = Stump("class");
  Set(attributes, "classlabels_strings", Texts{"no", "yes"});
  const auto read = Read("TreeEnsembleClassifier", attributes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->trees.targets, 1U);
  EXPECT_FALSE(read->weights_are_positive);
  EXPECT_EQ(read->text_labels, (Texts{"no", "yes"}));
}

struct Unread {
  const char* name;
  const char* op;
  std::function<void(Attributes&)> change;
  StatusCode code;
  const char* message;
};

class OldTreeUnreadTest : public testing::TestWithParam<Unread> {};

TEST_P(OldTreeUnreadTest, SaysWhatItIs) {
  const bool classifier = std::string_view(GetParam().op) == "TreeEnsembleClassifier";
  Attributes attributes = Stump(classifier ? "class" : "target");
  GetParam().change(attributes);
  const auto read = Read(GetParam().op, attributes);
  EXPECT_EQ(read.status().code(), GetParam().code);
  EXPECT_THAT(read.status().message(), HasSubstr(GetParam().message));
}

const Unread kUnread[] = {
    {"Mode", "TreeEnsembleRegressor",
     [](Attributes& a) { Set(a, "nodes_modes", Texts{"BRANCH_EQ", "LEAF", "LEAF"}); },
     StatusCode::kUnimplemented, "nodes_modes 'BRANCH_EQ'"},
    {"Minimum", "TreeEnsembleRegressor",
     [](Attributes& a) { Set(a, "aggregate_function", std::string("MIN")); },
     StatusCode::kUnimplemented, "aggregate_function"},
    {"ManyTargets", "TreeEnsembleRegressor",
     [](Attributes& a) { Set(a, "n_targets", int64_t{1} << 30); }, StatusCode::kUnimplemented,
     "2 leaves with 1073741824 targets: expected at most 16777216"},
    {"MovedAverage", "TreeEnsembleRegressor",
     [](Attributes& a) {
       Set(a, "aggregate_function", std::string("AVERAGE"));
       Set(a, "base_values", Floats{1});
     },
     StatusCode::kUnimplemented, "an average with base values"},
    {"Ring", "TreeEnsembleRegressor",
     [](Attributes& a) { Set(a, "nodes_truenodeids", Ints{0, 0, 0}); }, StatusCode::kUnimplemented,
     "one root"},
    {"TwoParents", "TreeEnsembleRegressor",
     [](Attributes& a) { Set(a, "nodes_truenodeids", Ints{2, 0, 0}); }, StatusCode::kUnimplemented,
     "two parents"},
    {"NoSuchNode", "TreeEnsembleRegressor",
     [](Attributes& a) { Set(a, "nodes_truenodeids", Ints{7, 0, 0}); },
     StatusCode::kInvalidArgument, "tree 0: no node 7"},
    {"NoSuchFeature", "TreeEnsembleRegressor",
     [](Attributes& a) { Set(a, "nodes_featureids", Ints{2, 0, 0}); }, StatusCode::kInvalidArgument,
     "feature 2 of 2"},
    {"Lengths", "TreeEnsembleRegressor", [](Attributes& a) { Set(a, "nodes_values", Floats{1}); },
     StatusCode::kInvalidArgument, "differ in length"},
    {"SilentLeaf", "TreeEnsembleRegressor",
     [](Attributes& a) { Set(a, "target_nodeids", Ints{1, 1}); }, StatusCode::kUnimplemented,
     "two weights of a leaf"},
    {"OtherClass", "TreeEnsembleClassifier",
     [](Attributes& a) {
       Set(a, "classlabels_int64s", Ints{0, 1});
       Set(a, "class_ids", Ints{0, 1});
     },
     StatusCode::kUnimplemented, "scores of two classes"},
    {"RowsWithoutAScore", "TreeEnsembleClassifier",
     [](Attributes& a) { Set(a, "classlabels_int64s", Ints{0, 1, 2}); }, StatusCode::kUnimplemented,
     "classes that some rows do not score"},
};
INSTANTIATE_TEST_SUITE_P(All, OldTreeUnreadTest, testing::ValuesIn(kUnread),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace slipway::graph
