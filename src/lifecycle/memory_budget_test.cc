#include "lifecycle/memory_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/testing/text_file_system.h"
#include "lifecycle/unload_queue.h"

namespace slipway::lifecycle {
namespace {

using namespace std::chrono_literals;
using base::Result;
using base::StatusCode;
using testing::HasSubstr;

TEST(MemoryBudgetTest, AdmitsUpToTheLimitAndTakesBack) {
  MemoryBudget budget(100);
  Result<MemoryBudget::Reservation> first = budget.Reserve(60, 0s);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(budget.used(), 60U);
  EXPECT_EQ(budget.Reserve(41, 0s).status().code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(budget.Reserve(40, 0s).ok());
  first->Release();
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_TRUE(budget.Reserve(100, 0s).ok());
  EXPECT_FALSE(budget.Reserve(UINT64_MAX, 0s).ok());
}

TEST(MemoryBudgetTest, AReservationTakesMoreAndGivesAllBack) {
  MemoryBudget budget(100);
  MemoryBudget::Reservation one = *budget.Reserve(50, 0s);
  EXPECT_TRUE(one.Grow(30).ok());
  EXPECT_EQ(one.bytes(), 80U);
  EXPECT_EQ(budget.used(), 80U);
  const base::Status refused = one.Grow(21);
  EXPECT_EQ(refused.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.message(), HasSubstr("needs 21 B of memory by estimate, but 20 B are free"));
  EXPECT_FALSE(one.Grow(UINT64_MAX).ok());
  one.MarkLeaving();
  EXPECT_TRUE(one.Grow(20).ok());
  EXPECT_TRUE(budget.FitsWithout(100, 100));
  one.Release();
  EXPECT_EQ(budget.used(), 0U);
}

TEST(MemoryBudgetTest, MovedReservationsCountOnce) {
  MemoryBudget budget(100);
  MemoryBudget::Reservation a = *budget.Reserve(50, 0s);
  MemoryBudget::Reservation b = std::move(a);
  MemoryBudget::Reservation c = *budget.Reserve(10, 0s);
  c = std::move(b);
  EXPECT_EQ(budget.used(), 50U);
  EXPECT_EQ(c.bytes(), 50U);
}

TEST(MemoryBudgetTest, WaitsOnlyForWhatIsLeaving) {
  MemoryBudget budget(100);
  MemoryBudget::Reservation old = *budget.Reserve(80, 0s);
  EXPECT_FALSE(budget.Reserve(50, 1h).ok());  // nothing leaves: no reason to wait
  old.MarkLeaving();
  EXPECT_THAT(budget.Reserve(50, 1ms).status().message(), HasSubstr("80 B of it by versions that"));
  std::thread leaver([&] { old.Release(); });
  EXPECT_TRUE(budget.Reserve(50, 1h).ok());
  leaver.join();
}

TEST(MemoryBudgetTest, StopEndsTheWait) {
  MemoryBudget budget(100);
  MemoryBudget::Reservation old = *budget.Reserve(80, 0s);
  old.MarkLeaving();
  std::thread stopper([&] { budget.StopWaiting(); });
  EXPECT_FALSE(budget.Reserve(50, 1h).ok());
  stopper.join();
}

TEST(MemoryBudgetTest, ReservationsMayOutliveTheBudget) {
  std::optional<MemoryBudget> budget(100);
  MemoryBudget::Reservation held = *budget->Reserve(10, 0s);
  budget.reset();
  held.Release();
}

using Files = std::map<std::string, std::string>;

constexpr char kMeminfo[] = "MemTotal:       16384 kB\nMemFree:         1 kB\n";

uint64_t Usable(Files files) {
  files["/proc/meminfo"] = kMeminfo;
  return UsableMemoryBytes(base::TextFileSystem(std::move(files)));
}

TEST(UsableMemoryTest, IsTheMachinesWithoutAGroupLimit) {
  EXPECT_EQ(Usable({}), 16384U * 1024);
  EXPECT_EQ(Usable({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/memory.max", "max\n"}}),
            16384U * 1024);
  const Files meminfo = {{"/proc/meminfo", kMeminfo}};
  EXPECT_EQ(DefaultMemoryBudget(base::TextFileSystem(meminfo)), 16384U * 1024 / 5 * 4);
}

TEST(UsableMemoryTest, IsTheLeastOfTheGroupsAround) {
  EXPECT_EQ(Usable({{"/proc/self/cgroup", "0::/a.slice/b.service\n"},
                    {"/sys/fs/cgroup/a.slice/memory.max", "1000\n"},
                    {"/sys/fs/cgroup/a.slice/b.service/memory.max", "max\n"}}),
            1000U);
  EXPECT_EQ(Usable({{"/proc/self/cgroup", "5:cpu,memory:/docker/x\n1:name=systemd:/docker/x\n"},
                    {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "2000\n"}}),
            2000U);
}

TEST(UnloadQueueTest, RunsEverythingPostedBeforeCloseAndReports) {
  UnloadQueue queue;
  int done = 0;
  int reported = 0;
  for (int i = 0; i < 10; ++i) queue.Post([&] { ++done; }, [&] { ++reported; });
  queue.Close();
  EXPECT_EQ(done, 10);
  EXPECT_EQ(reported, 10);
}

TEST(UnloadQueueTest, RunsOnTheCallersThreadOnceClosedAndReportsNoMore) {
  UnloadQueue queue;
  queue.Close();
  std::thread::id where;
  bool reported = false;
  queue.Post([&] { where = std::this_thread::get_id(); }, [&] { reported = true; });
  EXPECT_EQ(where, std::this_thread::get_id());
  EXPECT_FALSE(reported);
}

}  // namespace
}  // namespace slipway::lifecycle
