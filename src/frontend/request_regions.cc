#include "frontend/request_regions.h"

#include <new>
#include <utility>

#include "base/str_cat.h"

namespace slipway::frontend {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;

Result<RegionSlice> RequestRegions::Find(const RegionPlace& place) const {
  if (registry_ == nullptr) return SharedMemoryOff();
  SLIPWAY_RETURN_IF_ERROR(CheckLocalPeer(peer_));
  if (!place.region || place.region->empty()) {
    return InvalidArgument(
        "parameter 'shared_memory_region' is missing beside the other "
        "shared_memory parameters");
  }
  if (!place.byte_size) {
    return InvalidArgument(
        "parameter 'shared_memory_byte_size' is missing beside "
        "'shared_memory_region'");
  }
  SLIPWAY_ASSIGN_OR_RETURN(SharedMemoryRegistry::Region region, registry_->Find(*place.region));
  const uint64_t offset = place.offset.value_or(0);
  const uint64_t room = region->file.size();
  if (offset >= room || *place.byte_size > room - offset) {
    return InvalidArgument(StrCat("shared_memory_offset ", offset, " and shared_memory_byte_size ",
                                  *place.byte_size, " do not lie inside region '", region->name,
                                  "', which has ", room, " bytes"));
  }
  return RegionSlice{.region = std::move(region), .offset = offset, .size = *place.byte_size};
}

Status RequestRegions::Reserve(uint64_t size) {
  const uint64_t limit = registry_->options().max_request_bytes;
  if (size > limit - reserved_) {
    return InvalidArgument(StrCat("the inputs of a request may have ", limit,
                                  " bytes in shared memory (limits.max_body); this one asks for ",
                                  size, " after ", reserved_));
  }
  if (!registry_->budget().TryReserve(size)) {
    return base::ResourceExhausted(
        StrCat("no room for ", size,
               " bytes from shared memory: the requests that are being "
               "answered hold what limits.max_buffered_bytes allows; try again"));
  }
  reserved_ += size;
  return base::OkStatus();
}

Result<std::span<const std::byte>> RequestRegions::Read(const RegionSlice& slice,
                                                        ScratchArena& arena) {
  SLIPWAY_RETURN_IF_ERROR(Reserve(slice.size));
  try {
    const std::span<std::byte> memory = arena.Allocate(slice.size);
    SLIPWAY_RETURN_IF_ERROR(slice.region->file.Read(slice.offset, memory));
    return std::span<const std::byte>(memory);
  } catch (const std::bad_alloc&) {  // the machine has less than the budget says
    return base::ResourceExhausted(
        StrCat("no memory for ", slice.size, " bytes from shared memory; try again"));
  }
}

void RequestRegions::Reset() {
  if (reserved_ > 0) registry_->budget().Release(reserved_);
  reserved_ = 0;
  registry_ = nullptr;
  peer_ = {};
}

}  // namespace slipway::frontend
