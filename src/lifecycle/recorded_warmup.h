#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/status.h"
#include "lifecycle/source.h"
#include "lifecycle/warmup.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::lifecycle {

// Requests that somebody recorded, one to a file, in the version's WarmupDirectory():
//
//   NAME.npz   an array for each input, called as the input is; dtype and shape must fit as they
//   are NAME.json  the body of an infer request, for what NumPy has no dtype for (BF16)
//
// They run in the order of their names; hidden files are passed over, everything else is an error.
// Without such a directory, or with an empty one, the cases are those of SyntheticWarmup. Files
// that came with a load request are looked up in the same way ("warmup/a.npz").
//
// Files are read with containment: a link out of the directory is refused. Thread-safe.
// Errors name the file, the input, what was expected and what came: kInvalidArgument (does not fit
// the signature, damaged, too many), kPermissionDenied (a link), kResourceExhausted (memory,
// descriptors, tensors over the limit).
class RecordedWarmup final : public WarmupSource {
 public:
  struct Limits {
    size_t max_files = 256;
    uint64_t max_bytes = uint64_t{256} * 1024 * 1024;  // of files, or of tensors if they are larger
  };
  // Turns the body of an infer request into one tensor for each input of the signature, a default
  // Tensor where an optional one was left out. The wire format belongs to an upper room.
  using DecodeJson = std::function<base::Result<std::vector<tensor::Tensor>>(
      std::string body, const tensor::Signature& signature)>;

  // `fs` must outlive it.
  RecordedWarmup(const base::FileSystem& fs, DecodeJson decode_json)
      : RecordedWarmup(fs, std::move(decode_json), Limits()) {}
  RecordedWarmup(const base::FileSystem& fs, DecodeJson decode_json, Limits limits)
      : fs_(fs), decode_json_(std::move(decode_json)), limits_(limits) {}

  base::Result<std::vector<WarmupCase>> Cases(const AvailableVersion& version,
                                              const tensor::Signature& signature) const override;

 private:
  base::Result<std::vector<std::string>> Names(const AvailableVersion& version) const;
  base::Result<std::vector<tensor::Tensor>> Read(const AvailableVersion& version,
                                                 const std::string& name,
                                                 const tensor::Signature& signature,
                                                 uint64_t& left) const;

  const base::FileSystem& fs_;
  const DecodeJson decode_json_;
  const Limits limits_;
};

}  // namespace slipway::lifecycle
