#include "import/sklearn/sklearn_importer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/file_system.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "graph/onnx_summary.h"

namespace slipway::import::sklearn {
namespace {

using base::StatusCode;
using base::StrCat;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kModels = "tests/models/sklearn/";

base::Result<ImportedModel> Import(std::string_view file, const ImportOptions& options = {}) {
  return SklearnImporter().import(std::as_bytes(std::span(file)), options);
}

std::string ReadModel(const std::string& name) {
  auto content = base::RealFileSystem().Read(kModels + name, 1 << 20);
  EXPECT_TRUE(content.ok()) << content.status();
  return content.ok() ? *std::move(content) : std::string();
}

// ---- pickles of protocol 0, put together by hand

std::string Text(std::string_view text) { return StrCat("V", text, "\n"); }

// An object of a class with attributes: pairs of a name and a pickle.
std::string Object(std::string_view module, std::string_view name, std::string_view attributes) {
  return StrCat("ccopy_reg\n_reconstructor\n(c", module, "\n", name,
                "\nc__builtin__\nobject\nNtR(d", attributes, "b");
}
std::string Attribute(std::string_view name, std::string_view value) {
  return StrCat(Text(name), value, "s");
}
std::string Step(std::string_view name, std::string_view estimator) {
  return StrCat("(", Text(name), estimator, "ta");
}
std::string Pipeline(std::string_view steps) {
  return Object("sklearn.pipeline", "Pipeline", Attribute("steps", StrCat("(l", steps)));
}
const std::string kTwoColumns = Attribute("n_features_in_", "I2\n");  // NOLINT: no order matters

// ---- what is found

TEST(SklearnImporterTest, TellsWhatItFound) {
  const auto model = Import(ReadModel("table_logistic.joblib"));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->format, "scikit-learn joblib, zlib");
  EXPECT_EQ(model->framework_version, "1.9.1");
  EXPECT_THAT(model->class_names, ElementsAre("no", "yes"));
  EXPECT_THAT(model->structure,
              ElementsAre("Pipeline", "  ColumnTransformer", "    OneHotEncoder", "    Pipeline",
                          "      SimpleImputer", "      StandardScaler", "    FunctionTransformer",
                          "  LogisticRegression"));
  ASSERT_EQ(model->columns.size(), 4U);
  EXPECT_EQ(model->columns[0].name, "color");
  EXPECT_EQ(model->columns[0].kind, ImportedColumn::Kind::kText);
  EXPECT_EQ(model->columns[2].kind, ImportedColumn::Kind::kNumber);
}

TEST(SklearnImporterTest, TellsOfAnEstimatorWhatIsItsOwn) {
  const auto model = Import(ReadModel("hist_categories.joblib"));
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_GT(model->structure.size(), 1U);  // its preprocessor comes first
  EXPECT_THAT(model->structure.front(), HasSubstr("HistGradientBoostingClassifier: "));
  EXPECT_THAT(model->structure.back(), Not(HasSubstr("rounds")));
}

TEST(SklearnImporterTest, TellsWhatItFoundInASkopsFile) {
  const auto model = Import(ReadModel("skops_xgb_pipeline.skops"));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->format, "scikit-learn skops");
  EXPECT_EQ(model->framework_version, "1.9.1");
  EXPECT_THAT(model->structure,
              ElementsAre("Pipeline", "  StandardScaler",
                          "  XGBClassifier: gbtree, 15 of 15 trees, 5 features, objective "
                          "multi:softprob"));
}

TEST(SklearnImporterTest, TakesColumnsSeparatelyWhenAsked) {
  const auto model = Import(ReadModel("logistic.joblib"), {.columns = Columns::kSeparate});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto summary = graph::ReadOnnxSummary(std::as_bytes(std::span(model->onnx)));
  ASSERT_TRUE(summary.ok()) << summary.status();
  ASSERT_EQ(summary->inputs.size(), 4U);
  EXPECT_EQ(summary->inputs[3].name, "x3");
  const auto mixed = Import(ReadModel("table_logistic.joblib"), {.columns = Columns::kTensor});
  EXPECT_THAT(mixed.status().message(), HasSubstr("2 of 4 columns are text"));
}

// ---- what is not supported or refused

TEST(SklearnImporterTest, NamesEverythingThatIsNotSupported) {
  const std::string file =
      Pipeline(StrCat(Step("a", Object("sklearn.cluster._birch", "Birch", kTwoColumns)),
                      Step("b", Object("sklearn.preprocessing._data", "Normalizer",
                                       StrCat(kTwoColumns, Attribute("norm", Text("l7"))))),
                      Step("c", Object("sklearn.manifold._isomap", "Isomap", kTwoColumns)))) +
      ".";
  const auto model = Import(file);
  EXPECT_EQ(model.status().code(), StatusCode::kUnimplemented);
  EXPECT_THAT(model.status().message(),
              AllOf(HasSubstr("3 reasons"), HasSubstr("steps[0] 'a' (Birch)"),
                    HasSubstr("sklearn.cluster._birch.Birch is not supported"),
                    HasSubstr("steps[1] 'b' (Normalizer): norm 'l7' is not supported"),
                    HasSubstr("steps[2] 'c' (Isomap)")));
}

TEST(SklearnImporterTest, RefusesForeignClassesWithTheirPlace) {
  const std::string evil = "cposix\nsystem\n(Vid\ntR";
  const std::string file =
      Pipeline(Step("a", Object("sklearn.preprocessing._data", "StandardScaler",
                                StrCat(kTwoColumns, Attribute("mean_", evil))))) +
      ".";
  const auto model = Import(file);
  EXPECT_EQ(model.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(model.status().message(),
              AllOf(HasSubstr("'posix.system' at steps[0][1].mean_"), HasSubstr("refused")));
  const std::string own = Pipeline(Step("mine", Object("__main__", "Mine", kTwoColumns))) + ".";
  EXPECT_THAT(Import(own).status().message(), HasSubstr("'__main__.Mine' at steps[0][1]"));
}

TEST(SklearnImporterTest, RefusesMaliceWhereverItHides) {
  const std::string whole = ReadModel("regression_two_targets.pkl");
  // The class of the model itself becomes another one of the same length.
  std::string renamed = whole;
  const size_t at = renamed.find("sklearn.linear_model._base\nLinearRegression");
  ASSERT_NE(at, std::string::npos);
  renamed.replace(at, 26, "os.path.longer_than_before");
  EXPECT_THAT(Import(renamed).status().message(), HasSubstr("os.path.longer_than_before"));
}

TEST(SklearnImporterTest, SaysWhatIsNoEstimator) {
  EXPECT_EQ(Import("(lp0\n.").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Import("I1\n.").status().code(), StatusCode::kInvalidArgument);
  const std::string unfitted = Object("sklearn.linear_model._base", "LinearRegression", "") + ".";
  EXPECT_THAT(Import(unfitted).status().message(), HasSubstr("fitted"));
  const std::string no_coef =
      Object("sklearn.linear_model._base", "LinearRegression", kTwoColumns) + ".";
  EXPECT_THAT(Import(no_coef).status().message(), HasSubstr("has no coef_"));
}

TEST(SklearnImporterTest, EndsOnAPipelineThatHoldsItself) {
  // p = Pipeline(); p.steps = [("a", p)]
  const std::string self =
      "ccopy_reg\n_reconstructor\n(csklearn.pipeline\nPipeline\nc__builtin__\nobject\nNtRp1\n"
      "(dVsteps\n(l(Va\ng1\ntasVn_features_in_\nI2\nsb.";
  const auto model = Import(self);
  EXPECT_EQ(model.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(model.status().message(), HasSubstr("nested deeper than 200"));
}

TEST(SklearnImporterTest, EndsOnAFileThatUsesTheSameEstimatorsOverAndOver) {
  // 2^40 pipelines: each holds the one before it twice.
  std::string file = Object("sklearn.preprocessing._data", "Binarizer", kTwoColumns) + "p0\n0";
  for (int i = 0; i < 40; ++i) {
    const std::string inner = StrCat("g", i, "\n");
    file += Pipeline(Step("a", inner) + Step("b", inner)) + StrCat("p", i + 1, "\n0");
  }
  const auto model = Import(file + "g40\n.");
  EXPECT_FALSE(model.ok());
}

// ---- damage

class SklearnDamageTest : public testing::TestWithParam<const char*> {};

TEST_P(SklearnDamageTest, EveryTruncationIsAnError) {
  const std::string whole = ReadModel(GetParam());
  const size_t step = std::max<size_t>(1, whole.size() / 400);
  for (size_t size = 0; size < whole.size(); size += step) {
    const auto model = Import(std::string_view(whole).substr(0, size));
    ASSERT_FALSE(model.ok()) << size << " of " << whole.size();
    ASSERT_TRUE(base::IsValidUtf8(model.status().message())) << size;
  }
}

TEST_P(SklearnDamageTest, EveryFlippedBitEndsWell) {
  const std::string whole = ReadModel(GetParam());
  const size_t step = std::max<size_t>(1, whole.size() * 8 / 1500);
  for (size_t bit = 0; bit < whole.size() * 8; bit += step) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto model = Import(flipped);
    if (!model.ok()) {
      ASSERT_TRUE(base::IsValidUtf8(model.status().message())) << bit;
      continue;
    }
    const auto summary = graph::ReadOnnxSummary(std::as_bytes(std::span(model->onnx)));
    ASSERT_TRUE(summary.ok()) << bit << ": " << summary.status();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, SklearnDamageTest,
    testing::Values("logistic_binary.pkl", "regression_two_targets.pkl",
                    "min_max_scaler_clip.joblib", "tree_two_targets.pkl", "table_forest.pkl",
                    "sgd_hinge.joblib", "feature_union.joblib", "logistic_cv.joblib",
                    "spline_linear.pkl", "knn_imputer_distance.pkl", "quantile_normal.pkl",
                    "mixture_bayesian.pkl", "gp_rational.pkl", "outlier_factor.pkl",
                    "text_tfidf_options.pkl", "dict_unsorted.pkl", "nu_svc_platt.pkl",
                    "xgb_stopped.joblib", "lgbm_plain.pkl", "catboost_table.joblib",
                    "skops_labels_text.skops", "dummy_prior.pkl", "sparse_projection.pkl",
                    "nystroem.pkl", "iterative_imputer_trees.pkl"));

}  // namespace
}  // namespace slipway::import::sklearn
