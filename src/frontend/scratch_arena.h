#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace slipway::frontend {

// Memory for the decoded tensors of one request, given back all at once and used again for the
// next. What was handed out stays where it is until Reset(). Thread-compatible.
class ScratchArena {
 public:
  // `size` bytes aligned to 64, not initialised. Throws std::bad_alloc.
  std::span<std::byte> Allocate(size_t size);
  // Takes everything back. Keeps up to kKeptBytes, so that a rare large request does not hold its
  // memory for ever.
  void Reset();

  static constexpr size_t kKeptBytes = size_t{4} << 20;

 private:
  static constexpr size_t kAlignment = 64;
  static constexpr size_t kMinBlockBytes = 16 * 1024;

  struct Free {
    void operator()(std::byte* memory) const;
  };
  struct Block {
    std::unique_ptr<std::byte, Free> memory;
    size_t size;
  };
  static Block NewBlock(size_t size);

  std::vector<Block> blocks_;  // the last one is being filled
  size_t used_ = 0;            // of the last one
};

}  // namespace slipway::frontend
