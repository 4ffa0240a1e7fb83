#include "base/buffer.h"

#include <new>
#include <utility>

namespace slipway::base {
namespace {

constexpr std::align_val_t kAlignment{64};

}  // namespace

Buffer Buffer::Allocate(size_t size) {
  auto* data = static_cast<std::byte*>(::operator new(size, kAlignment, std::nothrow));
  if (data == nullptr) throw std::bad_alloc();  // sanitizers end the process in a throwing `new`
  return {data, size, data, [](void* owner) { ::operator delete(owner, kAlignment); }};
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      owner_(std::exchange(other.owner_, nullptr)),
      release_(std::exchange(other.release_, nullptr)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(owner_, other.owner_);
  std::swap(release_, other.release_);
  return *this;
}

Buffer::~Buffer() {
  if (release_ != nullptr) release_(owner_);
}

}  // namespace slipway::base
