#include "engine/process/shared_area.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "base/str_cat.h"

namespace slipway::engine {

using base::Result;
using base::Status;

namespace {
constexpr size_t kLeastBytes = size_t{64} << 10;
}  // namespace

SharedArea::SharedArea(SharedArea&& other) noexcept
    : fd_(std::move(other.fd_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      used_(std::exchange(other.used_, 0)) {}

SharedArea& SharedArea::operator=(SharedArea&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(used_, other.used_);
  return *this;
}

SharedArea::~SharedArea() {
  if (data_ != nullptr) munmap(data_, size_);
}

Result<SharedArea> SharedArea::Create() {
  SharedArea area;
  area.fd_.Reset(memfd_create("slipway-tensors", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!area.fd_.valid() || fcntl(area.fd_.get(), F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
    return base::ErrnoStatus(errno, "making memory to share with a worker process");
  }
  return area;
}

SharedArea SharedArea::Adopt(base::UniqueFd fd) {
  SharedArea area;
  area.fd_ = std::move(fd);
  return area;
}

Status SharedArea::Reserve(size_t size) {
  used_ = std::max(used_, size);
  if (size <= size_) return base::OkStatus();
  if (size > (size_t{1} << 62)) return base::ResourceExhausted("too many bytes to share");
  const size_t wanted = std::bit_ceil(std::max(size, kLeastBytes));
  if (ftruncate(fd_.get(), static_cast<off_t>(wanted)) != 0) {
    return base::ErrnoStatus(errno, base::StrCat("sharing ", wanted, " bytes"));
  }
  return Map(wanted);
}

Status SharedArea::MapAtLeast(size_t size) {
  used_ = std::max(used_, size);
  if (size <= size_) return base::OkStatus();
  struct stat info{};
  if (fstat(fd_.get(), &info) != 0) return base::ErrnoStatus(errno, "looking at shared memory");
  const auto made = static_cast<size_t>(info.st_size);
  if (made < size) {
    return base::InvalidArgument(
        base::StrCat("expected ", size, " bytes of shared memory, got ", made));
  }
  return Map(made);
}

Status SharedArea::Map(size_t size) {
  void* const data = data_ == nullptr
                         ? mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0)
                         : mremap(data_, size_, size, MREMAP_MAYMOVE);
  if (data == MAP_FAILED) return base::ErrnoStatus(errno, base::StrCat("mapping ", size, " bytes"));
  data_ = static_cast<std::byte*>(data);
  size_ = size;
  return base::OkStatus();
}

void SharedArea::Release(size_t keep) {
  const size_t end = std::min(std::exchange(used_, keep), size_);
  if (end <= keep) return;
  // A kernel that cannot do it keeps the memory; nothing else depends on it.
  static_cast<void>(fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                              static_cast<off_t>(keep), static_cast<off_t>(end - keep)));
}

}  // namespace slipway::engine
