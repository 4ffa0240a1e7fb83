#include "base/buffer.h"

#include <memory>
#include <new>
#include <utility>

namespace slipway::base {
namespace {

constexpr size_t kAlignment = 64;

// Up to so many bytes are taken from ordinary memory with room to align them: what is freed of that
// is kept for the thread, but not what was aligned by the allocator, so that it takes several times
// as long. AddressSanitizer, g++'s and clang's, is to see where a buffer ends.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLIPWAY_EXACT_BUFFERS 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SLIPWAY_EXACT_BUFFERS 1
#endif
#if defined(SLIPWAY_EXACT_BUFFERS)
constexpr bool kTakesSmall = false;
#else
constexpr bool kTakesSmall = true;
#endif
constexpr size_t kSmall = 512;

}  // namespace

Buffer Buffer::Allocate(size_t size) {
  if (kTakesSmall && size <= kSmall) {
    size_t room = size + kAlignment;
    void* owner = ::operator new(room, std::nothrow);
    if (owner == nullptr) throw std::bad_alloc();
    void* data = owner;
    std::align(kAlignment, size, data, room);
    return {static_cast<std::byte*>(data), size, owner, [](void* o) { ::operator delete(o); }};
  }
  constexpr std::align_val_t kAligned{kAlignment};
  auto* data = static_cast<std::byte*>(::operator new(size, kAligned, std::nothrow));
  if (data == nullptr) throw std::bad_alloc();  // sanitizers end the process in a throwing `new`
  return {data, size, data, [](void* o) { ::operator delete(o, kAligned); }};
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
