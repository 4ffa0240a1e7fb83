// Files of XGBoost that are damaged, lie or ask for what is not supported.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "import/testing/damage.h"
#include "import/testing/model_fixture.h"
#include "import/xgboost/ubjson.h"
#include "import/xgboost/xgboost_importer.h"

namespace slipway::import::xgboost {
namespace {

using base::StatusCode;
using testing::HasSubstr;

// x[1] < 0.5 ? -1 : +1, then for those above: in {2, 3} ? 3 : 2.
constexpr std::string_view kModel =
    R"({"learner":{"attributes":{},"feature_names":["a","b"],"feature_types":["q","c"],
"gradient_booster":{"model":{"gbtree_model_param":{"num_parallel_tree":"1","num_trees":"1"},
"iteration_indptr":[0,1],"tree_info":[0],"trees":[{"categories":[2,3],"categories_nodes":[2],
"categories_segments":[0],"categories_sizes":[2],"default_left":[0,0,0,0,0],"id":0,
"left_children":[1,-1,3,-1,-1],"right_children":[2,-1,4,-1,-1],
"split_conditions":[0.5,-1,0,2,3],"split_indices":[0,0,1,0,0],"split_type":[0,0,1,0,0],
"tree_param":{"num_deleted":"0","num_feature":"2","num_nodes":"5","size_leaf_vector":"1"}}]},
"name":"gbtree"},"learner_model_param":{"base_score":"5E-1","num_class":"0","num_feature":"2",
"num_target":"1"},"objective":{"name":"reg:squarederror"}},"version":[2,0,0]})";

TEST(XgboostBadModelsTest, TheModelOfTheseTestsIsGood) {
  const auto imported = ImportText(XgboostImporter(), kModel);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->columns[1].name, "b");
  EXPECT_EQ(imported->framework_version, "2.0.0");
  EXPECT_EQ(imported->structure.front(),
            "gbtree, 1 of 1 trees, 2 features, objective reg:squarederror");
}

struct BadModel {
  const char* name;
  const char* from;
  const char* to;
  const char* message;
};

class XgboostBadModelTest : public testing::TestWithParam<BadModel> {};

TEST_P(XgboostBadModelTest, IsRefusedWithItsPlace) {
  const auto& bad = GetParam();
  const auto imported =
      ImportText(XgboostImporter(), Replaced(std::string(kModel), bad.from, bad.to));
  ASSERT_FALSE(imported.ok());
  EXPECT_EQ(imported.status().code(), StatusCode::kInvalidArgument) << imported.status();
  EXPECT_THAT(imported.status().message(), HasSubstr(bad.message));
}

const BadModel kBadModels[] = {
    {"ChildIsItself", "[1,-1,3,-1,-1]", "[1,-1,2,-1,-1]", "tree 0: two ways to node 2"},
    {"ChildIsTheRoot", "[1,-1,3,-1,-1]", "[0,-1,3,-1,-1]", "tree 0: node 0: child 0 of 5 nodes"},
    {"ChildOutOfRange", "[2,-1,4,-1,-1]", "[2,-1,99,-1,-1]", "node 2: child 99 of 5 nodes"},
    {"ChildBelowZero", "[2,-1,4,-1,-1]", "[2,-1,-7,-1,-1]", "node 2: child -7 of 5 nodes"},
    {"NodeCountLies", R"("num_nodes":"5")", R"("num_nodes":"2000000000")",
     "trees[0]: 'left_children' has 5 entries for 2000000000 nodes"},
    {"ShorterArray", "[0,0,1,0,0],\"split_type\"", "[0,0,1],\"split_type\"",
     "'split_indices' has 3 entries for 5 nodes"},
    {"FeatureOutOfRange", "\"split_indices\":[0,0,1", "\"split_indices\":[7,0,1",
     "tree 0: node 0: feature 7 of 2"},
    {"FeatureCountLies", R"("num_feature":"2",
"num_target")",
     R"("num_feature":"2000000000",
"num_target")",
     "expected 1 to 1000000 features, got 2000000000"},
    {"GroupOutOfRange", "\"tree_info\":[0]", "\"tree_info\":[3]", "adds to output 3 of 1"},
    {"TreeCountLies", R"("num_trees":"1")", R"("num_trees":"9")", "says 9, the file has 1"},
    {"TreesWithoutGroups", "\"tree_info\":[0]", "\"tree_info\":[]", "0 entries for 1 trees"},
    {"BaseScoreNaN", "5E-1", "NaN", "learner_model_param.base_score"},
    {"BaseScoreText", "5E-1", "half", "expected numbers, got 'half'"},
    {"BaseScores", "5E-1", "[1E0,2E0]", "2 values for 1 outputs"},
    {"ThresholdNaN", "[0.5,-1", "[NaN,-1", "the split is not a number"},
    {"CategoriesOutOfRange", "\"categories_sizes\":[2]", "\"categories_sizes\":[3]",
     "'categories_nodes'[0]: out of range"},
    {"CategoryWithoutSet", "\"categories_nodes\":[2]", "\"categories_nodes\":[1]",
     "node 2: a split by category without categories"},
    {"CategoryAndNumber", "\"split_indices\":[0,0,1", "\"split_indices\":[1,0,1",
     "feature 1 is split as a category and as a number"},
    {"NamesForOther", R"(["a","b"])", R"(["a"])", "1 names for 2 features"},
    {"ManyClasses", R"("num_class":"0")", R"("num_class":"2000000")", "expected at most 100000"},
    {"TextForNumber", "\"split_conditions\":[0.5", "\"split_conditions\":[\"x\"",
     "trees[0].split_conditions: expected an array of numbers"},
    {"NoLearner", "\"learner\"", "\"Learner\"", ""},
    {"OtherBooster", "\"name\":\"gbtree\"", "\"name\":\"gbstump\"",
     "learner.gradient_booster.name: expected gbtree, dart or gblinear, got 'gbstump'"},
};

INSTANTIATE_TEST_SUITE_P(Models, XgboostBadModelTest, testing::ValuesIn(kBadModels),
                         [](const auto& c) { return c.param.name; });

TEST(XgboostBadModelsTest, AnUnknownObjectiveIsNamed) {
  const auto imported = ImportText(
      XgboostImporter(), Replaced(std::string(kModel), "reg:squarederror", "reg:guesswork"));
  EXPECT_EQ(imported.status().code(), StatusCode::kUnimplemented);
  EXPECT_THAT(imported.status().message(), HasSubstr("'reg:guesswork'"));
}

TEST(XgboostBadModelsTest, LabelsMustFitTheClasses) {
  const std::string file = ReadFixture("tests/models/boosted/xgb_multi_softprob.json");
  const auto bytes = std::as_bytes(std::span(file));
  const auto imported = ImportBoosterBytes(bytes, {.labels = {.texts = {"a", "b"}}}, {});
  EXPECT_EQ(imported.status().message(), "2 class labels for a model of 3 classes");
  const auto named = ImportBoosterBytes(bytes, {.labels = {.texts = {"a", "b", "c"}}}, {});
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_THAT(named->class_names, testing::ElementsAre("a", "b", "c"));
}

TEST(XgboostBadModelsTest, WarnsWhereEarlyStoppingWouldEnd) {
  const std::string file = ReadFixture("tests/models/boosted/xgb_stopped_early.json");
  const auto bytes = std::as_bytes(std::span(file));
  const auto all = ImportBoosterBytes(bytes, {}, {});
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->warnings.size(), 1);
  EXPECT_THAT(all->warnings.front(), HasSubstr("early stopping found iteration"));
  const auto best = ImportBoosterBytes(bytes, {.stop_at_best_iteration = true}, {});
  ASSERT_TRUE(best.ok()) << best.status();
  EXPECT_TRUE(best->warnings.empty());
  EXPECT_LT(best->onnx.size(), all->onnx.size());
}

TEST(XgboostBadModelsTest, SeparateColumnsHaveTheirNames) {
  const std::string model = Replaced(std::string(kModel), R"(["a","b"])", R"(["a","prediction"])");
  const auto bytes = std::as_bytes(std::span(model));
  const auto imported = XgboostImporter().import(bytes, {.columns = Columns::kSeparate});
  ASSERT_TRUE(imported.ok()) << imported.status();
  const auto engine = LoadOnnx(imported->onnx);
  ASSERT_NE(engine, nullptr);
  ASSERT_EQ(engine->signature().inputs.size(), 2);
  EXPECT_EQ(engine->signature().inputs[0].name, "a");
  EXPECT_EQ(engine->signature().inputs[1].name, "prediction");
  EXPECT_EQ(engine->signature().outputs[0].name, "model_prediction");
}

class XgboostDamageTest : public testing::TestWithParam<const char*> {};

TEST_P(XgboostDamageTest, CutAndChangedFilesAreRefusedOrRead) {
  const std::string file = ReadFixture(std::string("tests/models/boosted/") + GetParam());
  ASSERT_FALSE(file.empty());
  ExpectCutsAreRefused(XgboostImporter(), file, file.size());
  EXPECT_GT(CountRefusedChanges(XgboostImporter(), file, 500), 0);
}

INSTANTIATE_TEST_SUITE_P(Files, XgboostDamageTest,
                         testing::Values("xgb_categories_sets.json", "xgb_vector_leaves.json",
                                         "xgb_dart_multi.ubj", "xgb_gblinear_binary.json",
                                         "xgb_pickled_handle.ubj", "xgb_old176_dart_bin.bin"),
                         [](const auto& c) {
                           std::string name = c.param;
                           name[name.find('.')] = '_';
                           return name;
                         });

TEST(XgboostBadModelsTest, NoiseIsRefused) {
  for (const std::string_view prefix : {"", "{", "{L", "binf", "{\"learner\":", "{L\0\0\0\0"}) {
    ExpectNoiseIsRefused(XgboostImporter(), prefix);
  }
}

TEST(UbjsonTest, DepthAndCountsAreHeldAgainstTheFile) {
  const auto read = [](const std::string& text) {
    return ReadUbjson(std::as_bytes(std::span(text)), {}).status();
  };
  EXPECT_EQ(read(std::string(1'000'000, '[')).code(), StatusCode::kResourceExhausted);
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{i\x01x";
  EXPECT_EQ(read(objects).code(), StatusCode::kResourceExhausted);
  const std::string huge("L\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9);
  EXPECT_THAT(read("[$d#" + huge).message(), HasSubstr("with 0 bytes left"));
  EXPECT_THAT(read("[#" + huge).message(), HasSubstr("with 0 bytes left"));
  EXPECT_THAT(read("S" + huge).message(), HasSubstr("with 0 bytes left"));
  EXPECT_THAT(read("{" + huge).message(), HasSubstr("with 0 bytes left"));
  EXPECT_THAT(read("[$Z#i\x05").message(), HasSubstr("expected the type of an array's numbers"));
  EXPECT_THAT(read("[#i\xFF").message(), HasSubstr("a negative length"));
  EXPECT_THAT(read("[$d#i\x02zzzzzzz").message(), HasSubstr("an array of 2 numbers with 7 bytes"));
}

TEST(UbjsonTest, ReadsEveryTypeOfNumber) {
  const std::string text(
      "[i\xFFU\xFFI\xFF\xFEl\xFF\xFF\xFF\xFD"
      "L\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFC"
      "d\x3F\xC0\0\0"
      "D\xBF\xF8\0\0\0\0\0\0"
      "TF]",
      39);
  const auto document = ReadUbjson(std::as_bytes(std::span(text)), {});
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_THAT(*Place(*document).Numbers(),
              testing::ElementsAre(-1, 255, -2, -3, -4, 1.5, -1.5, 1, 0));
}

}  // namespace
}  // namespace slipway::import::xgboost
