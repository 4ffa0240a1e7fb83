#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "app/doctor_check.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace slipway::app {
namespace {

using base::FileSystem;
using base::FormatByteSize;
using base::StrCat;
using base::UniqueFd;
using Level = DoctorCheck::Level;

DoctorCheck CheckVersion() {
  utsname name{};
  if (uname(&name) != 0) return {.name = "kernel", .found = "unknown"};
  return {.name = "kernel", .found = StrCat(name.sysname, " ", name.release, " ", name.machine)};
}

// Model files are opened with openat2 only, so that no link leads out of their directory.
DoctorCheck CheckOpenat2() {
  struct open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const UniqueFd fd(static_cast<int>(syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how))));
  if (fd.valid()) return {.name = "openat2", .found = "works"};
  return {.name = "openat2",
          .level = Level::kFail,
          .found = std::strerror(errno),
          .advice =
              "model files are opened with it: Linux 5.6 or later is needed, and a container "
              "runtime that lets it pass (Docker 20.10, libseccomp 2.5)"};
}

DoctorCheck CheckEpoll() {
  const UniqueFd fd(epoll_create1(EPOLL_CLOEXEC));
  if (fd.valid()) return {.name = "epoll", .found = "works"};
  return {.name = "epoll",
          .level = Level::kFail,
          .found = std::strerror(errno),
          .advice = "the server waits for connections with it: allow it in the sandbox"};
}

DoctorCheck CheckReusePort() {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (fd.valid() && setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) {
    return {.name = "SO_REUSEPORT", .found = "works"};
  }
  return {.name = "SO_REUSEPORT",
          .level = Level::kFail,
          .found = std::strerror(errno),
          .advice = "each IO thread listens with it: allow it, or serve with --io-threads 1"};
}

int64_t NumberInFile(const FileSystem& fs, const std::string& path) {
  const std::string text = ReadSmallFile(fs, path);
  int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Repositories are watched with inotify.
DoctorCheck CheckInotify(const FileSystem& fs) {
  constexpr int64_t kFewWatches = 8192;
  constexpr int64_t kFewInstances = 64;
  const UniqueFd fd(inotify_init1(IN_CLOEXEC));
  const std::string reason = fd.valid() ? "" : std::strerror(errno);
  const int64_t watches = NumberInFile(fs, "/proc/sys/fs/inotify/max_user_watches");
  const int64_t instances = NumberInFile(fs, "/proc/sys/fs/inotify/max_user_instances");
  DoctorCheck check{.name = "inotify",
                    .found = StrCat(watches, " watches, ", instances, " instances allowed")};
  if (!fd.valid()) {
    check.level = Level::kWarn;
    check.found += StrCat(", but: ", reason);
    check.advice =
        "changes in repositories will be found by polling: sysctl "
        "fs.inotify.max_user_instances=512";
  } else if (watches < kFewWatches || instances < kFewInstances) {
    check.level = Level::kWarn;
    check.advice =
        "a large repository needs more: sysctl fs.inotify.max_user_watches=65536 "
        "fs.inotify.max_user_instances=512";
  }
  return check;
}

// Each connection takes a descriptor.
DoctorCheck CheckDescriptors() {
  constexpr rlim_t kFew = 4096;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return {.name = "open files", .found = "unknown"};
  const auto text = [](rlim_t value) {
    return value == RLIM_INFINITY ? std::string("unlimited") : StrCat(value);
  };
  DoctorCheck check{
      .name = "open files",
      .found = StrCat(text(limit.rlim_cur), " allowed, at most ", text(limit.rlim_max))};
  if (limit.rlim_cur < kFew) {
    check.level = Level::kWarn;
    check.advice = StrCat("each connection takes one: ulimit -n ",
                          text(std::min<rlim_t>(limit.rlim_max, 65536)),
                          " in the shell, LimitNOFILE= in a systemd unit");
  }
  return check;
}

// Reading the time is a system call with these, and a request reads it several times.
DoctorCheck CheckClockSource(const FileSystem& fs) {
  constexpr std::array<std::string_view, 4> kSlow = {"hpet", "acpi_pm", "jiffies",
                                                     "refined-jiffies"};
  DoctorCheck check{.name = "clock source",
                    .found = ReadSmallFile(
                        fs, "/sys/devices/system/clocksource/clocksource0/current_clocksource")};
  if (check.found.empty()) check.found = "unknown";
  if (std::ranges::find(kSlow, check.found) != kSlow.end()) {
    check.level = Level::kWarn;
    check.advice =
        "reading the time is slow with it: boot with tsc=reliable if the processor has an "
        "invariant TSC";
  }
  return check;
}

}  // namespace

std::vector<DoctorCheck> CheckKernel(const FileSystem& fs) {
  return {CheckVersion(),   CheckOpenat2(),     CheckEpoll(),        CheckReusePort(),
          CheckInotify(fs), CheckDescriptors(), CheckClockSource(fs)};
}

DoctorCheck CheckDisk() {
  constexpr uint64_t kLittle = uint64_t{1} << 30;
  struct statvfs info{};
  if (statvfs(".", &info) != 0) return {.name = "disk", .found = "unknown"};
  const uint64_t free = uint64_t{info.f_bavail} * info.f_frsize;
  DoctorCheck check{.name = "disk",
                    .found = StrCat(FormatByteSize(free), " free in the working directory")};
  if (free < kLittle) {
    check.level = Level::kWarn;
    check.advice = "there is little room for models: free some, or work elsewhere";
  }
  return check;
}

}  // namespace slipway::app
