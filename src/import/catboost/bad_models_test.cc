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
     "oblivious_trees[0].splits[0].float_feature_index: no number has index 7"},
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
               R"("cat_feature_index":0,"split_index":1,"split_type":"OneHotFeature","value":5)");
  model = Replaced(model, "Logloss", "Guesswork");
  const auto imported = ImportText(CatboostImporter(), model);
  EXPECT_EQ(imported.status().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(imported.status().message(),
            "not supported: categorical feature 'colour' (column 1), by one value; the loss "
            "'Guesswork'");
}

TEST(CatboostBadModelsTest, DeepTreesEndAtTheLimit) {
  std::string nested;
  for (int i = 0; i < 100'000; ++i) nested += R"({"left":)";
  const std::string model =
      Replaced(std::string(kModel), "\"oblivious_trees\":[", "\"trees\":[" + nested);
  EXPECT_EQ(ImportText(CatboostImporter(), model).status().code(), StatusCode::kResourceExhausted);
}

TEST(CatboostBadModelsTest, CutAndChangedFilesAreRefusedOrRead) {
  for (const char* name : {"cat_rmse.json", "cat_lossguide.json", "cat_mae.cbm",
                           "cat_depthwise.cbm", "cat_multiclass.cbm"}) {
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
