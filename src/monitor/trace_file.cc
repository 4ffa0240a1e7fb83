#include "monitor/trace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/str_cat.h"

namespace slipway::monitor {
namespace {

constexpr mode_t kMode = 0640;

base::Status WriteAt(int fd, std::string_view text, size_t offset) {
  while (!text.empty()) {
    const ssize_t written = ::pwrite(fd, text.data(), text.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return base::ErrnoStatus(errno, "write");
    text.remove_prefix(static_cast<size_t>(written));
    offset += static_cast<size_t>(written);
  }
  return base::OkStatus();
}

}  // namespace

base::Status TraceFile::Open() {
  const std::string path = elements_per_file_ == 0 ? path_ : base::StrCat(path_, ".", next_file_);
  fd_.Reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode));
  if (!fd_.valid()) return base::ErrnoStatus(errno, base::StrCat("trace file '", path, "'"));
  ++next_file_;
  in_file_ = 0;
  end_ = 0;
  return base::OkStatus();
}

base::Status TraceFile::Append(std::string_view element) {
  const bool full = elements_per_file_ > 0 && in_file_ == elements_per_file_;
  if (!fd_.valid() || full) SLIPWAY_RETURN_IF_ERROR(Open());
  const std::string text = base::StrCat(in_file_ == 0 ? "[\n" : ",\n", element);
  SLIPWAY_RETURN_IF_ERROR(WriteAt(fd_.get(), text + "\n]\n", end_));
  end_ += text.size();
  ++in_file_;
  return base::OkStatus();
}

}  // namespace slipway::monitor
