// Models of XGBoost, LightGBM and CatBoost that stand alone in a pickle, against their own files.
#include "import/sklearn/root_booster.h"

#include <string>

#include "import/catboost/catboost_importer.h"
#include "import/lightgbm/lightgbm_importer.h"
#include "import/sklearn/sklearn_importer.h"
#include "import/testing/model_fixture.h"
#include "import/xgboost/xgboost_importer.h"

namespace slipway::import::sklearn {
namespace {

base::Result<ImportedModel> Import(const std::string& fixture) {
  const std::string file = ReadFixture("tests/models/sklearn/" + fixture);
  return SklearnImporter().import(std::as_bytes(std::span(file)), {});
}

struct Pair {
  const char* pickle;
  const char* file;
  const Importer& (*importer)();
  const char* framework;
};
void PrintTo(const Pair& pair, std::ostream* out) { *out << pair.pickle; }

class RootBoosterTest : public testing::TestWithParam<Pair> {};

TEST_P(RootBoosterTest, GivesTheOnnxOfTheModelsOwnFile) {
  const auto pickled = Import(GetParam().pickle);
  ASSERT_TRUE(pickled.ok()) << pickled.status();
  EXPECT_EQ(pickled->framework, GetParam().framework);
  const std::string file =
      ReadFixture(std::string("tests/models/sklearn_boosters/") + GetParam().file);
  const auto own = GetParam().importer().import(std::as_bytes(std::span(file)), {});
  ASSERT_TRUE(own.ok()) << own.status();
  EXPECT_TRUE(pickled->onnx == own->onnx);
  EXPECT_NE(LoadTrees(pickled->onnx), nullptr);
}

INSTANTIATE_TEST_SUITE_P(
    Files, RootBoosterTest,
    testing::Values(
        Pair{"xgb_regressor.pkl", "xgb_regressor.ubj", xgboost::XgboostImporter, "XGBoost"},
        Pair{"xgb_classes.joblib", "xgb_classes.ubj", xgboost::XgboostImporter, "XGBoost"},
        Pair{"lgbm_regressor.pkl", "lgbm_regressor.txt", lightgbm::LightgbmImporter, "LightGBM"},
        Pair{"lgbm_stopped.joblib", "lgbm_stopped.txt", lightgbm::LightgbmImporter, "LightGBM"},
        Pair{"catboost_texts.joblib", "catboost_texts.cbm", catboost::CatboostImporter,
             "CatBoost"}),
    [](const testing::TestParamInfo<Pair>& test) {
      const std::string name = test.param.pickle;
      return name.substr(0, name.find('.'));
    });

// Each with the answers of its library, which the suite of all models holds it to.
TEST(RootBoostersTest, AreRunByTheEngineForTrees) {
  for (const char* fixture : {"xgb_binary.pkl", "xgb_two_targets.joblib", "xgb_stopped.joblib",
                              "xgb_plain.pkl", "lgbm_texts.joblib", "lgbm_forest.joblib",
                              "lgbm_plain.pkl", "catboost_binary.pkl", "skops_xgb_classes.skops"}) {
    const auto model = Import(fixture);
    ASSERT_TRUE(model.ok()) << fixture << ": " << model.status();
    const std::string path = std::string("tests/models/sklearn/") + fixture;
    const auto engine = LoadTrees(model->onnx);
    ASSERT_NE(engine, nullptr) << fixture;
    ExpectAnswers(*engine,
                  {.model = path, .arrays = std::filesystem::path(path).replace_extension(".npz")},
                  1e-5);
  }
}

TEST(RootBoostersTest, AreOfTheirOwnFramework) {
  const auto plain = Import("lgbm_plain.pkl");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->framework, "LightGBM");
  EXPECT_EQ(plain->format, "LightGBM pickle");
  EXPECT_EQ(plain->structure.front().substr(0, 9), "Booster: ");
}

// What the wrapper does to columns before the booster sees them is kept.
TEST(RootBoostersTest, WithMoreToTheWrapperAreConvertedWithIt) {
  const auto missing = Import("xgb_missing.joblib");
  ASSERT_TRUE(missing.ok()) << missing.status();
  EXPECT_EQ(missing->framework, "XGBoost");
  const auto plain = Import("xgb_binary.pkl");
  ASSERT_TRUE(plain.ok()) << plain.status();
  const auto type_of_input = [](const ImportedModel& model) {
    return LoadOnnx(model.onnx)->signature().inputs.front().dtype;
  };
  EXPECT_EQ(type_of_input(*missing), tensor::DType::kFp64);
  EXPECT_EQ(type_of_input(*plain), tensor::DType::kFp32);
  const auto frame = Import("lgbm_frame_categories.joblib");
  ASSERT_TRUE(frame.ok()) << frame.status();
  EXPECT_EQ(frame->framework, "LightGBM");
  EXPECT_TRUE(std::ranges::any_of(frame->columns, [](const ImportedColumn& column) {
    return column.kind == ImportedColumn::Kind::kText;
  }));
}

}  // namespace
}  // namespace slipway::import::sklearn
