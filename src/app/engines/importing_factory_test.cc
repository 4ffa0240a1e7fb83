#include "app/engines/importing_factory.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "base/file_system.h"

namespace slipway::app {
namespace {

using base::Result;

// Loads nothing, and remembers what it was given.
class RememberingFactory final : public engine::EngineFactory {
 public:
  explicit RememberingFactory(engine::ModelFiles& last) : last_(last) {}
  Result<std::unique_ptr<engine::Engine>> Load(const engine::ModelFiles& files,
                                               const engine::EngineOptions&) const override {
    last_ = files;
    return std::unique_ptr<engine::Engine>();
  }
  Result<uint64_t> EstimateBytes(const engine::ModelFiles& files) const override {
    last_ = files;
    return 1;
  }
  std::string name() const override { return "remembering"; }
  std::string version() const override { return "1"; }
  std::vector<std::string> providers() const override { return {}; }

 private:
  engine::ModelFiles& last_;
};

class ImportingFactoryTest : public testing::Test {
 protected:
  // The ONNX that the factory below got, by address; nullptr: it got the file itself.
  const void* Estimate(const engine::ModelFiles& files) {
    EXPECT_TRUE(factory_.EstimateBytes(files).ok());
    return last_.in_memory.get();
  }
  const void* Load(const engine::ModelFiles& files) {
    EXPECT_TRUE(factory_.Load(files, {}).ok());
    return last_.in_memory.get();
  }

  const base::RealFileSystem fs_;
  engine::ModelFiles last_;
  const ImportingFactory factory_{fs_, std::make_unique<RememberingFactory>(last_)};
  const engine::ModelFiles logistic_{.directory = "tests/models/sklearn",
                                     .model_file = "logistic.joblib"};
  const engine::ModelFiles ridge_{.directory = "tests/models/sklearn",
                                  .model_file = "ridge.joblib"};
};

TEST_F(ImportingFactoryTest, AModelThatIsWeighedAndLoadedIsImportedOnce) {
  const engine::ModelFiles weighed = (Estimate(logistic_), last_);
  ASSERT_NE(weighed.in_memory, nullptr);
  EXPECT_EQ(Estimate(logistic_), weighed.in_memory.get());
  EXPECT_EQ(Load(logistic_), weighed.in_memory.get());
  EXPECT_NE(Load(logistic_), weighed.in_memory.get());  // taken: nothing is kept
}

TEST_F(ImportingFactoryTest, AnotherModelIsAnother) {
  const engine::ModelFiles weighed = (Estimate(logistic_), last_);
  EXPECT_NE(Load(ridge_), weighed.in_memory.get());
  EXPECT_NE(last_.in_memory->at("model.onnx"), weighed.in_memory->at("model.onnx"));
  EXPECT_NE(Load(logistic_), weighed.in_memory.get());
}

TEST_F(ImportingFactoryTest, OnnxGoesThroughAsItIs) {
  EXPECT_EQ(Load({.directory = "tests/models/engine", .model_file = "two_inputs.onnx"}), nullptr);
  EXPECT_EQ(last_.model_file, "two_inputs.onnx");
}

}  // namespace
}  // namespace slipway::app
