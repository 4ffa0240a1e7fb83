// Every model of tests/models/sklearn_refused: the refusal must say what is in the text beside it.
#include <sstream>
#include <string>

#include "import/sklearn/sklearn_importer.h"
#include "import/testing/model_fixture.h"

namespace slipway::import::sklearn {
namespace {

using testing::HasSubstr;

class SklearnRefusedTest : public testing::TestWithParam<ModelFixture> {};

TEST_P(SklearnRefusedTest, SaysWhatIsNotSupported) {
  const std::string file = ReadFixture(GetParam().model);
  const auto model = SklearnImporter().import(std::as_bytes(std::span(file)), {});
  ASSERT_FALSE(model.ok());
  std::filesystem::path words = GetParam().model;
  std::istringstream lines(ReadFixture(words.replace_extension(".txt")));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_THAT(model.status().message(), HasSubstr(line));
  }
}

std::vector<ModelFixture> Refused() {
  std::vector<ModelFixture> out = FixturesOf("tests/models/sklearn_refused", "");
  std::erase_if(out,
                [](const ModelFixture& fixture) { return fixture.model.extension() == ".txt"; });
  return out;
}

INSTANTIATE_TEST_SUITE_P(Models, SklearnRefusedTest, testing::ValuesIn(Refused()), FixtureName);

}  // namespace
}  // namespace slipway::import::sklearn
