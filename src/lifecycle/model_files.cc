#include "lifecycle/model_files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string_view>

#include "base/digest.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace slipway::lifecycle {

using base::FileInfo;
using base::FileSystem;
using base::InvalidArgument;
using base::NotFound;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using base::UniqueFd;

namespace {

constexpr std::string_view kModelFile = "model.onnx";
constexpr std::string_view kModelStem = "model.";
constexpr size_t kMaxFiles = 10'000;
constexpr int kMaxDepth = 8;
constexpr size_t kReadBytes = size_t{256} * 1024;

// Walks a model's directory.
class Stamper {
 public:
  Stamper(const FileSystem& fs, const engine::ModelFiles& files, FileScope scope)
      : fs_(fs), files_(files), warmup_(WarmupDirectory(files, scope)) {}

  Status AddDirectory(const std::string& relative, int depth) {
    const FileSystem::Path path = files_.directory / relative;
    if (depth > kMaxDepth) {
      return InvalidArgument(StrCat("directory '", path.string(),
                                    "': expected directories nested at most ", kMaxDepth, " deep"));
    }
    SLIPWAY_ASSIGN_OR_RETURN(const FileInfo info, fs_.Stat(path));
    stamps_.changed_ns = std::max(stamps_.changed_ns, info.modified_ns);
    SLIPWAY_ASSIGN_OR_RETURN(const std::vector<base::DirectoryEntry> entries, fs_.List(path));
    if (depth > 0) stamps_.directories.push_back(path);
    for (const base::DirectoryEntry& entry : entries) {
      if (entry.name.starts_with('.') || (depth == 0 && entry.name == warmup_)) continue;
      const std::string name = relative.empty() ? entry.name : relative + "/" + entry.name;
      if (entry.kind == FileInfo::Kind::kDirectory) {
        SLIPWAY_RETURN_IF_ERROR(AddDirectory(name, depth + 1));
      } else if (entry.kind == FileInfo::Kind::kFile) {
        SLIPWAY_RETURN_IF_ERROR(AddFile(name, stamps_.files));
      }
    }
    return OkStatus();
  }

  // No directory is no error; what lies in it is judged when the model is warmed up.
  Status AddWarmup() {
    const FileSystem::Path path = files_.directory / warmup_;
    const Result<FileInfo> info = fs_.Stat(path);
    if (!info.ok()) {
      return info.status().code() == base::StatusCode::kNotFound ? OkStatus() : info.status();
    }
    stamps_.changed_ns = std::max(stamps_.changed_ns, info->modified_ns);
    if (info->kind != FileInfo::Kind::kDirectory) return OkStatus();
    stamps_.directories.push_back(path);
    SLIPWAY_ASSIGN_OR_RETURN(const std::vector<base::DirectoryEntry> entries, fs_.List(path));
    for (const base::DirectoryEntry& entry : entries) {
      if (entry.name.starts_with('.') || entry.kind != FileInfo::Kind::kFile) continue;
      SLIPWAY_RETURN_IF_ERROR(AddFile(warmup_ + "/" + entry.name, stamps_.warmup));
    }
    return OkStatus();
  }

  Status AddFile(const std::string& name, std::vector<FileStamp>& list) {
    if (list.size() == kMaxFiles) {
      return InvalidArgument(StrCat("directory '", files_.directory.string(),
                                    "': expected at most ", kMaxFiles, " files"));
    }
    SLIPWAY_ASSIGN_OR_RETURN(const FileInfo info, fs_.Stat(files_.directory / name));
    if (info.kind != FileInfo::Kind::kFile) {
      return InvalidArgument(StrCat("'", name, "': expected a regular file"));
    }
    list.push_back({.name = name,
                    .size_bytes = info.size_bytes,
                    .modified_ns = info.modified_ns,
                    .inode = info.inode});
    stamps_.changed_ns = std::max(stamps_.changed_ns, info.modified_ns);
    return OkStatus();
  }

  Status AddFileAndCompanions() {
    SLIPWAY_RETURN_IF_ERROR(AddFile(files_.model_file, stamps_.files));
    const std::string stem = FileSystem::Path(files_.model_file).stem().string();
    const std::set<std::string> companions = {files_.model_file + ".data",
                                              files_.model_file + "_data", stem + ".data"};
    for (const std::string& name : companions) {
      if (!fs_.Stat(files_.directory / name).ok()) continue;
      SLIPWAY_RETURN_IF_ERROR(AddFile(name, stamps_.files));
    }
    return OkStatus();
  }

  ModelStamps Take() {
    std::ranges::sort(stamps_.files, {}, &FileStamp::name);
    return std::move(stamps_);
  }

 private:
  const FileSystem& fs_;
  const engine::ModelFiles& files_;
  const std::string warmup_;
  ModelStamps stamps_;
};

// Opens a regular file inside `directory`, by the same rules as FileSystem::MapContained().
Result<UniqueFd> OpenContained(const UniqueFd& directory, const std::string& name) {
  struct open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(
      static_cast<int>(syscall(SYS_openat2, directory.get(), name.c_str(), &how, sizeof(how))));
  if (!fd.valid() && (errno == EXDEV || errno == ELOOP)) {
    return base::PermissionDenied(StrCat("file '", name,
                                         "' is or lies behind a symbolic link: expected a plain "
                                         "file inside the model's directory"));
  }
  if (!fd.valid()) return base::ErrnoStatus(errno, StrCat("file '", name, "'"));
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return base::ErrnoStatus(errno, StrCat("file '", name, "'"));
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument(StrCat("file '", name, "': expected a regular file"));
  }
  return fd;
}

// Reads instead of mapping: a mapped file that somebody truncates would end the process.
Result<base::Sha256Digest> DigestFile(const UniqueFd& directory, const std::string& name) {
  SLIPWAY_ASSIGN_OR_RETURN(const UniqueFd fd, OpenContained(directory, name));
  base::Sha256 sha;
  std::vector<std::byte> piece(kReadBytes);
  while (true) {
    const ssize_t got = read(fd.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::ErrnoStatus(errno, StrCat("reading file '", name, "'"));
    if (got == 0) return sha.Finish();
    sha.Update(std::span(piece).first(static_cast<size_t>(got)));
  }
}

struct NamedDigest {
  std::string name;
  base::Sha256Digest digest;
};

// The digest of one file, or of the lines that sha256sum prints for several.
std::string Combine(std::span<const NamedDigest> digests) {
  if (digests.size() == 1) return digests.front().digest.ToString();
  constexpr std::string_view kPrefix = "sha256:";
  std::string lines;
  for (const NamedDigest& one : digests) {
    lines += StrCat(one.digest.ToString().substr(kPrefix.size()), "  ", one.name, "\n");
  }
  return base::Sha256Of(std::as_bytes(std::span(lines))).ToString();
}

// model.onnx.data, model.data: tensors of a model.
bool HoldsTensors(std::string_view name) { return name.ends_with("data"); }

Status NoModelFile(std::span<const std::string> files) {
  if (files.empty()) return NotFound("it is empty");
  const auto other =
      std::ranges::find_if(files, [](const auto& name) { return name.ends_with(".onnx"); });
  const std::string hint =
      other == files.end() ? "" : StrCat(" (rename '", base::Printable(*other), "'?)");
  return NotFound(StrCat("it has no ", kModelFile, hint, ", and no model.joblib or other model.*"));
}

}  // namespace

Result<std::string> FindModelFile(std::span<const std::string> files) {
  std::vector<std::string> found;
  for (const std::string& name : files) {
    if (name == kModelFile) return name;
    if (name.starts_with(kModelStem) && !HoldsTensors(name)) found.push_back(name);
  }
  if (found.size() == 1) return found[0];
  if (found.empty()) return NoModelFile(files);
  std::ranges::sort(found);
  std::string names;
  for (const std::string& name : found)
    names += StrCat(names.empty() ? "" : ", ", base::Printable(name));
  return InvalidArgument(StrCat("it has ", found.size(), " files that could be the model: ", names,
                                "; expected one, or ", kModelFile));
}

Result<std::string> FindModelFile(const FileSystem& fs, const std::filesystem::path& directory) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<base::DirectoryEntry> entries, fs.List(directory));
  std::vector<std::string> files;
  for (const base::DirectoryEntry& entry : entries) {
    if (entry.kind != FileInfo::Kind::kDirectory) files.push_back(entry.name);
  }
  return FindModelFile(files);
}

std::string WarmupDirectory(const engine::ModelFiles& files, FileScope scope) {
  constexpr std::string_view kName = "warmup";
  return scope == FileScope::kDirectory ? std::string(kName) : StrCat(files.model_file, ".", kName);
}

std::vector<FileStamp> ModelStamps::All() const {
  std::vector<FileStamp> all = files;
  all.insert(all.end(), warmup.begin(), warmup.end());
  return all;
}

Result<ModelStamps> StampFiles(const FileSystem& fs, const engine::ModelFiles& files,
                               FileScope scope) {
  Stamper stamper(fs, files, scope);
  SLIPWAY_RETURN_IF_ERROR(scope == FileScope::kDirectory ? stamper.AddDirectory("", 0)
                                                         : stamper.AddFileAndCompanions());
  SLIPWAY_RETURN_IF_ERROR(stamper.AddWarmup());
  ModelStamps stamps = stamper.Take();
  if (std::ranges::find(stamps.files, files.model_file, &FileStamp::name) == stamps.files.end()) {
    return NotFound(
        StrCat("directory '", files.directory.string(), "' has no file '", files.model_file, "'"));
  }
  return stamps;
}

Result<std::string> DigestFiles(const engine::ModelFiles& files,
                                std::span<const FileStamp> stamps) {
  std::vector<NamedDigest> digests;
  if (files.in_memory != nullptr) {
    const std::string warmup = WarmupDirectory(files, FileScope::kDirectory) + "/";
    for (const auto& [name, content] : *files.in_memory) {
      if (name.starts_with(warmup)) continue;
      digests.push_back({name, base::Sha256Of(std::as_bytes(std::span(content)))});
    }
    return Combine(digests);
  }
  const UniqueFd directory(open(files.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) {
    return base::ErrnoStatus(errno, StrCat("directory '", files.directory.string(), "'"));
  }
  for (const FileStamp& stamp : stamps) {
    SLIPWAY_ASSIGN_OR_RETURN(const base::Sha256Digest digest, DigestFile(directory, stamp.name));
    digests.push_back({stamp.name, digest});
  }
  return Combine(digests);
}

}  // namespace slipway::lifecycle
