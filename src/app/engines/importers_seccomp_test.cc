// Importers read, compute and ask for memory, and do nothing else: run in a process whose kernel
// ends it at any other system call.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "app/engines/importers.h"
#include "base/file_system.h"

namespace slipway::app {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // their runtimes make calls of their own
#else
constexpr bool kSanitized = false;
#endif

// Memory, locks between threads, the end. Nothing that names a file, a socket or a process.
constexpr int kAllowed[] = {SYS_mmap,     SYS_munmap, SYS_mremap, SYS_brk,        SYS_madvise,
                            SYS_mprotect, SYS_futex,  SYS_exit,   SYS_exit_group, SYS_getrandom};

// From here on, any other system call ends the process with SIGSYS.
bool ForbidOtherCalls() {
  std::vector<sock_filter> filter;
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const int number : kAllowed) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  const sock_fprog program{.len = static_cast<unsigned short>(filter.size()),
                           .filter = filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// How a process ends that does `work` behind the filter: as waitpid() says, 0 when all was well.
template <typename Work>
int StatusBehindFilter(const Work& work) {
  const pid_t child = fork();
  if (child == 0) {
    if (!ForbidOtherCalls()) _exit(99);
    work();
    _exit(0);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

class ImporterSystemCallsTest : public testing::TestWithParam<const char*> {};

TEST_P(ImporterSystemCallsTest, ModelsAreReadWithoutAny) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer makes system calls of its own";
  const base::RealFileSystem fs;
  const std::filesystem::path folder = std::filesystem::path("tests/models") / GetParam();
  const auto entries = fs.List(folder);
  ASSERT_TRUE(entries.ok()) << entries.status();
  int models = 0;
  for (const base::DirectoryEntry& entry : *entries) {
    if (entry.kind != base::FileInfo::Kind::kFile) continue;
    const auto file = fs.Map(folder / entry.name);
    ASSERT_TRUE(file.ok()) << file.status();
    if (FindImporter((*file)->bytes()) == nullptr) continue;
    ++models;
    EXPECT_EQ(StatusBehindFilter([&] { static_cast<void>(ImportBytes((*file)->bytes(), {})); }), 0)
        << entry.name;
  }
  EXPECT_GT(models, 50);
}

INSTANTIATE_TEST_SUITE_P(Formats, ImporterSystemCallsTest,
                         testing::Values("sklearn", "boosted", "pmml"));

// os.system("true") as protocols 0 and 2 write it, and eval("1+1").
TEST(HostilePickleTest, MakesNoSystemCall) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer makes system calls of its own";
  using std::string_literals::operator""s;
  for (const std::string& hostile : {"cos\nsystem\n(S'true'\ntR."s,
                                     "\x80\x02"
                                     "cposix\nsystem\nU\x04true\x85R."s,
                                     "\x80\x02"
                                     "c__builtin__\neval\nX\x03\0\0\0"
                                     "1+1\x85R."s}) {
    const auto bytes = std::as_bytes(std::span(hostile));
    EXPECT_FALSE(ImportBytes(bytes, {}).ok());
    EXPECT_EQ(StatusBehindFilter([&] { static_cast<void>(ImportBytes(bytes, {})); }), 0);
  }
}

TEST(SystemCallFilterTest, EndsWhoeverMakesOne) {
  const int status = StatusBehindFilter([] { static_cast<void>(getppid()); });
  EXPECT_TRUE(WIFSIGNALED(status)) << status;
}

}  // namespace
}  // namespace slipway::app
