#include "base/processors.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <map>
#include <string>
#include <thread>

#include "base/testing/text_file_system.h"

namespace slipway::base {
namespace {

using Files = std::map<std::string, std::string>;

std::optional<double> Quota(const Files& files) { return ProcessorQuota(TextFileSystem(files)); }

TEST(ProcessorsTest, HeedsTheAffinityMask) {
  int alone = 0;
  std::thread([&] {
    cpu_set_t all;
    ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &all)) ++cpu;
    CPU_SET(cpu, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);  // of this thread only
    alone = AllowedProcessors();
  }).join();
  EXPECT_EQ(alone, 1);
  EXPECT_GE(AllowedProcessors(), 1);
}

TEST(ProcessorsTest, QuotaIsTheLeastOfTheGroupsAround) {
  EXPECT_EQ(Quota({}), std::nullopt);
  EXPECT_EQ(Quota({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "max 100000\n"}}),
            std::nullopt);
  EXPECT_EQ(Quota({{"/proc/self/cgroup", "0::/a.slice/b.service\n"},
                   {"/sys/fs/cgroup/a.slice/cpu.max", "150000 100000\n"},
                   {"/sys/fs/cgroup/a.slice/b.service/cpu.max", "max 100000\n"}}),
            1.5);
  EXPECT_EQ(Quota({{"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
                   {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}}),
            std::nullopt);
  EXPECT_EQ(Quota({{"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"},
                   {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}}),
            0.5);
}

TEST(ProcessorsTest, UsableIsTheLesserRoundedUpAndNeverNone) {
  EXPECT_EQ(UsableProcessors(TextFileSystem(Files{})), AllowedProcessors());
  EXPECT_EQ(UsableProcessors(TextFileSystem(Files{{"/sys/fs/cgroup/cpu.max", "1000 100000\n"}})),
            1);
  EXPECT_EQ(
      UsableProcessors(TextFileSystem(Files{{"/sys/fs/cgroup/cpu.max", "99900000 100000\n"}})),
      std::min(999, AllowedProcessors()));
}

TEST(ProcessorsTest, TheNameIsTheFirstOnes) {
  const auto name = [](const std::string& text) {
    return ProcessorName(TextFileSystem(Files{{"/proc/cpuinfo", text}}));
  };
  EXPECT_EQ(name("processor\t: 0\nmodel name\t: Made Up 1\n\nmodel name\t: Other\n"), "Made Up 1");
  EXPECT_EQ(name("processor : 0\nCPU implementer : 0x41\nCPU part : 0xd0c\n\nCPU part : 1\n"),
            "0x41 0xd0c");
  EXPECT_EQ(name("processor : 0\n"), "unknown");
  EXPECT_EQ(ProcessorName(TextFileSystem(Files{})), "unknown");
}

}  // namespace
}  // namespace slipway::base
