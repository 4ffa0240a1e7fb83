// Files of LightGBM that are damaged, lie or ask for what is not supported.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "import/lightgbm/lightgbm_importer.h"
#include "import/testing/damage.h"
#include "import/testing/model_fixture.h"

namespace slipway::import::lightgbm {
namespace {

using base::StatusCode;
using testing::HasSubstr;

// Two trees; the second asks for a category first.
constexpr std::string_view kModel = R"(tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=regression
feature_names=a b
feature_infos=[0:1] -1:0:1:2
tree_sizes=100 100

Tree=0
num_leaves=3
num_cat=0
split_feature=0 0
threshold=0.5 1.5
decision_type=2 10
left_child=-1 -2
right_child=1 -3
leaf_value=1 2 3
is_linear=0
shrinkage=1


Tree=1
num_leaves=2
num_cat=1
split_feature=1
threshold=0
decision_type=1
left_child=-1
right_child=-2
leaf_value=10 20
cat_boundaries=0 1
cat_threshold=6
is_linear=1
leaf_const=0.5 0.25
num_features=1 0
leaf_features=0  
leaf_coeff=2  
shrinkage=1


end of trees

pandas_categorical:null
)";

TEST(LightgbmBadModelsTest, TheModelOfTheseTestsIsGood) {
  const auto imported = ImportText(LightgbmImporter(), kModel);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->columns[1].name, "b");
  EXPECT_EQ(imported->structure.front(), "2 trees, 2 features, objective regression");
}

struct BadModel {
  const char* name;
  const char* from;
  const char* to;
  const char* message;
};

class LightgbmBadModelTest : public testing::TestWithParam<BadModel> {};

TEST_P(LightgbmBadModelTest, IsRefusedWithItsPlace) {
  const auto& bad = GetParam();
  const auto imported =
      ImportText(LightgbmImporter(), Replaced(std::string(kModel), bad.from, bad.to));
  ASSERT_FALSE(imported.ok());
  EXPECT_EQ(imported.status().code(), StatusCode::kInvalidArgument) << imported.status();
  EXPECT_THAT(imported.status().message(), HasSubstr(bad.message));
}

const BadModel kBadModels[] = {
    {"Ring", "right_child=1 -3", "right_child=1 1", "reached"},
    {"ChildIsTheRoot", "right_child=1 -3", "right_child=1 0",
     "tree 0: node 1: child 0 of 2 nodes and 3 leaves"},
    {"NodeOutOfRange", "right_child=1 -3", "right_child=7 -3", "tree 0: node 0: child 7 of 2"},
    {"LeafOutOfRange", "right_child=1 -3", "right_child=1 -9", "tree 0: node 1: child -9 of 2"},
    {"LeafCountLies", "num_leaves=3", "num_leaves=900000000",
     "tree 0: line 20, 'leaf_value': expected 900000000 numbers, got 3"},
    {"NoLeaves", "num_leaves=3", "num_leaves=0", "'num_leaves': expected a number from 1"},
    {"MissingLine", "leaf_value=1 2 3\n", "", "tree 0: 'leaf_value' is missing"},
    {"WordForNumber", "threshold=0.5 1.5", "threshold=0.5 many",
     "line 16, 'threshold': number 1: 'many' is none"},
    {"ThresholdNaN", "threshold=0.5 1.5", "threshold=0.5 nan", "the split is not a number"},
    {"FeatureOutOfRange", "split_feature=0 0", "split_feature=0 5",
     "tree 0: node 1: feature 5 of 2"},
    {"FeatureBelowZero", "split_feature=0 0", "split_feature=-1 0", "feature -1 of 2"},
    {"UnknownMissing", "decision_type=2 10", "decision_type=2 14", "tree 0: node 1: decision_type"},
    {"NoSuchSet", "threshold=0\n", "threshold=4\n", "tree 1: node 0: set 4 of 1 of categories"},
    {"SetOutOfOrder", "cat_boundaries=0 1", "cat_boundaries=1 0", "number 1 is out of order"},
    {"SetLies", "cat_boundaries=0 1", "cat_boundaries=0 2000000000",
     "'cat_threshold': expected 2000000000 numbers, got 1"},
    {"LinearFeatureOutOfRange", "leaf_features=0", "leaf_features=3",
     "tree 1, linear leaves: feature 3 of 2"},
    {"LinearCountLies", "num_features=1 0", "num_features=1 2000000000",
     "'leaf_features': expected 2000000001 numbers, got 1"},
    {"FeatureCountLies", "max_feature_idx=1", "max_feature_idx=900000",
     "'feature_names': expected 900001 names, got 2"},
    {"ManyTreesARound", "num_tree_per_iteration=1", "num_tree_per_iteration=99999999",
     "'num_tree_per_iteration': expected a number from 1 to 100000"},
    {"BinaryOfTwo",
     "num_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\nobjective=regression",
     "num_tree_per_iteration=2\nlabel_index=0\nmax_feature_idx=1\nobjective=binary",
     "objective 'binary' with 1 classes and 2 trees an iteration"},
    {"BadSigmoid", "objective=regression", "objective=binary sigmoid:-1", "'sigmoid:-1'"},
    {"NoEnd", "end of trees", "end of the trees", "before 'end of trees'"},
};

INSTANTIATE_TEST_SUITE_P(Models, LightgbmBadModelTest, testing::ValuesIn(kBadModels),
                         [](const auto& c) { return c.param.name; });

TEST(LightgbmBadModelsTest, WhatIsNotSupportedIsNamed) {
  const auto objective =
      ImportText(LightgbmImporter(), Replaced(std::string(kModel), "regression", "guesswork"));
  EXPECT_EQ(objective.status().code(), StatusCode::kUnimplemented);
  EXPECT_THAT(objective.status().message(), HasSubstr("'guesswork'"));
  const auto version =
      ImportText(LightgbmImporter(), Replaced(std::string(kModel), "version=v4", "version=v9"));
  EXPECT_EQ(version.status().code(), StatusCode::kUnimplemented);
  EXPECT_THAT(version.status().message(), HasSubstr("'v9'"));
}

TEST(LightgbmBadModelsTest, FewerIterationsAreFewerTrees) {
  const auto all = ImportBoosterText(kModel, {}, {});
  const auto one = ImportBoosterText(kModel, {.iterations = 1}, {});
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_LT(one->onnx.size(), all->onnx.size());
}

TEST(LightgbmBadModelsTest, CutAndChangedFilesAreRefusedOrRead) {
  for (const char* name : {"lgb_categories", "lgb_linear_missing", "lgb_missing_zero"}) {
    const std::string file = ReadFixture(std::string("tests/models/boosted/") + name + ".txt");
    const size_t needed = file.find("end of trees");
    ASSERT_NE(needed, std::string::npos);
    ExpectCutsAreRefused(LightgbmImporter(), file, needed);
    EXPECT_GT(CountRefusedChanges(LightgbmImporter(), file, 500), 0);
  }
  ExpectNoiseIsRefused(LightgbmImporter(), "tree\nversion=v4\n");
}

}  // namespace
}  // namespace slipway::import::lightgbm
