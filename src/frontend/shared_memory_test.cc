// SharedMemoryFile, SharedMemoryRegistry and RequestRegions.

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "frontend/request_regions.h"
#include "frontend/scratch_arena.h"
#include "frontend/shared_memory_file.h"
#include "frontend/shared_memory_registry.h"
#include "frontend/testing/fake_shared_memory.h"

namespace slipway::frontend {
namespace {

using base::Status;
using base::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

std::string Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class SharedMemoryFileTest : public FakeSharedMemory, public testing::Test {
 protected:
  base::Result<SharedMemoryFile> Open(std::string_view key, uint64_t offset = 0,
                                      uint64_t size = 4) {
    return SharedMemoryFile::Open(directory_.path(), key, offset, size);
  }
  Status RefusalOf(std::string_view key, uint64_t offset = 0, uint64_t size = 4) {
    const auto opened = Open(key, offset, size);
    EXPECT_FALSE(opened.ok()) << key;
    return opened.ok() ? base::OkStatus() : opened.status();
  }
};

TEST_F(SharedMemoryFileTest, ReadsAndWritesItsPart) {
  MakeObject("o", "0123456789");
  for (const char* key : {"o", "/o"}) {
    const auto file = Open(key, 2, 6);
    ASSERT_TRUE(file.ok()) << file.status();
    std::vector<std::byte> got(3);
    EXPECT_EQ(file->Read(3, got), base::OkStatus());
    EXPECT_EQ(Text(got), "567");
  }
  const auto file = Open("o", 2, 6);
  EXPECT_EQ(file->Write(4, std::as_bytes(std::span("ab", 2))), base::OkStatus());
  EXPECT_EQ(Content("o"), "012345ab89");
}

TEST_F(SharedMemoryFileTest, RefusesNamesThatAreNone) {
  MakeObject("o", "0123456789");
  std::filesystem::create_directory(directory_.path() / "d");
  for (const std::string& key :
       {std::string(), std::string("/"), std::string("//o"), std::string("d/../o"),
        std::string("../etc"), std::string(".."), std::string("."), std::string("a..b"),
        std::string("o\0", 2), std::string("o\n"), std::string(256, 'k')}) {
    EXPECT_EQ(RefusalOf(key).code(), StatusCode::kInvalidArgument) << key;
  }
  EXPECT_THAT(RefusalOf("a/b").message(), HasSubstr("key 'a/b': expected the name"));
  EXPECT_EQ(RefusalOf(std::string(255, 'k')).code(), StatusCode::kNotFound);
}

TEST_F(SharedMemoryFileTest, RefusesWhatIsNoObject) {
  MakeObject("o", "0123456789");
  const std::filesystem::path& at = directory_.path();
  std::filesystem::create_directory(at / "directory");
  std::filesystem::create_symlink("o", at / "link");
  ASSERT_EQ(::mkfifo((at / "pipe").c_str(), 0600), 0);
  for (const char* key : {"directory", "link", "pipe"}) {
    EXPECT_EQ(RefusalOf(key),
              base::InvalidArgument(std::string("key '") + key + "': is not a file"));
  }
  std::filesystem::create_hard_link(at / "o", at / "second");
  EXPECT_THAT(RefusalOf("o").message(), HasSubstr("has more than one name"));
  EXPECT_EQ(RefusalOf("/absent").code(), StatusCode::kNotFound);
}

TEST_F(SharedMemoryFileTest, RefusesPartsThatReachBeyondTheEnd) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  MakeObject("o", "0123456789");
  EXPECT_TRUE(Open("o", 0, 10).ok());
  EXPECT_TRUE(Open("o", 9, 1).ok());
  EXPECT_THAT(RefusalOf("o", 1, 10).message(),
              HasSubstr("offset 1 and byte_size 10 reach beyond its end: it has 10 bytes"));
  EXPECT_EQ(RefusalOf("o", kMax, 2).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(RefusalOf("o", 2, kMax).code(), StatusCode::kInvalidArgument);
}

TEST_F(SharedMemoryFileTest, SaysWhenTheObjectWasCutShort) {
  MakeObject("o", "0123456789");
  const auto file = Open("o", 2, 8);
  ASSERT_TRUE(file.ok());
  Truncate("o", 5);
  std::vector<std::byte> memory(8);
  const Status read = file->Read(0, memory);
  EXPECT_EQ(read.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(read.message(), HasSubstr("smaller than when it was registered: expected bytes 2 to "
                                        "10, but it has 5"));
  EXPECT_EQ(file->Write(0, memory).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Content("o"), "01234");
  memory.resize(3);
  EXPECT_EQ(file->Read(0, memory), base::OkStatus());
  EXPECT_EQ(Text(memory), "234");
}

class SharedMemoryRegistryTest : public FakeSharedMemory, public testing::Test {
 protected:
  SharedMemoryRegistryTest() { MakeObject("o", std::string(90'000, 'x')); }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    const auto regions = registry_.List("");
    EXPECT_TRUE(regions.ok());
    for (const auto& region : *regions) names.push_back(region->name);
    return names;
  }
};

TEST_F(SharedMemoryRegistryTest, ListsAndForgetsRegions) {
  EXPECT_EQ(registry_.Register("b", "/o", 8, 100), base::OkStatus());
  EXPECT_EQ(registry_.Register("a", "o", 0, 8), base::OkStatus());
  EXPECT_THAT(Names(), ElementsAre("a", "b"));
  const auto only = registry_.List("b");
  ASSERT_TRUE(only.ok() && only->size() == 1);
  EXPECT_EQ(only->front()->key, "/o");
  EXPECT_EQ(only->front()->file.offset(), 8U);
  EXPECT_EQ(only->front()->file.size(), 100U);
  EXPECT_EQ(registry_.List("c").status().code(), StatusCode::kNotFound);
  registry_.Unregister("c");
  registry_.Unregister("a");
  EXPECT_THAT(Names(), ElementsAre("b"));
  registry_.UnregisterAll();
  EXPECT_THAT(Names(), ElementsAre());
}

TEST_F(SharedMemoryRegistryTest, TakesANameOnce) {
  EXPECT_EQ(registry_.Register("r", "o", 0, 8), base::OkStatus());
  EXPECT_EQ(
      registry_.Register("r", "o", 8, 8),
      base::AlreadyExists("shared memory region 'r': is registered already; unregister it first"));
  registry_.Unregister("r");
  EXPECT_EQ(registry_.Register("r", "o", 8, 8), base::OkStatus());
}

TEST_F(SharedMemoryRegistryTest, RefusesNamesAndSizesThatAreNone) {
  for (const std::string& name :
       {std::string(), std::string(257, 'n'), std::string("a\nb"), std::string("\xff"),
        std::string("triton_python_backend_shm_region_1")}) {
    EXPECT_EQ(registry_.Register(name, "o", 0, 8).code(), StatusCode::kInvalidArgument) << name;
  }
  EXPECT_THAT(registry_.Register("r", "o", 0, 0).message(), HasSubstr("at least 1, got 0"));
  EXPECT_THAT(Names(), ElementsAre());
}

TEST_F(SharedMemoryRegistryTest, HoldsOnlySoManyRegionsAndBytes) {
  EXPECT_EQ(registry_.Register("1", "o", 0, 90'000), base::OkStatus());
  const Status bytes = registry_.Register("2", "o", 0, 10'001);
  EXPECT_EQ(bytes.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(bytes.message(), HasSubstr("100000 bytes (shared_memory.max_bytes), of which 90000"));
  for (const char* name : {"2", "3", "4"}) {
    EXPECT_EQ(registry_.Register(name, "o", 0, 1), base::OkStatus());
  }
  EXPECT_THAT(registry_.Register("5", "o", 0, 1).message(), HasSubstr("shared_memory.max_regions"));
  registry_.Unregister("1");
  EXPECT_EQ(registry_.Register("5", "o", 0, 90'000), base::OkStatus());
}

TEST_F(SharedMemoryRegistryTest, RegionsOutliveTheirNameWhileTheyAreUsed) {
  ASSERT_TRUE(registry_.Register("r", "o", 0, 2).ok());
  const auto region = registry_.Find("r");
  ASSERT_TRUE(region.ok());
  registry_.UnregisterAll();
  std::vector<std::byte> memory(2);
  EXPECT_EQ((*region)->file.Read(0, memory), base::OkStatus());
  EXPECT_EQ(Text(memory), "xx");
}

TEST(SharedMemoryPeerTest, LetsOnlyThisHostIn) {
  for (const char* peer :
       {"unix", "127.0.0.1:4711", "127.8.9.1:1", "[::1]:80", "[::ffff:127.0.0.1]:80"}) {
    EXPECT_EQ(CheckLocalPeer(peer), base::OkStatus()) << peer;
  }
  for (const char* peer : {"", "192.0.2.1:4711", "[2001:db8::1]:80", "[::ffff:192.0.2.1]:80",
                           "1127.0.0.1:1", "[::12]:1"}) {
    EXPECT_EQ(CheckLocalPeer(peer).code(), StatusCode::kPermissionDenied) << peer;
  }
}

class RequestRegionsTest : public SharedMemoryRegistryTest {
 protected:
  RequestRegionsTest() {
    EXPECT_EQ(registry_.Register("r", "o", 10, 20'000), base::OkStatus());
    regions_.Begin(&registry_, "unix");
  }
  static RegionPlace Place(std::string_view region, uint64_t size, uint64_t offset = 0) {
    return {.asked = true, .region = region, .byte_size = size, .offset = offset};
  }
  Status Read(uint64_t size) {
    const auto slice = regions_.Find(Place("r", size));
    if (!slice.ok()) return slice.status();
    return regions_.Read(*slice, arena_).status();
  }

  RequestRegions regions_;
  ScratchArena arena_;
};

TEST_F(RequestRegionsTest, NeedsRegionAndSize) {
  RegionPlace place{.asked = true, .region = "r", .byte_size = {}, .offset = 1};
  EXPECT_THAT(regions_.Find(place).status().message(),
              HasSubstr("'shared_memory_byte_size' is missing"));
  place = {.asked = true, .region = {}, .byte_size = 8, .offset = {}};
  EXPECT_THAT(regions_.Find(place).status().message(),
              HasSubstr("'shared_memory_region' is missing"));
  EXPECT_EQ(regions_.Find(Place("q", 8)).status(),
            base::NotFound("shared memory region 'q' is not registered"));
}

TEST_F(RequestRegionsTest, StaysInsideTheRegion) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  EXPECT_TRUE(regions_.Find(Place("r", 20'000)).ok());
  EXPECT_TRUE(regions_.Find(Place("r", 1, 19'999)).ok());
  EXPECT_THAT(
      regions_.Find(Place("r", 2, 19'999)).status().message(),
      HasSubstr("shared_memory_offset 19999 and shared_memory_byte_size 2 do not lie inside "
                "region 'r', which has 20000 bytes"));
  for (const RegionPlace& place :
       {Place("r", 0, 20'000), Place("r", kMax, 1), Place("r", 2, kMax), Place("r", 20'001)}) {
    EXPECT_EQ(regions_.Find(place).status().code(), StatusCode::kInvalidArgument);
  }
}

TEST_F(RequestRegionsTest, IsForClientsOnThisHostOfAServerThatHasIt) {
  regions_.Begin(nullptr, "unix");
  EXPECT_EQ(regions_.Find(Place("r", 8)).status(), SharedMemoryOff());
  regions_.Begin(&registry_, "192.0.2.1:4711");
  EXPECT_EQ(regions_.Find(Place("r", 8)).status().code(), StatusCode::kPermissionDenied);
}

TEST_F(RequestRegionsTest, CountsWhatItReadsAsRequestBytes) {
  EXPECT_EQ(Read(6'000), base::OkStatus());
  EXPECT_EQ(budget_.used(), 6'000U);
  const Status second = Read(4'001);
  EXPECT_EQ(second.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(second.message(), HasSubstr("10000 bytes in shared memory (limits.max_body); this "
                                          "one asks for 4001 after 6000"));
  EXPECT_EQ(Read(4'000), base::OkStatus());
  EXPECT_EQ(budget_.used(), 10'000U);
  ASSERT_TRUE(budget_.TryReserve(10'000));
  RequestRegions other;
  other.Begin(&registry_, "unix");
  const auto slice = other.Find(Place("r", 1));
  ASSERT_TRUE(slice.ok());
  EXPECT_EQ(other.Read(*slice, arena_).status().code(), StatusCode::kResourceExhausted);
  regions_.Reset();
  EXPECT_EQ(budget_.used(), 10'000U);
  EXPECT_TRUE(other.Read(*slice, arena_).ok());
}

TEST_F(RequestRegionsTest, GivesBackWhatItReservedWhenItEnds) {
  {
    RequestRegions other;
    other.Begin(&registry_, "unix");
    ASSERT_TRUE(other.Read(*other.Find(Place("r", 100)), arena_).ok());
    EXPECT_EQ(budget_.used(), 100U);
  }
  EXPECT_EQ(budget_.used(), 0U);
}

}  // namespace
}  // namespace slipway::frontend
