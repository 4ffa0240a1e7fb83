#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/status.h"
#include "frontend/shared_memory_registry.h"

namespace slipway::frontend::openinference {

// The bodies of the system shared memory extension. Source: Triton, "Shared-Memory Extension".

struct RegisterRequest {
  std::string key;
  uint64_t offset = 0;
  uint64_t byte_size = 0;
};
// {"key": TEXT, "offset": N, "byte_size": N}; "offset" may be left out. kInvalidArgument names the
// key.
base::Result<RegisterRequest> ReadRegisterRequest(std::span<std::byte> body);

// [{"name","key","offset","byte_size"}, ...]
std::string RegionsJson(std::span<const SharedMemoryRegistry::Region> regions);

}  // namespace slipway::frontend::openinference
