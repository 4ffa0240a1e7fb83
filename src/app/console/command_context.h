#pragma once

#include <iosfwd>

#include "base/clock.h"
#include "base/file_system.h"

namespace slipway::app {

// What every command is given, and hands on to what it uses. All outlive the command.
struct CommandContext {
  base::Clock& clock;
  const base::FileSystem& fs;
  std::ostream& out;  // results, for people or pipes
  std::ostream& err;  // progress and problems
};

}  // namespace slipway::app
