#include "frontend/shared_memory_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::frontend {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

Status CheckName(std::string_view name) {
  const auto odd = [](char c) { return c == '/' || static_cast<unsigned char>(c) < ' '; };
  const bool fits = !name.empty() && name.size() <= NAME_MAX &&
                    name.find("..") == std::string_view::npos && name != "." &&
                    std::ranges::none_of(name, odd);
  if (fits) return OkStatus();
  return InvalidArgument(
      StrCat("expected the name of a shared memory object, such as '/tensors': 1 "
             "to ",
             NAME_MAX, " bytes without '/', '..' or control characters"));
}

Status OpenError(int error) {
  if (error == ENOENT) return base::NotFound("there is no such shared memory object");
  if (error == EACCES || error == EPERM) {
    return base::PermissionDenied("the server's user may not read and write it");
  }
  if (error == ELOOP || error == EISDIR || error == ENXIO) return InvalidArgument("is not a file");
  return base::ErrnoStatus(error, "open");
}

Status CheckObject(const struct stat& found, uint64_t offset, uint64_t size) {
  if (!S_ISREG(found.st_mode)) return InvalidArgument("is not a file");
  if (found.st_nlink > 1) return InvalidArgument("has more than one name");
  uint64_t end = 0;
  const auto object_size = static_cast<uint64_t>(found.st_size);
  if (!__builtin_add_overflow(offset, size, &end) && end <= object_size) return OkStatus();
  return InvalidArgument(StrCat("offset ", offset, " and byte_size ", size,
                                " reach beyond its end: it has ", object_size, " bytes"));
}

Status TooShort(uint64_t offset, uint64_t end, uint64_t size) {
  return InvalidArgument(
      StrCat("the shared memory object is smaller than when it was registered: "
             "expected bytes ",
             offset, " to ", end, ", but it has ", size, "; register it again"));
}

}  // namespace

Result<SharedMemoryFile> SharedMemoryFile::Open(const std::filesystem::path& directory,
                                                std::string_view key, uint64_t offset,
                                                uint64_t size) {
  const auto attempt = [&]() -> Result<SharedMemoryFile> {
    const std::string name(key.starts_with('/') ? key.substr(1) : key);
    SLIPWAY_RETURN_IF_ERROR(CheckName(name));
    // Without waiting: a named pipe may lie there, too.
    base::UniqueFd fd(::open((directory / name).c_str(),
                             O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd.valid()) return OpenError(errno);
    struct stat found{};
    if (::fstat(fd.get(), &found) != 0) return base::ErrnoStatus(errno, "fstat");
    SLIPWAY_RETURN_IF_ERROR(CheckObject(found, offset, size));
    return SharedMemoryFile(std::move(fd), offset, size);
  };
  Result<SharedMemoryFile> opened = attempt();
  if (opened.ok()) return opened;
  return opened.status().WithContext(StrCat("key '", base::Printable(key), "'"));
}

Status SharedMemoryFile::Read(uint64_t at, std::span<std::byte> out) const {
  SLIPWAY_CHECK(at <= size_ && out.size() <= size_ - at);
  const uint64_t begin = offset_ + at;
  for (size_t done = 0; done < out.size();) {
    const ssize_t got =
        ::pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(begin + done));
    if (got == 0) return TooShort(begin, begin + out.size(), begin + done);
    if (got < 0 && errno != EINTR) return base::ErrnoStatus(errno, "reading shared memory");
    if (got > 0) done += static_cast<size_t>(got);
  }
  return OkStatus();
}

Status SharedMemoryFile::Write(uint64_t at, std::span<const std::byte> bytes) const {
  SLIPWAY_CHECK(at <= size_ && bytes.size() <= size_ - at);
  const uint64_t begin = offset_ + at;
  struct stat now{};
  if (::fstat(fd_.get(), &now) != 0) return base::ErrnoStatus(errno, "fstat");
  const auto object_size = static_cast<uint64_t>(now.st_size);
  if (begin + bytes.size() > object_size) {
    return TooShort(begin, begin + bytes.size(), object_size);
  }
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t put = ::pwrite(fd_.get(), bytes.data() + done, bytes.size() - done,
                                 static_cast<off_t>(begin + done));
    if (put < 0 && errno != EINTR) return base::ErrnoStatus(errno, "writing shared memory");
    if (put > 0) done += static_cast<size_t>(put);
  }
  return OkStatus();
}

}  // namespace slipway::frontend
