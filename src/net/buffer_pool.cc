#include "net/buffer_pool.h"

#include <bit>
#include <new>
#include <utility>

namespace slipway::net {
namespace {

constexpr size_t kSmallest = 16 * 1024;

// The class of buffers of at least `bytes`: class n has 16 KiB * 2^n.
size_t ClassOf(size_t bytes) {
  if (bytes <= kSmallest) return 0;
  return static_cast<size_t>(std::bit_width((bytes - 1) / kSmallest));
}

}  // namespace

PooledBuffer::PooledBuffer(PooledBuffer&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      buffer_(std::move(other.buffer_)),
      size_(std::exchange(other.size_, 0)),
      reserved_(std::exchange(other.reserved_, 0)) {}

PooledBuffer& PooledBuffer::operator=(PooledBuffer&& other) noexcept {
  if (this == &other) return *this;
  if (pool_ != nullptr) pool_->Give(*this);
  pool_ = std::exchange(other.pool_, nullptr);
  buffer_ = std::move(other.buffer_);
  size_ = std::exchange(other.size_, 0);
  reserved_ = std::exchange(other.reserved_, 0);
  return *this;
}

PooledBuffer::~PooledBuffer() {
  if (pool_ != nullptr) pool_->Give(*this);
}

base::Buffer BufferPool::Take(size_t bytes) {
  const size_t size_class = ClassOf(bytes);
  if (size_class >= kClasses) return base::Buffer::Allocate(bytes);
  std::vector<base::Buffer>& kept = kept_[size_class];
  if (kept.empty()) return base::Buffer::Allocate(kSmallest << size_class);
  base::Buffer buffer = std::move(kept.back());
  kept.pop_back();
  return buffer;
}

PooledBuffer BufferPool::TryTake(size_t bytes) {
  PooledBuffer buffer;
  if (!budget_.TryReserve(CostOf(bytes))) return buffer;
  try {
    buffer.buffer_ = Take(bytes + kPadding);
  } catch (const std::bad_alloc&) {  // the machine has less than the budget says
    budget_.Release(CostOf(bytes));
    return buffer;
  }
  buffer.pool_ = this;
  buffer.reserved_ = CostOf(bytes);
  buffer.size_ = buffer.buffer_.size() - kPadding;
  return buffer;
}

PooledBuffer BufferPool::TakeBlock(size_t bytes) {
  PooledBuffer buffer;
  buffer.pool_ = this;
  buffer.buffer_ = Take(bytes + kPadding);
  buffer.size_ = buffer.buffer_.size() - kPadding;
  AddBlockBytes(buffer.buffer_.size());
  return buffer;
}

void BufferPool::Give(PooledBuffer& buffer) {
  const size_t size = buffer.buffer_.size();
  if (buffer.reserved_ > 0) {
    budget_.Release(buffer.reserved_);
  } else {
    AddBlockBytes(0 - size);
  }
  const size_t size_class = ClassOf(size);
  if (size_class < kClasses && kept_[size_class].size() * size < kKeptBytesPerClass) {
    kept_[size_class].push_back(std::move(buffer.buffer_));
  } else {
    buffer.buffer_ = base::Buffer();
  }
}

}  // namespace slipway::net
