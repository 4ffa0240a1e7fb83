// Files of tests/models/pmml_verification, whose names say whether JPMML-Evaluator's own
// verification of them holds.
#include "app/import_verification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "app/engines/engines.h"
#include "app/engines/importers.h"
#include "app/engines/importing_factory.h"
#include "base/file_system.h"
#include "base/log.h"

namespace slipway::app {
namespace {

using testing::HasSubstr;

const std::filesystem::path kFolder = "tests/models/pmml_verification";

// The outcome for a file that must import, and hold rows.
base::Status Verify(const std::filesystem::path& path) {
  const base::RealFileSystem fs;
  SLIPWAY_ASSIGN_OR_RETURN(const std::string file, fs.Read(path, uint64_t{1} << 20));
  SLIPWAY_ASSIGN_OR_RETURN(const auto model, ImportBytes(std::as_bytes(std::span(file)), {}));
  if (!model.verification) return base::Internal("the file holds no rows");
  const auto log = base::Logger::Null();
  SLIPWAY_ASSIGN_OR_RETURN(const auto factory, MakeEngineFactory(fs, *log));
  SLIPWAY_ASSIGN_OR_RETURN(const auto engine, factory->Load(OnnxInMemory(model.onnx), {}));
  return CheckVerification(*engine, *model.verification);
}

class ImportVerificationTest : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(ImportVerificationTest, HoldsWhereJpmmlSaysSo) {
  const bool holds = GetParam().filename().string().starts_with("holds_");
  const base::Status status = Verify(GetParam());
  EXPECT_EQ(status.code(), holds ? base::StatusCode::kOk : base::StatusCode::kFailedPrecondition)
      << status;
}

std::vector<std::filesystem::path> Files() {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    out.push_back(entry.path());
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(Files, ImportVerificationTest, testing::ValuesIn(Files()),
                         [](const auto& c) { return c.param.stem().string(); });

TEST(ImportVerificationMessageTest, NamesRowFieldExpectedAndGot) {
  EXPECT_THAT(Verify(kFolder / "differs_number.pmml").message(),
              HasSubstr("row 2, field 'y': expected 2.1, got 2; 1 answer differs"));
  EXPECT_THAT(Verify(kFolder / "differs_label.pmml").message(),
              HasSubstr("row 1, field 'y': expected 'B', got 'A'; 2 answers differ"));
}

}  // namespace
}  // namespace slipway::app
