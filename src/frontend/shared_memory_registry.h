#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "frontend/shared_memory_file.h"
#include "net/buffer_pool.h"

namespace slipway::frontend {

// One part of a shared memory object under the name that requests use.
struct SharedMemoryRegion {
  std::string name;
  std::string key;
  SharedMemoryFile file;
};

// The regions that clients on this host have registered, of all protocols and IO threads.
//
//   SharedMemoryRegistry registry({.max_request_bytes = limits.max_body_bytes}, budget);
//   registry.Register("in", "/tensors", 0, 4096);
//   SLIPWAY_ASSIGN_OR_RETURN(const auto region, registry.Find("in"));   // by RequestRegions
//
// Thread-safe. Whoever found a region may use it after it was unregistered; its descriptor goes
// with the last one.
//
// Whoever may register can read and write every object that the server's own user can, if they can
// name it: the kernel knows that user only. So there is no registry unless the operator wants one
// (shared_memory.enabled), and only clients on this host are let near it (RequestRegions).
// Source: Triton, "Shared-Memory Extension".
class SharedMemoryRegistry {
 public:
  struct Options {
    std::filesystem::path directory = SharedMemoryFile::kDirectory;
    size_t max_regions = 1024;  // each holds a descriptor
    uint64_t max_bytes = uint64_t{16} << 30;
    uint64_t max_request_bytes = uint64_t{64} << 20;  // that one request may have in its inputs
  };
  using Region = std::shared_ptr<const SharedMemoryRegion>;  // shared with the requests that use it

  // `budget` is that of request buffers; what requests read from regions counts there, too. It must
  // outlive the registry.
  SharedMemoryRegistry(Options options, net::ByteBudget& budget)
      : options_(std::move(options)), budget_(budget) {}

  // kAlreadyExists (the name is in use), kResourceExhausted (too many regions or bytes),
  // kInvalidArgument (no good name, size 0) and the errors of SharedMemoryFile::Open().
  base::Status Register(std::string_view name, std::string_view key, uint64_t offset,
                        uint64_t byte_size);
  // Does nothing when there is no such region, as in Triton.
  void Unregister(std::string_view name);
  void UnregisterAll();
  // kNotFound.
  base::Result<Region> Find(std::string_view name) const;
  // Sorted by name. `name`: the only one that is wanted, or "" for all. kNotFound.
  base::Result<std::vector<Region>> List(std::string_view name) const;

  const Options& options() const { return options_; }
  net::ByteBudget& budget() const { return budget_; }

 private:
  base::Status CheckRoom(std::string_view name, uint64_t byte_size) const;

  const Options options_;
  net::ByteBudget& budget_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, Region, std::less<>> regions_;
  uint64_t bytes_ = 0;  // of all regions
};

// What answers that need a registry say when the server has none.
base::Status SharedMemoryOff();
// OK for a peer (net::HttpRequest::peer) on this host: loopback or a Unix socket.
// kPermissionDenied.
base::Status CheckLocalPeer(std::string_view peer);
// The answer to every registration of CUDA memory.
base::Status NoCudaSharedMemory();

}  // namespace slipway::frontend
