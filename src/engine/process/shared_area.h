#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "base/unique_fd.h"

namespace slipway::engine {

// Memory that two processes see: one writes tensors into it, the other reads them. It grows and
// never shrinks (the kernel refuses it), so that neither side can make the other fault.
//
// Thread-compatible. Errors: kResourceExhausted (memory, descriptors), kInvalidArgument (a size
// that the other side never made).
class SharedArea {
 public:
  SharedArea() = default;
  SharedArea(SharedArea&& other) noexcept;
  SharedArea& operator=(SharedArea&& other) noexcept;
  ~SharedArea();

  // A new one of no size.
  static base::Result<SharedArea> Create();
  // The one behind a descriptor that came from another process.
  static SharedArea Adopt(base::UniqueFd fd);

  int fd() const { return fd_.get(); }
  // The writer's: makes at least `size` bytes of it and maps them. Spans into bytes() end here.
  base::Status Reserve(size_t size);
  // The reader's: maps at least `size` bytes, which the writer must have made.
  base::Status MapAtLeast(size_t size);
  std::span<std::byte> bytes() { return {data_, size_}; }

  // Gives memory beyond `keep` bytes back to the system; what was written there is lost. Costs
  // nothing unless more was asked for since the last time.
  void Release(size_t keep);

 private:
  base::Status Map(size_t size);

  base::UniqueFd fd_;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  size_t used_ = 0;  // the most that was asked for since the last Release()
};

}  // namespace slipway::engine
