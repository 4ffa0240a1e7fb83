#include "monitor/process_stats.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/str_cat.h"

namespace slipway::monitor {
namespace {

std::string ReadProcFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The fields of /proc/PID/stat after the command name (which may hold anything, blanks included).
std::vector<std::string> StatFields(const std::string& stat) {
  std::vector<std::string> fields;
  const size_t end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos) return fields;
  std::istringstream rest(stat.substr(end_of_name + 1));
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

double BootTimeSeconds() {
  std::istringstream stat(ReadProcFile("/proc/stat"));
  for (std::string key; stat >> key;) {
    if (key == "btime") {
      double seconds = 0;
      stat >> seconds;
      return seconds;
    }
    stat.ignore(1 << 20, '\n');
  }
  return 0;
}

uint64_t CountDescriptors(const std::string& directory) {
  std::error_code error;
  uint64_t count = 0;
  for (std::filesystem::directory_iterator it(directory + "/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  return count;
}

}  // namespace

base::Result<ProcessStats> ReadProcessStats(int pid) {
  const std::string directory = pid == 0 ? "/proc/self" : base::StrCat("/proc/", pid);
  const std::vector<std::string> fields = StatFields(ReadProcFile(directory + "/stat"));
  constexpr size_t kUserTime = 11;  // counted from the state, which follows the name
  constexpr size_t kThreads = 17;
  constexpr size_t kStartTime = 19;
  constexpr size_t kVirtualSize = 20;
  constexpr size_t kResidentPages = 21;
  if (fields.size() <= kResidentPages) {
    return base::NotFound(base::StrCat("process ", pid, ": not running, or not ours to look at"));
  }
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  ProcessStats stats;
  stats.cpu_seconds = (std::stod(fields[kUserTime]) + std::stod(fields[kUserTime + 1])) / ticks;
  stats.threads = std::stoull(fields[kThreads]);
  stats.start_time_seconds = BootTimeSeconds() + std::stod(fields[kStartTime]) / ticks;
  stats.virtual_bytes = std::stoull(fields[kVirtualSize]);
  stats.resident_bytes =
      std::stoull(fields[kResidentPages]) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  stats.open_descriptors = CountDescriptors(directory);
  struct rlimit limit{};
  if (pid == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_descriptors = limit.rlim_cur;
  return stats;
}

}  // namespace slipway::monitor
