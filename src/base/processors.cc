#include "base/processors.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace slipway::base {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{1} << 16;

// The words of a small file; none when it cannot be read.
std::vector<std::string> Words(const FileSystem& fs, const std::string& path) {
  std::vector<std::string> words;
  const Result<std::string> text = fs.Read(path, kMaxBytes);
  if (!text.ok()) return words;
  std::istringstream in(*text);
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::optional<double> Number(const std::vector<std::string>& words, size_t index) {
  if (index >= words.size()) return std::nullopt;
  const std::string& word = words[index];
  double number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || number <= 0) return std::nullopt;  // "max", or -1 for no limit
  return number;
}

std::optional<double> Quota(const std::optional<double>& time,
                            const std::optional<double>& period) {
  if (!time || !period) return std::nullopt;
  return *time / *period;
}

// "200000 100000": two processors.
std::optional<double> QuotaV2(const FileSystem& fs, const std::string& directory) {
  const std::vector<std::string> words = Words(fs, directory + "/cpu.max");
  return Quota(Number(words, 0), Number(words, 1));
}

std::optional<double> QuotaV1(const FileSystem& fs) {
  const std::string directory = "/sys/fs/cgroup/cpu/";
  return Quota(Number(Words(fs, directory + "cpu.cfs_quota_us"), 0),
               Number(Words(fs, directory + "cpu.cfs_period_us"), 0));
}

}  // namespace

int AllowedProcessors() {
  // Kernels for more processors than the set has room for say EINVAL until it is large enough.
  for (size_t processors = 1024; processors <= (size_t{1} << 20); processors *= 2) {
    cpu_set_t* set = CPU_ALLOC(processors);
    const size_t size = CPU_ALLOC_SIZE(processors);
    const bool known = ::sched_getaffinity(0, size, set) == 0;
    const int count = known ? CPU_COUNT_S(size, set) : 0;
    const bool too_small = !known && errno == EINVAL;
    CPU_FREE(set);
    if (known) return std::max(1, count);
    if (!too_small) break;
  }
  return std::max(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
}

std::optional<double> ProcessorQuota(const FileSystem& fs) {
  std::optional<double> least = QuotaV1(fs);
  std::string path;
  for (const std::string& line : Words(fs, "/proc/self/cgroup")) {
    if (line.starts_with("0::/")) path = line.substr(3);
  }
  while (true) {
    if (path == "/") path.clear();
    const std::optional<double> quota = QuotaV2(fs, "/sys/fs/cgroup" + path);
    if (quota && (!least || *quota < *least)) least = quota;
    if (path.empty()) return least;
    path.erase(path.rfind('/'));
  }
}

int UsableProcessors(const FileSystem& fs) {
  const int allowed = AllowedProcessors();
  const std::optional<double> quota = ProcessorQuota(fs);
  if (!quota || *quota >= allowed) return allowed;
  return std::max(1, static_cast<int>(std::ceil(*quota)));
}

std::string ProcessorName(const FileSystem& fs) {
  std::string name;
  const Result<std::string> text = fs.Read("/proc/cpuinfo", uint64_t{4} << 20);
  if (!text.ok()) return "unknown";
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line) && !line.empty();) {  // the first processor's
    const size_t colon = line.find(':');
    const std::string_view key = TrimWhitespace(std::string_view(line).substr(0, colon));
    if (colon == std::string::npos) continue;
    const std::string_view value = TrimWhitespace(std::string_view(line).substr(colon + 1));
    if (key == "model name") return std::string(value);
    if (key.starts_with("CPU ")) name.append(name.empty() ? "" : " ").append(value);
  }
  return name.empty() ? "unknown" : name;
}

}  // namespace slipway::base
