#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/status.h"
#include "engine/engine.h"

namespace slipway::lifecycle {

// Which of the files of a version directory is the model: "model.onnx", or else the only one that
// is called "model." and anything, such as model.joblib, model.json or model.pmml; what is in it,
// not its name, decides what it is. kNotFound when there is none, kInvalidArgument when there are
// several: the message has no subject, as in "it has no model.onnx ...".
base::Result<std::string> FindModelFile(std::span<const std::string> files);
// The same for what lies in `directory` now. Other errors: those of FileSystem::List().
base::Result<std::string> FindModelFile(const base::FileSystem& fs,
                                        const std::filesystem::path& directory);

// What a file looked like when it was last seen: as long as this stays the same, so does its
// content (up to whoever sets times back on purpose). A value.
struct FileStamp {
  std::string name;  // relative to the model's directory, with '/'
  uint64_t size_bytes = 0;
  int64_t modified_ns = 0;
  uint64_t inode = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// Which files belong to the model. Hidden files and those of WarmupDirectory() never do.
enum class FileScope : uint8_t {
  kDirectory,  // everything in its directory
  kFile,       // the model file and the files beside it that are named after it: model.onnx.data,
               // model.onnx_data, model.data. Other external data is not part of stamps and digest.
};

struct ModelStamps {
  std::vector<FileStamp> files;   // sorted by name
  std::vector<FileStamp> warmup;  // those of WarmupDirectory(), sorted by name
  int64_t changed_ns = 0;  // the newest modification time of these files and their directories
  std::vector<std::filesystem::path> directories;  // below the model's own

  // Both lists: what a listing compares, so that new warm-up data is a change too.
  std::vector<FileStamp> All() const;
};

// Where the requests lie that the model is warmed up with, relative to its directory: "warmup", or
// "net.onnx.warmup" for a single file. Not part of the model's digest.
std::string WarmupDirectory(const engine::ModelFiles& files, FileScope scope);

// Looks at the model's files. kNotFound when the model file is missing, kInvalidArgument when there
// are more than 10,000 files or directories nested deeper than 8.
base::Result<ModelStamps> StampFiles(const base::FileSystem& fs, const engine::ModelFiles& files,
                                     FileScope scope);

// "sha256:..." over the files' bytes. Of one file, it is what `sha256sum FILE` prints; of several,
// it is the digest of what `sha256sum FILE...` prints, sorted by name: so anyone can check it by
// hand. For files in memory, `stamps` is ignored, and so is their warmup/. Reads in pieces: a file
// that shrinks meanwhile does no harm. kPermissionDenied when a file leaves the directory by a
// link.
base::Result<std::string> DigestFiles(const engine::ModelFiles& files,
                                      std::span<const FileStamp> stamps);

}  // namespace slipway::lifecycle
