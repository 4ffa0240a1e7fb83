#include "app/server/cache_directory.h"

#include <gtest/gtest.h>

#include <map>

#include "base/testing/temporary_directory.h"

namespace slipway::app {
namespace {

std::string Directory(std::string_view setting, std::map<std::string, std::string> variables) {
  return CacheDirectory(setting, [&](const char* name) { return variables[name]; }).string();
}

TEST(CacheDirectoryTest, IsWhatIsSet) {
  EXPECT_EQ(Directory("/var/cache/x", {{"HOME", "/home/a"}}), "/var/cache/x");
  EXPECT_EQ(Directory("none", {{"HOME", "/home/a"}}), "");
}

TEST(CacheDirectoryTest, OrTheUsers) {
  EXPECT_EQ(Directory("auto", {{"CACHE_DIRECTORY", "/var/cache/slipway"}, {"HOME", "/home/a"}}),
            "/var/cache/slipway");
  EXPECT_EQ(Directory("auto", {{"XDG_CACHE_HOME", "/cache"}, {"HOME", "/home/a"}}),
            "/cache/slipway");
  EXPECT_EQ(Directory("auto", {{"HOME", "/home/a"}}), "/home/a/.cache/slipway");
  EXPECT_EQ(Directory("auto", {{"XDG_CACHE_HOME", "cache"}, {"HOME", "."}}), "");
  EXPECT_EQ(Directory("auto", {}), "");
}

TEST(CacheDirectoryTest, ProfilesAreKeptThereForTheSameSoftware) {
  const base::TemporaryDirectory directory;
  const base::RealFileSystem fs;
  const std::string path = directory.path().string();
  ASSERT_TRUE(
      OpenProfileStore(path, fs, "1")->Keep("m", {.run_time = std::chrono::seconds(1)}).ok());
  EXPECT_TRUE(OpenProfileStore(path, fs, "1")->Find("m").ok());
  EXPECT_FALSE(OpenProfileStore(path, fs, "2")->Find("m").ok());
  EXPECT_EQ(OpenProfileStore("none", fs, "1"), nullptr);
}

}  // namespace
}  // namespace slipway::app
