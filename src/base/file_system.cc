#include "base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/str_cat.h"
#include "base/unique_fd.h"

namespace slipway::base {
namespace {

class RealMappedFile final : public MappedFile {
 public:
  RealMappedFile(void* data, size_t size) : data_(data), size_(size) {}
  RealMappedFile(const RealMappedFile&) = delete;
  RealMappedFile& operator=(const RealMappedFile&) = delete;
  ~RealMappedFile() override {
    if (data_ != nullptr) munmap(data_, size_);
  }
  std::span<const std::byte> bytes() const override {
    return {static_cast<const std::byte*>(data_), size_};
  }

 private:
  void* data_;
  size_t size_;
};

Result<std::unique_ptr<MappedFile>> MapDescriptor(const UniqueFd& fd, std::string_view name) {
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, StrCat("file '", name, "'"));
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument(StrCat("file '", name, "': expected a regular file"));
  }
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) return std::unique_ptr<MappedFile>(new RealMappedFile(nullptr, 0));
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) return ErrnoStatus(errno, StrCat("mapping file '", name, "'"));
  return std::unique_ptr<MappedFile>(new RealMappedFile(data, size));
}

// Opens `relative` with kernel containment; see FileSystem::MapContained().
Result<UniqueFd> OpenContained(const FileSystem::Path& directory, std::string_view relative) {
  const std::string name = (directory / relative).string();
  if (relative.empty() || relative.find('\0') != std::string_view::npos) {
    return InvalidArgument(StrCat("directory '", directory.string(), "': empty file name"));
  }
  const UniqueFd base(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!base.valid()) return ErrnoStatus(errno, StrCat("directory '", directory.string(), "'"));
  struct open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const std::string terminated(relative);
  UniqueFd fd(
      static_cast<int>(syscall(SYS_openat2, base.get(), terminated.c_str(), &how, sizeof(how))));
  if (!fd.valid()) {
    const int error = errno;
    if (error == EXDEV || error == ELOOP) {
      return PermissionDenied(StrCat("file '", relative, "' leaves directory '", directory.string(),
                                     "' (by '..', a link or an absolute path): expected a plain "
                                     "file inside it"));
    }
    return ErrnoStatus(error, StrCat("file '", name, "'"));
  }
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, StrCat("file '", name, "'"));
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument(StrCat("file '", name, "': expected a regular file"));
  }
  if (info.st_nlink != 1) {
    return PermissionDenied(StrCat("file '", name, "' has ", info.st_nlink,
                                   " hard links: expected exactly 1, because another name may lie "
                                   "outside the directory; copy the file instead of linking it"));
  }
  return fd;
}

Result<std::string> ReadAll(const UniqueFd& fd, std::string_view name, uint64_t max_bytes) {
  std::string content;
  char chunk[64 * 1024];
  for (;;) {
    const ssize_t got = read(fd.get(), chunk, sizeof(chunk));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, StrCat("reading '", name, "'"));
    if (got == 0) return content;
    if (content.size() + static_cast<size_t>(got) > max_bytes) {
      return InvalidArgument(StrCat("file '", name, "': expected at most ", max_bytes, " bytes"));
    }
    content.append(chunk, static_cast<size_t>(got));
  }
}

FileInfo ToInfo(const struct stat& info) {
  FileInfo::Kind kind = FileInfo::Kind::kOther;
  if (S_ISREG(info.st_mode)) kind = FileInfo::Kind::kFile;
  if (S_ISDIR(info.st_mode)) kind = FileInfo::Kind::kDirectory;
  return {.kind = kind,
          .size_bytes = static_cast<uint64_t>(info.st_size),
          .modified_ns = info.st_mtim.tv_sec * 1'000'000'000L + info.st_mtim.tv_nsec,
          .inode = info.st_ino,
          .links = info.st_nlink};
}

Status WriteAll(const UniqueFd& fd, std::string_view content, std::string_view name) {
  while (!content.empty()) {
    const ssize_t written = write(fd.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(errno, StrCat("writing '", name, "'"));
    content.remove_prefix(static_cast<size_t>(written));
  }
  return OkStatus();
}

class RealFileWriter final : public FileWriter {
 public:
  RealFileWriter(UniqueFd fd, std::string path, std::string temporary)
      : fd_(std::move(fd)), path_(std::move(path)), temporary_(std::move(temporary)) {}
  RealFileWriter(const RealFileWriter&) = delete;
  RealFileWriter& operator=(const RealFileWriter&) = delete;
  ~RealFileWriter() override {
    if (!renamed_) unlink(temporary_.c_str());
  }

  Status Append(std::string_view bytes) override { return WriteAll(fd_, bytes, path_); }

  Status Commit() override {
    if (fsync(fd_.get()) != 0) return ErrnoStatus(errno, StrCat("syncing '", path_, "'"));
    fchmod(fd_.get(), 0644);
    if (rename(temporary_.c_str(), path_.c_str()) != 0) {
      return ErrnoStatus(errno, StrCat("renaming to '", path_, "'"));
    }
    renamed_ = true;
    return OkStatus();
  }

 private:
  const UniqueFd fd_;
  const std::string path_;
  const std::string temporary_;
  bool renamed_ = false;
};

}  // namespace

Result<std::unique_ptr<MappedFile>> RealFileSystem::Map(const Path& path) const {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("file '", path.string(), "'"));
  return MapDescriptor(fd, path.string());
}

Result<std::unique_ptr<MappedFile>> RealFileSystem::MapContained(const Path& directory,
                                                                 std::string_view relative) const {
  SLIPWAY_ASSIGN_OR_RETURN(const UniqueFd fd, OpenContained(directory, relative));
  return MapDescriptor(fd, (directory / relative).string());
}

Result<std::string> RealFileSystem::Read(const Path& path, uint64_t max_bytes) const {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("file '", path.string(), "'"));
  return ReadAll(fd, path.string(), max_bytes);
}

Result<std::string> RealFileSystem::ReadContained(const Path& directory, std::string_view relative,
                                                  uint64_t max_bytes) const {
  SLIPWAY_ASSIGN_OR_RETURN(const UniqueFd fd, OpenContained(directory, relative));
  return ReadAll(fd, (directory / relative).string(), max_bytes);
}

Result<std::unique_ptr<FileWriter>> RealFileSystem::CreateAtomically(const Path& path) const {
  std::string temporary = path.string() + ".XXXXXX";
  UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, StrCat("creating '", temporary, "'"));
  return std::unique_ptr<FileWriter>(
      std::make_unique<RealFileWriter>(std::move(fd), path.string(), std::move(temporary)));
}

Status RealFileSystem::WriteAtomically(const Path& path, std::string_view content) const {
  SLIPWAY_ASSIGN_OR_RETURN(const std::unique_ptr<FileWriter> writer, CreateAtomically(path));
  SLIPWAY_RETURN_IF_ERROR(writer->Append(content));
  return writer->Commit();
}

Result<FileInfo> RealFileSystem::Stat(const Path& path) const {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) {
    return ErrnoStatus(errno, StrCat("file '", path.string(), "'"));
  }
  return ToInfo(info);
}

Result<std::vector<DirectoryEntry>> RealFileSystem::List(const Path& path) const {
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return ErrnoStatus(errno, StrCat("directory '", path.string(), "'"));
  std::vector<DirectoryEntry> entries;
  const int descriptor = dirfd(directory);
  SLIPWAY_CHECK(descriptor >= 0);
  errno = 0;
  while (const dirent* entry = readdir(directory)) {
    const std::string_view name = entry->d_name;
    struct stat info{};
    if (name == "." || name == "..") continue;
    // A name that vanished meanwhile, or a dangling link, is listed as kOther.
    FileInfo::Kind kind = FileInfo::Kind::kOther;
    if (fstatat(descriptor, entry->d_name, &info, 0) == 0) kind = ToInfo(info).kind;
    entries.push_back({.name = std::string(name), .kind = kind});
    errno = 0;  // only readdir's own errors count
  }
  const int error = errno;
  closedir(directory);
  if (error != 0) return ErrnoStatus(error, StrCat("reading directory '", path.string(), "'"));
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

Status RealFileSystem::CreateDirectories(const Path& path) const {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return ErrnoStatus(error.value(), StrCat("creating directory '", path.string(), "'"));
  return OkStatus();
}

}  // namespace slipway::base
