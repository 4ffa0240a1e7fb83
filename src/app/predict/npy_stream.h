#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/status.h"
#include "tensor/tensor.h"

namespace slipway::app {

// Writes the rows of one output into an NPY file as they come, so that an answer may be larger than
// memory. The file is there when Finish() was OK, and not before. Thread-compatible. `fs` must
// outlive it.
class NpyStream {
 public:
  // Whether elements of that type can be written as they come: BYTES and BF16 cannot.
  static bool Takes(tensor::DType dtype);

  // `rows` in all will be added.
  NpyStream(const base::FileSystem& fs, std::string path, int64_t rows)
      : fs_(fs), path_(std::move(path)), rows_(rows) {}

  // kInvalidArgument when dtype or row shape differ from those before; else what writing says.
  base::Status Add(const tensor::TensorView& rows);
  // kInvalidArgument when fewer rows or more were added than promised.
  base::Status Finish();

 private:
  base::Status Begin(const tensor::TensorView& rows);

  const base::FileSystem& fs_;
  const std::string path_;
  const int64_t rows_;
  int64_t added_ = 0;
  tensor::DType dtype_ = tensor::DType::kFp32;
  tensor::Shape shape_;  // of the whole
  std::unique_ptr<base::FileWriter> writer_;
};

}  // namespace slipway::app
