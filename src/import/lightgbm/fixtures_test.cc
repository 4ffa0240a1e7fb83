// Every LightGBM model of tests/models/boosted, against the answers of LightGBM itself.
#include "import/lightgbm/lightgbm_importer.h"
#include "import/testing/model_fixture.h"

namespace slipway::import::lightgbm {
namespace {

constexpr double kTolerance = 1e-6;  // relative, of double

class LightgbmFixtureTest : public testing::TestWithParam<ModelFixture> {};

TEST_P(LightgbmFixtureTest, AnswersAsLightgbmDoes) {
  ExpectFixture(LightgbmImporter(), GetParam(), kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Models, LightgbmFixtureTest,
                         testing::ValuesIn(FixturesOf("tests/models/boosted", "lgb_")),
                         FixtureName);

}  // namespace
}  // namespace slipway::import::lightgbm
