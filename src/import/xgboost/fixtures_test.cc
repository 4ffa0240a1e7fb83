// Every XGBoost model of tests/models/boosted, against the answers of XGBoost itself.
#include "import/testing/model_fixture.h"
#include "import/xgboost/xgboost_importer.h"

namespace slipway::import::xgboost {
namespace {

constexpr double kTolerance = 1e-5;  // relative, of float32

class XgboostFixtureTest : public testing::TestWithParam<ModelFixture> {};

TEST_P(XgboostFixtureTest, AnswersAsXgboostDoes) {
  ExpectFixture(XgboostImporter(), GetParam(), kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Models, XgboostFixtureTest,
                         testing::ValuesIn(FixturesOf("tests/models/boosted", "xgb_")),
                         FixtureName);

}  // namespace
}  // namespace slipway::import::xgboost
