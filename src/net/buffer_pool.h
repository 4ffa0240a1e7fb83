#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <span>
#include <vector>

#include "base/buffer.h"

namespace slipway::net {

// Bytes that all connections together may hold in request bodies. Thread-safe.
class ByteBudget {
 public:
  explicit ByteBudget(size_t limit) : limit_(limit) {}
  bool TryReserve(size_t bytes) {
    if (used_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_) return true;
    Release(bytes);
    return false;
  }
  void Release(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  size_t limit() const { return limit_; }
  size_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const size_t limit_;
  std::atomic<size_t> used_ = 0;
};

class BufferPool;

// Memory from a BufferPool, given back by the destructor. Move-only. Empty by default.
class PooledBuffer {
 public:
  PooledBuffer() = default;
  PooledBuffer(PooledBuffer&& other) noexcept;
  PooledBuffer& operator=(PooledBuffer&& other) noexcept;
  ~PooledBuffer();

  std::byte* data() { return buffer_.data(); }
  const std::byte* data() const { return buffer_.data(); }
  // Without the padding of kPadding readable bytes that follow.
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  friend class BufferPool;
  BufferPool* pool_ = nullptr;
  base::Buffer buffer_;
  size_t size_ = 0;
  size_t reserved_ = 0;  // of the budget
};

// Request memory of one IO thread: aligned to 64, and padded so that a parser may read ahead. Keeps
// some of what comes back, so that a steady load allocates nothing. Thread-compatible.
class BufferPool {
 public:
  static constexpr size_t kPadding = 64;
  static constexpr size_t kBlockBytes = 16 * 1024 - kPadding;  // usable bytes of a block

  explicit BufferPool(ByteBudget& budget) : budget_(budget) {}
  // What TryTake(bytes) charges to the budget: what will be written to. A larger buffer of the pool
  // may serve, but the pages behind the end stay untouched.
  static size_t CostOf(size_t bytes) { return bytes + kPadding; }
  // At least `bytes` usable bytes, charged to the budget; empty when that is exhausted.
  PooledBuffer TryTake(size_t bytes);
  // What a connection reads into, at least `bytes` usable bytes. Not charged: bounded by the number
  // of connections.
  PooledBuffer TakeBlock(size_t bytes = kBlockBytes);
  // Bytes of blocks in use. Any thread.
  size_t block_bytes() const { return block_bytes_.load(std::memory_order_relaxed); }

 private:
  friend class PooledBuffer;
  static constexpr size_t kClasses = 9;  // 16 KiB, 32 KiB, ... 4 MiB; larger ones are not kept
  static constexpr size_t kKeptBytesPerClass = 4 * 1024 * 1024;

  base::Buffer Take(size_t bytes);
  void Give(PooledBuffer& buffer);
  void AddBlockBytes(size_t bytes) {  // one writer
    block_bytes_.store(block_bytes_.load(std::memory_order_relaxed) + bytes,
                       std::memory_order_relaxed);
  }

  ByteBudget& budget_;
  std::array<std::vector<base::Buffer>, kClasses> kept_;
  std::atomic<size_t> block_bytes_ = 0;
};

}  // namespace slipway::net
