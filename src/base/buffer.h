#pragma once

#include <cstddef>
#include <span>

namespace slipway::base {

// Memory with one owner, wherever it came from. Move-only; given back by the destructor.
// Thread-compatible.
class Buffer {
 public:
  // Gives back what `owner` keeps alive; called once, on the thread that destroys the buffer.
  using Release = void (*)(void* owner);

  Buffer() = default;
  // `size` bytes, aligned to 64, not initialised. Throws std::bad_alloc.
  static Buffer Allocate(size_t size);
  // Takes memory that `release(owner)` gives back (an OrtValue, a vector, a mapping).
  Buffer(std::byte* data, size_t size, void* owner, Release release)
      : data_(data), size_(size), owner_(owner), release_(release) {}
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  void* owner_ = nullptr;
  Release release_ = nullptr;
};

}  // namespace slipway::base
