#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/status.h"
#include "frontend/scratch_arena.h"
#include "frontend/shared_memory_registry.h"

namespace slipway::frontend {

// What the parameters shared_memory_region, _byte_size and _offset of one tensor say; views the
// request.
struct RegionPlace {
  bool asked = false;  // one of them is there
  std::optional<std::string_view> region;
  std::optional<uint64_t> byte_size;
  std::optional<uint64_t> offset;
};

// A place that was looked up: bytes that lie inside a registered region.
struct RegionSlice {
  SharedMemoryRegistry::Region region;
  uint64_t offset = 0;  // in the region
  uint64_t size = 0;
};

// The shared memory of one request: where its regions are found, and what its inputs took of the
// budget for request buffers. Used again and again; thread-compatible. Without Begin() every use is
// refused.
class RequestRegions {
 public:
  RequestRegions() = default;
  RequestRegions(const RequestRegions&) = delete;
  RequestRegions& operator=(const RequestRegions&) = delete;
  ~RequestRegions() { Reset(); }

  // A request of `peer` (net::HttpRequest::peer, viewed while the request is decoded). `registry`:
  // null when shared memory is off; must outlive this object.
  void Begin(SharedMemoryRegistry* registry, std::string_view peer) {
    registry_ = registry;
    peer_ = peer;
  }
  // kUnimplemented (shared memory is off), kPermissionDenied (not on this host), kInvalidArgument
  // (incomplete, or not inside the region), kNotFound (no such region).
  base::Result<RegionSlice> Find(const RegionPlace& place) const;
  // Copies the slice into memory of `arena`, charged to the budget until Reset(). kInvalidArgument
  // (more than one request may have; the object has become too short), kResourceExhausted.
  base::Result<std::span<const std::byte>> Read(const RegionSlice& slice, ScratchArena& arena);
  // The request is over.
  void Reset();

 private:
  base::Status Reserve(uint64_t size);

  SharedMemoryRegistry* registry_ = nullptr;
  std::string_view peer_;
  size_t reserved_ = 0;
};

}  // namespace slipway::frontend
