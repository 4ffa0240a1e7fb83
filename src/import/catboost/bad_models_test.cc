// Files of CatBoost that are damaged, lie or ask for what is not supported.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "import/catboost/catboost_importer.h"
#include "import/testing/damage.h"
#include "import/testing/model_fixture.h"

namespace slipway::import::catboost {
namespace {

using base::StatusCode;
using testing::HasSubstr;

constexpr std::string_view kModel =
    R"({"features_info":{"categorical_features":[{"feature_id":"colour","feature_index":0,
"flat_feature_index":1,"values":[5]}],"float_features":[{"borders":[0.5],"feature_id":"size",
"feature_index":0,"flat_feature_index":0,"has_nans":false,"nan_value_treatment":"AsIs"}]},
"model_info":{"class_params":{"class_names":["no","yes"]},
"params":{"loss_function":{"type":"Logloss"}}},"oblivious_trees":[{"leaf_values":[-1,1],
"leaf_weights":[1,1],"splits":[{"border":0.5,"float_feature_index":0,"split_index":0,
"split_type":"FloatFeature"}]}],"scale_and_bias":[1,[0.25]]})";

TEST(CatboostBadModelsTest, TheModelOfTheseTestsIsGood) {
  const auto imported = ImportText(CatboostImporter(), kModel);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(imported->class_names, testing::ElementsAre("no", "yes"));
  EXPECT_EQ(imported->columns[0].name, "size");
  EXPECT_EQ(imported->columns[1].kind, ImportedColumn::Kind::kText);
  const auto engine = LoadOnnx(imported->onnx);
  ASSERT_NE(engine, nullptr);
  ASSERT_EQ(engine->signature().inputs.size(), 2);
  EXPECT_EQ(engine->signature().inputs[1].name, "colour");
}

struct BadModel {
  const char* name;
  const char* from;
  const char* to;
  const char* message;
};

class CatboostBadModelTest : public testing::TestWithParam<BadModel> {};

TEST_P(CatboostBadModelTest, IsRefusedWithItsPlace) {
  const auto& bad = GetParam();
  const auto imported =
      ImportText(CatboostImporter(), Replaced(std::string(kModel), bad.from, bad.to));
  ASSERT_FALSE(imported.ok());
  EXPECT_EQ(imported.status().code(), StatusCode::kInvalidArgument) << imported.status();
  EXPECT_THAT(imported.status().message(), HasSubstr(bad.message));
}

const BadModel kBadModels[] = {
    {"LeafCount", "\"leaf_values\":[-1,1]", "\"leaf_values\":[-1,1,2]",
     "oblivious_trees[0].leaf_values: expected 2 numbers, got 3"},
    {"NoSuchNumber", "\"float_feature_index\":0", "\"float_feature_index\":7",
     "oblivious_trees[0].splits[0].float_feature_index: no feature has index 7"},
    {"BorderNaN", "\"border\":0.5", "\"border\":NaN", "the split is not a number"},
    {"BorderText", "\"border\":0.5", "\"border\":\"x\"", "expected a number, got 'x'"},
    {"ScaleNaN", "[1,[0.25]]", "[NaN,[0.25]]", "scale_and_bias: expected finite numbers"},
    {"NoBias", "[1,[0.25]]", "[1,[]]", "scale_and_bias[1]: expected 1 to 100000 biases, got 0"},
    {"ColumnLies", "\"flat_feature_index\":0", "\"flat_feature_index\":2000000000",
     "column 2000000000 of at most 1000000"},
    {"ColumnTwice", "\"flat_feature_index\":0", "\"flat_feature_index\":1",
     "two features are column 1"},
    {"Treatment", "AsIs", "AsMaybe", "expected AsIs, AsFalse or AsTrue, got 'AsMaybe'"},
    {"ThreeClasses", "[\"no\",\"yes\"]", "[\"no\",\"yes\",\"maybe\"]",
     "3 class labels for a model of 2 classes"},
    {"NoTrees", "\"oblivious_trees\"", "\"ovlivious_trees\"", "'trees' is missing"},
};

INSTANTIATE_TEST_SUITE_P(Models, CatboostBadModelTest, testing::ValuesIn(kBadModels),
                         [](const auto& c) { return c.param.name; });

TEST(CatboostBadModelsTest, EverythingThatIsNotSupportedIsNamedAtOnce) {
  std::string model =
      Replaced(std::string(kModel), R"("border":0.5,"float_feature_index":0,"split_index":0,
"split_type":"FloatFeature")",
               R"("border":0.5,"split_index":1,"split_type":"EstimatedFeature")");
  model = Replaced(model, "Logloss", "Guesswork");
  const auto imported = ImportText(CatboostImporter(), model);
  EXPECT_EQ(imported.status().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(imported.status().message(),
            "not supported: text or embedding features; the loss 'Guesswork'");
}

// A counter of the category 'colour', of two rows.
constexpr std::string_view kCounters =
    R"("ctrs":[{"borders":[0.5],"ctr_type":"Borders","elements":[{"cat_feature_index":0,
"combination_element":"cat_feature_value"}],"identifier":"table","prior_denomerator":1,
"prior_numerator":0,"scale":1,"shift":0,"target_border_idx":0}],"float_features")";
constexpr std::string_view kTable =
    R"({"ctr_data":{"table":{"counter_denominator":0,"hash_map":["1",2,3,"5",6,7],"hash_stride":3}},)";

std::string ModelWithCounter() {
  std::string model = Replaced(std::string(kModel), "\"float_features\"", kCounters);
  model = Replaced(model, R"("border":0.5,"float_feature_index":0,"split_index":0,
"split_type":"FloatFeature")",
                   R"("border":0.5,"split_index":2,"split_type":"OnlineCtr")");
  return std::string(kTable) + model.substr(1);
}

TEST(CatboostBadModelsTest, TheModelWithACounterIsGood) {
  const auto imported = ImportText(CatboostImporter(), ModelWithCounter());
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_NE(LoadOnnx(imported->onnx), nullptr);
  EXPECT_THAT(imported->warnings.front(), HasSubstr("org.slipway.CategoryHash"));
}

class CatboostBadCounterTest : public testing::TestWithParam<BadModel> {};

TEST_P(CatboostBadCounterTest, IsRefusedWithItsPlace) {
  const auto& bad = GetParam();
  const auto imported =
      ImportText(CatboostImporter(), Replaced(ModelWithCounter(), bad.from, bad.to));
  ASSERT_FALSE(imported.ok());
  EXPECT_EQ(imported.status().code(), StatusCode::kInvalidArgument) << imported.status();
  EXPECT_THAT(imported.status().message(), HasSubstr(bad.message));
}

const BadModel kBadCounters[] = {
    {"NoTable", "{\"table\":", "{\"tables\":", "ctrs[0].identifier: 'ctr_data' has no such table"},
    {"NoRows", "[\"1\",2,3,\"5\",6,7]", "[]", "a table without rows"},
    {"PartOfARow", "\"5\",6,7]", "\"5\",6]", "ctr_data.table.hash_map: 5 entries in rows of 3"},
    {"KeyTwice", "\"5\",6,7]", "\"1\",6,7]", "hash_map[3]: a key twice"},
    {"KeyIsNone", "\"5\",6,7]", "\"-5\",6,7]", "hash_map[3]: expected a hash, got '-5'"},
    {"CountIsNone", "\"5\",6,7]", "\"5\",6,[]]", "hash_map[5]: expected a number"},
    {"TargetOutOfRange", "\"target_border_idx\":0", "\"target_border_idx\":9",
     "ctrs[0]: needs 11 counts, its table has 2"},
    {"NoParts", R"([{"cat_feature_index":0,
"combination_element":"cat_feature_value"}])",
     "[]", "ctrs[0].elements: a counter of nothing"},
    {"NoSuchCategory", "[{\"cat_feature_index\":0", "[{\"cat_feature_index\":4",
     "no feature has index 4"},
    {"NoSuchSplit", "\"split_index\":2", "\"split_index\":3",
     "expected a split by a counter, 2 to 3, got 3"},
    {"SplitOfOtherKind", "\"split_index\":2", "\"split_index\":1",
     "expected a split by a counter, 2 to 3, got 1"},
    {"UnknownType", "\"Borders\"", "\"Guesses\"", "the type 'Guesses' is not known"},
};

INSTANTIATE_TEST_SUITE_P(Counters, CatboostBadCounterTest, testing::ValuesIn(kBadCounters),
                         [](const auto& c) { return c.param.name; });

TEST(CatboostBadModelsTest, DeepTreesEndAtTheLimit) {
  std::string nested;
  for (int i = 0; i < 100'000; ++i) nested += R"({"left":)";
  const std::string model =
      Replaced(std::string(kModel), "\"oblivious_trees\":[", "\"trees\":[" + nested);
  EXPECT_EQ(ImportText(CatboostImporter(), model).status().code(), StatusCode::kResourceExhausted);
}

TEST(CatboostBadModelsTest, CutAndChangedFilesAreRefusedOrRead) {
  for (const char* name : {"cat_counters.json", "cat_counters_rmse.cbm", "cat_rmse.json", "cat_lossguide.json",
                           "cat_mae.cbm", "cat_depthwise.cbm", "cat_multiclass.cbm"}) {
    const std::string file = ReadFixture(std::string("tests/models/boosted/") + name);
    ASSERT_FALSE(file.empty()) << name;
    ExpectCutsAreRefused(CatboostImporter(), file, file.size());
    EXPECT_GT(CountRefusedChanges(CatboostImporter(), file, 500), 0);
  }
  ExpectNoiseIsRefused(CatboostImporter(), "CBM1");
  ExpectNoiseIsRefused(CatboostImporter(), "{\"features_info\":");
}

// Offsets that point back to one vector would make a small file a large model.
TEST(CatboostBadModelsTest, ChangesAtTheFrontOfABinaryFileAreSurvived) {
  const std::string file = ReadFixture("tests/models/boosted/cat_mae.cbm");
  for (size_t at = 4; at < 1000 && at + 4 <= file.size(); ++at) {
    for (const std::string_view bytes :
         {std::string_view("\0\0\0\0", 4), std::string_view("\xFF\xFF\xFF\x7F"),
          std::string_view("\xFF\xFF\xFF\xFF")}) {
      std::string changed = file;
      changed.replace(at, 4, bytes);
      const auto imported = ImportText(CatboostImporter(), changed);
      EXPECT_EQ(imported.ok(), imported.status().message().empty());
    }
  }
}

}  // namespace
}  // namespace slipway::import::catboost
