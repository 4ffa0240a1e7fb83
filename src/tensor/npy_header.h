#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace slipway::tensor {

// What stands in front of the data of an NPY file.
struct NpyHeader {
  char kind = 'f';  // NumPy's: b i u f S U
  DType dtype = DType::kFp32;
  size_t item_bytes = 0;  // of one element in the file
  bool big_endian = false;
  bool fortran_order = false;
  Shape shape;
  size_t data_offset = 0;
};

// Reads the magic, the version and the dictionary, which is a Python literal; keys in any order.
// kInvalidArgument, kUnimplemented (a dtype that is no tensor of ours).
base::Result<NpyHeader> ReadNpyHeader(std::span<const std::byte> file, size_t max_header_bytes);

// The header of a version 1.0 file in C order, padded so that the data is aligned to 64 bytes.
std::string NpyHeaderText(std::string_view descr, const Shape& shape);

}  // namespace slipway::tensor
