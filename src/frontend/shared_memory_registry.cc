#include "frontend/shared_memory_registry.h"

#include <algorithm>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::frontend {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;

constexpr size_t kMaxNameBytes = 256;
constexpr std::string_view kReserved = "triton_python_backend_shm_region_";

std::string Quoted(std::string_view name) {
  return StrCat("shared memory region '", Printable(name), "'");
}

Status CheckName(std::string_view name) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' '; };
  if (name.empty() || name.size() > kMaxNameBytes || std::ranges::any_of(name, is_control) ||
      !base::IsValidUtf8(name)) {
    return InvalidArgument(StrCat("expected a name of 1 to ", kMaxNameBytes,
                                  " bytes of UTF-8 without control characters"));
  }
  if (name.starts_with(kReserved)) {
    return InvalidArgument(StrCat("names that begin with '", kReserved, "' are reserved"));
  }
  return OkStatus();
}

}  // namespace

Status SharedMemoryRegistry::CheckRoom(std::string_view name, uint64_t byte_size) const {
  if (regions_.contains(name)) {
    return base::AlreadyExists("is registered already; unregister it first");
  }
  if (regions_.size() >= options_.max_regions) {
    return base::ResourceExhausted(StrCat(options_.max_regions,
                                          " regions are registered, which is the limit "
                                          "(shared_memory.max_regions); unregister one first"));
  }
  if (byte_size > options_.max_bytes - bytes_) {
    return base::ResourceExhausted(StrCat(
        "byte_size is ", byte_size, ", but all regions together may have ", options_.max_bytes,
        " bytes (shared_memory.max_bytes), of which ", bytes_, " are in use"));
  }
  return OkStatus();
}

Status SharedMemoryRegistry::Register(std::string_view name, std::string_view key, uint64_t offset,
                                      uint64_t byte_size) {
  const auto add = [&]() -> Status {
    SLIPWAY_RETURN_IF_ERROR(CheckName(name));
    if (byte_size == 0) return InvalidArgument("expected a byte_size of at least 1, got 0");
    {
      const std::lock_guard lock(mutex_);
      SLIPWAY_RETURN_IF_ERROR(CheckRoom(name, byte_size));
    }
    SLIPWAY_ASSIGN_OR_RETURN(SharedMemoryFile file,
                             SharedMemoryFile::Open(options_.directory, key, offset, byte_size));
    auto region = std::make_shared<const SharedMemoryRegion>(
        SharedMemoryRegion{std::string(name), std::string(key), std::move(file)});
    const std::lock_guard lock(mutex_);
    SLIPWAY_RETURN_IF_ERROR(CheckRoom(name, byte_size));  // others may have come meanwhile
    regions_.emplace(name, std::move(region));
    bytes_ += byte_size;
    return OkStatus();
  };
  return add().WithContext(Quoted(name));
}

void SharedMemoryRegistry::Unregister(std::string_view name) {
  Region gone;  // closed after the lock
  const std::lock_guard lock(mutex_);
  const auto found = regions_.find(name);
  if (found == regions_.end()) return;
  gone = std::move(found->second);
  bytes_ -= gone->file.size();
  regions_.erase(found);
}

void SharedMemoryRegistry::UnregisterAll() {
  decltype(regions_) gone;  // closed after the lock
  const std::lock_guard lock(mutex_);
  gone.swap(regions_);
  bytes_ = 0;
}

Result<SharedMemoryRegistry::Region> SharedMemoryRegistry::Find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = regions_.find(name);
  if (found != regions_.end()) return found->second;
  return base::NotFound(StrCat(Quoted(name), " is not registered"));
}

Result<std::vector<SharedMemoryRegistry::Region>> SharedMemoryRegistry::List(
    std::string_view name) const {
  std::vector<Region> list;
  if (!name.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(Region only, Find(name));
    list.push_back(std::move(only));
    return list;
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [key, region] : regions_) list.push_back(region);
  return list;
}

Status SharedMemoryOff() {
  return base::Unimplemented(
      "shared memory is off on this server: start it with --shared-memory (shared_memory.enabled), "
      "or send tensors in requests");
}

// As net writes addresses: "127.0.0.1:4711", "[::1]:4711", "[::ffff:127.0.0.1]:4711", "unix".
Status CheckLocalPeer(std::string_view peer) {
  if (peer == "unix" || peer.starts_with("127.") || peer.starts_with("[::1]:") ||
      peer.starts_with("[::ffff:127.")) {
    return OkStatus();
  }
  return base::PermissionDenied(
      "shared memory is for clients on the server's host: connect to a loopback address or a Unix "
      "socket, or send tensors in requests");
}

Status NoCudaSharedMemory() {
  return base::Unimplemented(
      "CUDA shared memory is not supported by this build; use system shared memory, or send "
      "tensors in requests");
}

}  // namespace slipway::frontend
