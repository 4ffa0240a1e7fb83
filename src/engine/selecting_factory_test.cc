#include "engine/selecting_factory.h"

#include <gtest/gtest.h>

#include <utility>

#include "engine/testing/fake_engine.h"

namespace slipway::engine {
namespace {

using base::Result;
using base::StatusCode;

FakeEngineFactory::LoadFunction Refuse(base::Status status) {
  return [status = std::move(status)](const ModelFiles&,
                                      const EngineOptions&) -> Result<std::unique_ptr<Engine>> {
    return status;
  };
}

FakeEngineFactory::LoadFunction Take(std::string output) {
  return [output = std::move(output)](const ModelFiles&,
                                      const EngineOptions&) -> Result<std::unique_ptr<Engine>> {
    tensor::Signature signature;
    signature.outputs.push_back({.name = output});
    return std::unique_ptr<Engine>(new FakeEngine(std::move(signature), FakeEngine::CopyInputs()));
  };
}

SelectingFactory Make(FakeEngineFactory::LoadFunction special,
                      FakeEngineFactory::LoadFunction general) {
  std::vector<std::unique_ptr<EngineFactory>> factories;
  factories.push_back(std::make_unique<FakeEngineFactory>(std::move(special), 1));
  factories.push_back(std::make_unique<FakeEngineFactory>(std::move(general), 2));
  return SelectingFactory(std::move(factories));
}

TEST(SelectingFactoryTest, GivesTheModelToTheFirstThatTakesIt) {
  const auto engine = Make(Take("special"), Take("general")).Load({}, {});
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_EQ((*engine)->signature().outputs[0].name, "special");
}

TEST(SelectingFactoryTest, FallsBackToTheGeneralOne) {
  const auto engine = Make(Refuse(base::Unimplemented("no trees")), Take("general")).Load({}, {});
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_EQ((*engine)->signature().outputs[0].name, "general");
}

TEST(SelectingFactoryTest, SaysWhatTheGeneralOneSays) {
  const SelectingFactory factory =
      Make(Refuse(base::Unimplemented("no trees")), Refuse(base::InvalidArgument("no model")));
  EXPECT_EQ(factory.Load({}, {}).status(), base::InvalidArgument("no model"));
  EXPECT_EQ(*factory.EstimateBytes({}), 2U);
}

}  // namespace
}  // namespace slipway::engine
