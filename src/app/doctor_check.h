#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"

namespace slipway::app {

// One thing that `slipway doctor` looked at. A value.
struct DoctorCheck {
  enum class Level : uint8_t {
    kOk,
    kWarn,  // serving works, but worse than it could
    kFail,  // serving does not work
  };
  std::string name;
  Level level = Level::kOk;
  std::string found;
  std::string advice = {};  // what to do; "" when all is well
};

std::string_view LevelName(DoctorCheck::Level level);

// Each looks at one part of the machine and never fails: what cannot be found out is "unknown".
// Files below /proc and /sys are read through `fs`.

// Model, instruction sets, processors that we may use, limits of the control group.
std::vector<DoctorCheck> CheckProcessor(const base::FileSystem& fs);
// Memory, with the limits of the control group, and huge pages.
std::vector<DoctorCheck> CheckMemory(const base::FileSystem& fs);
// Version, system calls, descriptors, file watching, clock source.
std::vector<DoctorCheck> CheckKernel(const base::FileSystem& fs);
// ONNX Runtime and its execution providers.
DoctorCheck CheckEngine(const base::FileSystem& fs);
// Whether `address` is free, and who answers there if not.
DoctorCheck CheckPort(const std::string& address, const base::Clock& clock);
// Free space where models would be written: the working directory.
DoctorCheck CheckDisk();

// The whole text of a small file with its last line end taken off; "" when it cannot be read.
std::string ReadSmallFile(const base::FileSystem& fs, const std::string& path);

}  // namespace slipway::app
