#pragma once

#include <atomic>
#include <cstddef>
#include <new>

#include "engine/process/shared_area.h"

namespace slipway::engine {

// The head of a lane's input area, before the tensors: whether the server has given the request up.
inline constexpr size_t kLaneHeadBytes = 64;

static_assert(std::atomic<bool>::is_always_lock_free, "processes share it");

// `area` must have been mapped. The kernel's zeros are a flag that is not set.
inline std::atomic<bool>& AbandonedFlag(SharedArea& area) {
  return *std::launder(reinterpret_cast<std::atomic<bool>*>(area.bytes().data()));
}

}  // namespace slipway::engine
