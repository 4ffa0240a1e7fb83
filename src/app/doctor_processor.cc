#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <sstream>

#include "app/doctor_check.h"
#include "base/processors.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "lifecycle/memory_budget.h"

namespace slipway::app {
namespace {

using base::FileSystem;
using base::FormatByteSize;
using base::StrCat;
using Level = DoctorCheck::Level;

constexpr uint64_t kMaxBytes = uint64_t{4} << 20;

// The value behind "KEY  : " on the first line of /proc/cpuinfo that has it.
std::string CpuInfo(std::string_view text, std::string_view key) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    if (base::TrimWhitespace(std::string_view(line).substr(0, colon)) != key) continue;
    return std::string(base::TrimWhitespace(std::string_view(line).substr(colon + 1)));
  }
  return "";
}

std::vector<std::string> Words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// A kernel's name of an instruction set, and ours.
struct Feature {
  std::string_view kernel;
  std::string_view name;
};
constexpr std::array kFeatures = {Feature{"sse4_2", "sse4.2"},
                                  Feature{"avx2", "avx2"},
                                  Feature{"fma", "fma"},
                                  Feature{"avx_vnni", "avx-vnni"},
                                  Feature{"avx512f", "avx512f"},
                                  Feature{"avx512_vnni", "avx512-vnni"},
                                  Feature{"avx512_bf16", "avx512-bf16"},
                                  Feature{"amx_tile", "amx"},
                                  Feature{"amx_int8", "amx-int8"},
                                  Feature{"amx_bf16", "amx-bf16"},
                                  Feature{"asimd", "neon"},
                                  Feature{"asimdhp", "fp16"},
                                  Feature{"asimddp", "dotprod"},
                                  Feature{"i8mm", "i8mm"},
                                  Feature{"bf16", "bf16"},
                                  Feature{"sve", "sve"},
                                  Feature{"sve2", "sve2"}};

DoctorCheck CheckInstructionSets(const std::string& cpuinfo) {
  std::vector<std::string> flags = Words(CpuInfo(cpuinfo, "flags"));
  const bool x86 = !flags.empty();
  if (!x86) flags = Words(CpuInfo(cpuinfo, "Features"));
  const auto has = [&](std::string_view flag) {
    return std::ranges::find(flags, flag) != flags.end();
  };
  DoctorCheck check{.name = "instruction sets", .found = ""};
  for (const Feature& feature : kFeatures) {
    if (!has(feature.kernel)) continue;
    check.found += StrCat(check.found.empty() ? "" : " ", feature.name);
  }
  if (flags.empty()) {
    check.found = "unknown";
  } else if (x86 && !has("sse4_2")) {
    check.level = Level::kFail;
    check.advice =
        "this program needs x86-64-v2 (SSE4.2): use a processor from 2009 or later, or "
        "give the virtual machine a newer processor model";
  } else if (x86 && !has("avx2")) {
    check.level = Level::kWarn;
    check.advice =
        "without AVX2 models run several times slower; in a virtual machine, choose the "
        "processor model 'host'";
  }
  return check;
}

std::optional<double> Number(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  return number;
}

// "2", "1.5"
std::string OneDecimal(double number) {
  const auto tenths = static_cast<int64_t>(std::lround(number * 10));
  return tenths % 10 == 0 ? StrCat(tenths / 10) : StrCat(tenths / 10, ".", tenths % 10);
}

DoctorCheck CheckProcessors(const FileSystem& fs) {
  const int usable = base::AllowedProcessors();
  DoctorCheck check{.name = "processors", .found = StrCat(usable, " usable")};
  const std::optional<double> quota = base::ProcessorQuota(fs);
  if (!quota) return check;
  check.found += StrCat(", control group allows the time of ", OneDecimal(*quota));
  if (*quota < 1) {
    check.level = Level::kWarn;
    check.advice =
        "with less than one processor the kernel stops the server many times a second: "
        "raise the CPU limit to at least 1";
  } else if (*quota < usable) {
    check.found += StrCat("; serve starts ", base::UsableProcessors(fs), " IO threads");
  }
  return check;
}

// A line of /proc/meminfo, in bytes.
uint64_t MemInfo(const std::string& text, std::string_view key) {
  const auto kilobytes = Number(CpuInfo(text, key));
  return kilobytes ? static_cast<uint64_t>(*kilobytes) * 1024 : 0;
}

DoctorCheck CheckAmount(const FileSystem& fs) {
  constexpr uint64_t kSmall = uint64_t{512} << 20;
  const std::string info = ReadSmallFile(fs, "/proc/meminfo");
  const uint64_t total = MemInfo(info, "MemTotal");
  const uint64_t available = MemInfo(info, "MemAvailable");
  const uint64_t usable = lifecycle::UsableMemoryBytes(fs);
  DoctorCheck check{.name = "memory", .found = "unknown"};
  if (total == 0) return check;
  check.found = StrCat(FormatByteSize(total), ", ", FormatByteSize(available), " available");
  if (usable < total) {
    check.found += StrCat(", control group allows ", FormatByteSize(usable));
  }
  if (std::min(usable, available) < kSmall) {
    check.level = Level::kWarn;
    check.advice = "little memory for models: free some, or raise the limit of the control group";
  }
  return check;
}

// "always [madvise] never": the word in brackets.
std::string Chosen(const std::string& choices) {
  const size_t open = choices.find('[');
  const size_t close = choices.find(']', open == std::string::npos ? 0 : open);
  if (open == std::string::npos || close == std::string::npos) return "unknown";
  return choices.substr(open + 1, close - open - 1);
}

}  // namespace

std::string ReadSmallFile(const FileSystem& fs, const std::string& path) {
  base::Result<std::string> text = fs.Read(path, kMaxBytes);
  if (!text.ok()) return "";
  while (text->ends_with('\n')) text->pop_back();
  return *std::move(text);
}

std::vector<DoctorCheck> CheckProcessor(const FileSystem& fs) {
  const std::string cpuinfo = ReadSmallFile(fs, "/proc/cpuinfo");
  std::string model = CpuInfo(cpuinfo, "model name");
  if (model.empty()) model = CpuInfo(cpuinfo, "CPU part");
  return {{.name = "processor", .found = model.empty() ? "unknown" : model},
          CheckInstructionSets(cpuinfo),
          CheckProcessors(fs)};
}

std::vector<DoctorCheck> CheckMemory(const FileSystem& fs) {
  DoctorCheck pages{
      .name = "huge pages",
      .found = Chosen(ReadSmallFile(fs, "/sys/kernel/mm/transparent_hugepage/enabled"))};
  if (pages.found == "always") {
    pages.found += " (memory of an unloaded model may come back late; madvise avoids that)";
  }
  return {CheckAmount(fs), std::move(pages)};
}

}  // namespace slipway::app
