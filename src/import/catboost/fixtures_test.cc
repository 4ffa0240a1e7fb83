// Every CatBoost model of tests/models/boosted, against the answers of CatBoost itself.
#include "import/catboost/catboost_importer.h"
#include "import/testing/model_fixture.h"

namespace slipway::import::catboost {
namespace {

constexpr double kTolerance = 1e-6;  // relative, of double

class CatboostFixtureTest : public testing::TestWithParam<ModelFixture> {};

TEST_P(CatboostFixtureTest, AnswersAsCatboostDoes) {
  ExpectFixture(CatboostImporter(), GetParam(), kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Models, CatboostFixtureTest,
                         testing::ValuesIn(FixturesOf("tests/models/boosted", "cat_")),
                         FixtureName);

}  // namespace
}  // namespace slipway::import::catboost
