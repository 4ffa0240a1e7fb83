#include "inference/profile_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/temporary_directory.h"

namespace slipway::inference {
namespace {

using namespace std::chrono_literals;
using base::StatusCode;
using testing::HasSubstr;

class ProfileStoreTest : public testing::Test {
 protected:
  // The path of the only file there.
  std::filesystem::path File() const {
    const auto files = fs_.List(Folder());
    EXPECT_EQ(files->size(), 1U);
    return Folder() / files->front().name;
  }
  std::filesystem::path Folder() const { return directory_.path() / "new" / "profiles"; }

  base::RealFileSystem fs_;
  base::TemporaryDirectory directory_;
  ProfileStore store_{fs_, Folder(), "Made Up 1"};
  const RunProfile profile_{.run_time = 2ms,
                            .batches = {{.rows = 4, .time = 5ms}, {.rows = 64, .time = 40ms}}};
};

TEST_F(ProfileStoreTest, WhatIsKeptIsFoundByModelAndMachine) {
  EXPECT_EQ(store_.Find("sha256:1").status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(store_.Keep("sha256:1", profile_).ok());
  const auto found = store_.Find("sha256:1");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->run_time, 2ms);
  ASSERT_EQ(found->batches.size(), 2U);
  EXPECT_EQ(found->batches[1].rows, 64);
  EXPECT_EQ(found->batches[1].time, 40ms);
  EXPECT_EQ(store_.Find("sha256:2").status().code(), StatusCode::kNotFound);
  const ProfileStore other(fs_, Folder(), "Made Up 2");
  EXPECT_EQ(other.Find("sha256:1").status().code(), StatusCode::kNotFound);
}

TEST_F(ProfileStoreTest, TheLastIsKeptAndNothingGainedIsKeptToo) {
  ASSERT_TRUE(store_.Keep("a\nb", profile_).ok());
  ASSERT_TRUE(store_.Keep("a\nb", {.run_time = 3ms}).ok());
  const auto found = store_.Find("a\nb");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->run_time, 3ms);
  EXPECT_TRUE(found->batches.empty());
}

TEST_F(ProfileStoreTest, DamagedFilesAreRefused) {
  ASSERT_TRUE(store_.Keep("m", profile_).ok());
  const std::string good = *fs_.Read(File(), 1 << 16);
  const std::string head = good.substr(0, good.find("\n1 ") + 1);
  const auto find = [&](const std::string& content) {
    EXPECT_TRUE(fs_.WriteAtomically(File(), content).ok());
    return store_.Find("m").status();
  };
  ASSERT_TRUE(find(good).ok());
  for (const char* rows :
       {"", "1 0\n", "2 5\n", "1 -5\n", "1 99999999999999999999\n", "1 5 5\n", "1 5\n4\n",
        "1 5\n4 x\n", "1 5\n4 19\n4 19\n", "1 5\n4 20\n", "1 5\n\n", "1 5\n4 19\n16 76\n"}) {
    const base::Status status = find(head + rows);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << rows;
    EXPECT_THAT(status.message(), HasSubstr("remove it")) << rows;
  }
  std::string many = head + "1 1000000000000\n";
  for (int rows = 2; rows < 100; ++rows) {
    many += std::to_string(rows) + " " + std::to_string(1000 + rows) + "\n";
  }
  EXPECT_EQ(find(many).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(find("").code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(find("slipway run profile 1\n\"Made Up 1 | n\"\n1 5\n").message(),
              HasSubstr("of another model"));
  EXPECT_FALSE(find(std::string(1 << 20, 'x')).ok());
}

TEST_F(ProfileStoreTest, APlaceThatCannotBeWrittenIsAnError) {
  ASSERT_TRUE(fs_.WriteAtomically(directory_.path() / "file", "x").ok());
  const ProfileStore store(fs_, directory_.path() / "file" / "profiles", "Made Up 1");
  EXPECT_FALSE(store.Keep("m", profile_).ok());
  EXPECT_FALSE(store.Find("m").ok());
}

}  // namespace
}  // namespace slipway::inference
