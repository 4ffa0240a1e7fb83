#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <latch>
#include <thread>

#include "base/buffer.h"
#include "base/digest.h"
#include "base/executor.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/random.h"
#include "base/status.h"
#include "base/str_cat.h"
#include "base/testing/fake_clock.h"
#include "base/testing/temporary_directory.h"
#include "base/text.h"

namespace slipway::base {
namespace {

using namespace std::chrono_literals;

TEST(StatusTest, ContextGoesInFront) {
  EXPECT_EQ(NotFound("file 'x'").WithContext("model 'm'").ToString(),
            "NOT_FOUND: model 'm': file 'x'");
  EXPECT_TRUE(OkStatus().WithContext("anything").ok());
}

TEST(StatusTest, ExitCodesAreDistinctAndOkIsZero) {
  EXPECT_EQ(ExitCode(StatusCode::kOk), 0);
  EXPECT_EQ(ExitCode(StatusCode::kInvalidArgument), 2);
  EXPECT_NE(ExitCode(StatusCode::kNotFound), ExitCode(StatusCode::kUnavailable));
}

TEST(ResultTest, CarriesAValueOrAStatus) {
  const auto half = [](int n) -> Result<int> {
    if (n % 2 != 0) return InvalidArgument("odd");
    return n / 2;
  };
  const auto quarter = [&](int n) -> Result<int> {
    SLIPWAY_ASSIGN_OR_RETURN(const int first, half(n));
    return half(first);
  };
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).status(), InvalidArgument("odd"));
}

TEST(StrCatTest, JoinsTextNumbersAndPrintables) {
  const std::string text = "b";
  EXPECT_EQ(StrCat("a", text, 'c', 1, -2.5, true, uint8_t{200}, NotFound("x")),
            "abc1-2.5true200NOT_FOUND: x");
}

struct SizeCase {
  const char* text;
  uint64_t bytes;
};
class ByteSizeTest : public testing::TestWithParam<SizeCase> {};
TEST_P(ByteSizeTest, Parses) {
  const auto size = ParseByteSize(GetParam().text);
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(*size, GetParam().bytes);
}
const SizeCase kSizes[] = {
    {"0", 0},     {"4096", 4096}, {"64MiB", 64ULL << 20}, {"1.5 GB", 1500000000},
    {"2K", 2048}, {"1kB", 1000},  {"1 TiB", 1ULL << 40},  {" 7 bytes ", 7}};
INSTANTIATE_TEST_SUITE_P(Units, ByteSizeTest, testing::ValuesIn(kSizes));

TEST(ByteSizeTest, RefusesWhatIsNotASize) {
  for (const char* text : {"", "-1", "1X", "nan", "inf", "1e30", "MiB", "1..5M"}) {
    EXPECT_EQ(ParseByteSize(text).status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(DurationTest, ParsesAndFormats) {
  EXPECT_EQ(*ParseDuration("250us"), 250us);
  EXPECT_EQ(*ParseDuration("1.5s"), 1500ms);
  EXPECT_EQ(*ParseDuration("2h"), 2h);
  EXPECT_EQ(*ParseDuration("0"), 0ns);
  EXPECT_FALSE(ParseDuration("30").ok());
  EXPECT_FALSE(ParseDuration("30 parsecs").ok());
  EXPECT_EQ(FormatDuration(1250us), "1.25 ms");
  EXPECT_EQ(FormatDuration(90s), "90 s");
  EXPECT_EQ(FormatByteSize(1536), "1.5 KiB");
}

TEST(NearestNameTest, FindsSlipsOfTheKeyboardOnly) {
  constexpr std::array<std::string_view, 3> kNames = {"listen", "max_connections", "model"};
  EXPECT_EQ(NearestName("lisen", kNames), "listen");
  EXPECT_EQ(NearestName("max_conections", kNames), "max_connections");
  EXPECT_EQ(NearestName("zebra", kNames), "");
}

TEST(JsonStringTest, EscapesAndReplacesBadUtf8) {
  EXPECT_EQ(JsonString("a\"b\\c\n\x01\xC3\xA9\xFF"),
            "\"a\\\"b\\\\c\\n\\u0001\xC3\xA9\xEF\xBF\xBD\"");
}

TEST(PrintableTest, ShowsControlBytesAndCuts) {
  EXPECT_EQ(Printable(std::string_view("a\0b\xFF", 4)), "a\\x00b\\xff");
  EXPECT_EQ(Printable("abcdef", 3), "abc...");
}

TEST(Utf8Test, RefusesOverlongSurrogateAndTruncated) {
  EXPECT_TRUE(IsValidUtf8("gr\xC3\xBC\xC3\x9F \xF0\x9F\x9A\xA2"));
  for (const char* bad : {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80"}) {
    EXPECT_FALSE(IsValidUtf8(bad));
  }
}

TEST(Sha256Test, MatchesFips180Example) {
  const std::string_view abc = "abc";
  EXPECT_EQ(Sha256Of(std::as_bytes(std::span(abc))).ToString(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(BufferTest, ReleasesItsOwnerOnce) {
  static int released = 0;
  released = 0;
  {
    Buffer buffer(nullptr, 0, &released, [](void* owner) { ++*static_cast<int*>(owner); });
    Buffer moved = std::move(buffer);
    buffer = std::move(moved);
  }
  EXPECT_EQ(released, 1);
}

TEST(ThreadPoolTest, RunsEverythingItAcceptedBeforeItEnds) {
  std::atomic<int> ran = 0;
  std::latch done(100);
  ThreadPool pool({.name = "test", .threads = 3});
  for (int i = 0; i < 100; ++i) {
    pool.Post([&] {
      ++ran;
      done.count_down();
    });
  }
  done.wait();
  EXPECT_EQ(ran, 100);
}

TEST(FakeClockTest, SleepEndsWhenTimeHasPassed) {
  FakeClock clock;
  const auto start = clock.SteadyNow();
  std::jthread sleeper([&](const std::stop_token& stop) { EXPECT_TRUE(clock.SleepFor(5s, stop)); });
  clock.WaitForSleepers(1);
  clock.Advance(5s);
  sleeper.join();
  EXPECT_EQ(clock.SteadyNow() - start, 5s);
}

TEST(RealClockTest, SleepEndsEarlyWhenStopped) {
  RealClock clock;
  std::jthread sleeper(
      [&](const std::stop_token& stop) { EXPECT_FALSE(clock.SleepFor(1h, stop)); });
  sleeper.request_stop();
}

TEST(RandomTest, SameSeedSameNumbersAndHexHasItsLength) {
  Random a(7);
  Random b(7);
  EXPECT_EQ(a.Next(), b.Next());
  EXPECT_EQ(a.NextHex(32).size(), 32U);
  const double x = a.NextDouble();
  EXPECT_GE(x, 0);
  EXPECT_LT(x, 1);
}

class FileSystemTest : public testing::Test {
 protected:
  TemporaryDirectory directory_;
  RealFileSystem fs_;
};

TEST_F(FileSystemTest, WritesAtomicallyReadsAndMaps) {
  const auto path = directory_.path() / "file";
  ASSERT_TRUE(fs_.WriteAtomically(path, "hello").ok());
  EXPECT_EQ(*fs_.Read(path, 100), "hello");
  EXPECT_EQ(fs_.Read(path, 4).status().code(), StatusCode::kInvalidArgument);
  const auto map = fs_.Map(path);
  ASSERT_TRUE(map.ok());
  EXPECT_EQ((*map)->bytes().size(), 5U);
  const auto list = fs_.List(directory_.path());
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->size(), 1U);  // no temporary file is left
  EXPECT_EQ(list->front().kind, FileInfo::Kind::kFile);
}

TEST_F(FileSystemTest, ContainedFilesRefuseEveryWayOut) {
  const auto inside = directory_.path() / "model";
  ASSERT_TRUE(fs_.CreateDirectories(inside / "sub").ok());
  ASSERT_TRUE(fs_.WriteAtomically(directory_.path() / "secret", "s").ok());
  ASSERT_TRUE(fs_.WriteAtomically(inside / "sub" / "weights", "w").ok());
  ASSERT_EQ(symlink("../secret", (inside / "link").c_str()), 0);
  ASSERT_EQ(symlink("..", (inside / "up").c_str()), 0);
  ASSERT_EQ(link((directory_.path() / "secret").c_str(), (inside / "hard").c_str()), 0);

  EXPECT_TRUE(fs_.MapContained(inside, "sub/weights").ok());
  const std::string absolute = (directory_.path() / "secret").string();
  for (const std::string& name :
       {std::string("../secret"), std::string("sub/../../secret"), std::string("link"),
        std::string("up/secret"), std::string("hard"), absolute}) {
    EXPECT_EQ(fs_.MapContained(inside, name).status().code(), StatusCode::kPermissionDenied)
        << name;
    EXPECT_EQ(fs_.ReadContained(inside, name, 10).status().code(), StatusCode::kPermissionDenied)
        << name;
  }
  EXPECT_EQ(*fs_.ReadContained(inside, "sub/weights", 1), "w");
  EXPECT_EQ(fs_.ReadContained(inside, "sub/weights", 0).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_.ReadContained(inside, "sub", 10).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_.MapContained(inside, "none").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(fs_.MapContained(inside, "sub").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(fs_.MapContained(inside, "").status().code(), StatusCode::kInvalidArgument);
}

TEST_F(FileSystemTest, DoesNotHangOnAFifo) {
  const auto path = directory_.path() / "fifo";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(fs_.Map(path).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(FileSystemTest, LoggerWritesJsonLines) {
  const auto path = directory_.path() / "log";
  {
    Logger log({.level = LogLevel::kInfo, .format = LogFormat::kJson, .file = path.string()});
    log.Debug("hidden");
    log.Info("version ready", {{"model", "a\nb"}, {"load_ms", 7}, {"ok", true}});
  }
  const std::string text = *fs_.Read(path, 10'000);
  EXPECT_EQ(text.find("hidden"), std::string::npos);
  EXPECT_NE(
      text.find(
          R"("level":"INFO","message":"version ready","model":"a\nb","load_ms":7,"ok":true})"),
      std::string::npos)
      << text;
}

}  // namespace
}  // namespace slipway::base
