// Every model of tests/models/pmml, against the answers of JPMML-Evaluator.
#include "import/pmml/pmml_importer.h"
#include "import/testing/model_fixture.h"

namespace slipway::import::pmml {
namespace {

constexpr double kTolerance = 1e-6;  // relative

class PmmlFixtureTest : public testing::TestWithParam<ModelFixture> {};

TEST_P(PmmlFixtureTest, AnswersAsJpmmlDoes) {
  ExpectFixture(PmmlImporter(), GetParam(), kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Models, PmmlFixtureTest,
                         testing::ValuesIn(FixturesOf("tests/models/pmml", "")), FixtureName);

}  // namespace
}  // namespace slipway::import::pmml
