#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "tensor/tensor.h"

namespace slipway::tensor {

// What a file of somebody else may cost.
struct NpyLimits {
  size_t max_header_bytes = 64 * 1024;
  uint64_t max_tensor_bytes = uint64_t{4}
                              << 30;  // of one tensor, and of all in an archive together
  size_t max_entries = 10'000;        // in an archive
};

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

// Reads an NPY file, versions 1 to 3: booleans, integers, floats of 2, 4 and 8 bytes, and the
// fixed-size strings S and U, which become BYTES (U as UTF-8) without the zeros they are padded
// with. Big-endian files and Fortran order are brought into our layout. Objects (pickles), records,
// times and complex numbers are refused. kInvalidArgument, kResourceExhausted (limits),
// kUnimplemented (such a dtype). Source: NumPy 2.x, numpy.lib.format ("NPY format").
base::Result<Tensor> ReadNpy(std::span<const std::byte> file, const NpyLimits& limits = {});

// Writes version 1.0, C order. BF16, which NumPy has not, becomes <f4; BYTES become <U where all
// elements are UTF-8, else S. kInvalidArgument for strings that end in a zero byte, which NumPy
// cannot hold.
base::Result<std::string> WriteNpy(const TensorView& tensor);

// What stands before the data of such a file, for elements of a fixed size: the data follow as
// their bytes lie in a tensor of that dtype and shape. kInvalidArgument for BYTES and BF16, which
// WriteNpy() converts.
base::Result<std::string> NpyPrefix(DType dtype, const Shape& shape);

// Reads an NPZ archive: every member "NAME.npy", in the order of the archive, stored or deflated.
// Checksums are checked. kInvalidArgument names the member.
base::Result<std::vector<NamedTensor>> ReadNpz(std::span<const std::byte> file,
                                               const NpyLimits& limits = {});

struct NamedView {
  std::string_view name;
  TensorView tensor;
};
// Writes an archive without compression.
base::Result<std::string> WriteNpz(std::span<const NamedView> tensors);

}  // namespace slipway::tensor
