#include "lifecycle/version_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/str_cat.h"

namespace slipway::lifecycle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using List = std::vector<int64_t>;

TEST(VersionPolicyTest, ParsesAndPrints) {
  for (const char* text : {"latest:1", "latest:12", "all", "specific:1,3"}) {
    const base::Result<VersionPolicy> policy = VersionPolicy::Parse(text);
    ASSERT_TRUE(policy.ok()) << policy.status();
    EXPECT_EQ(base::StrCat(*policy), text);
  }
  EXPECT_EQ(*VersionPolicy::Parse("latest"), VersionPolicy());
  EXPECT_EQ(base::StrCat(*VersionPolicy::Parse("specific:3, 1,3")), "specific:1,3");
}

TEST(VersionPolicyTest, RefusesWhatItDoesNotUnderstand) {
  for (const char* text : {"", "newest", "latest:", "latest:0", "latest:-1", "latest:1x", "all:2",
                           "specific", "specific:", "specific:1,", "specific:01", "specific:a"}) {
    EXPECT_EQ(VersionPolicy::Parse(text).status().code(), base::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(VersionPolicyTest, DesiresWhatItSays) {
  const List available = {1, 3, 10};
  EXPECT_THAT(DesiredVersions(*VersionPolicy::Parse("latest"), available), ElementsAre(10));
  EXPECT_THAT(DesiredVersions(*VersionPolicy::Parse("latest:2"), available), ElementsAre(3, 10));
  EXPECT_THAT(DesiredVersions(*VersionPolicy::Parse("latest:9"), available), ElementsAre(1, 3, 10));
  EXPECT_THAT(DesiredVersions(*VersionPolicy::Parse("all"), available), ElementsAre(1, 3, 10));
  EXPECT_THAT(DesiredVersions(*VersionPolicy::Parse("specific:1,2"), available), ElementsAre(1));
  EXPECT_THAT(DesiredVersions(*VersionPolicy::Parse("latest"), List()), IsEmpty());
}

struct DrainCase {
  const char* name;
  List available;
  List desired;
  List ready;
  List drained;
};
class DrainTest : public testing::TestWithParam<DrainCase> {};
TEST_P(DrainTest, LeavesNoFewerVersionsThanAskedFor) {
  const DrainCase& c = GetParam();
  EXPECT_EQ(VersionsToDrain(c.available, c.desired, c.ready), c.drained);
}
const DrainCase kDrains[] = {
    {"NewOneReady", {1, 2}, {2}, {1, 2}, {1}},
    {"NewOneFailed", {1, 2}, {2}, {1}, {}},
    {"NewestStandsIn", {1, 2, 3}, {3}, {1, 2}, {1}},
    {"OneOfTwoFailed", {1, 2, 3}, {2, 3}, {1, 2}, {}},
    {"BothReady", {1, 2, 3}, {2, 3}, {1, 2, 3}, {1}},
    {"RollBack", {1, 2}, {1}, {1, 2}, {2}},
    {"NothingDesired", {}, {}, {1, 2}, {1, 2}},
    {"RemovedWhileAnotherServes", {2, 3}, {2, 3}, {1, 2}, {1}},
    {"RemovedButNothingElseServes", {2}, {2}, {1}, {}},
    {"NothingChanges", {1}, {1}, {1}, {}},
};
INSTANTIATE_TEST_SUITE_P(Swaps, DrainTest, testing::ValuesIn(kDrains),
                         [](const auto& c) { return c.param.name; });

}  // namespace
}  // namespace slipway::lifecycle
