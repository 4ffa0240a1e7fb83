#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/cpu_level.h"
#include "base/status.h"
#include "tensor/dtype.h"
#include "tensor/json_reader.h"
#include "tensor/shape.h"

namespace slipway::tensor {

// Deepest nesting of lists in tensor data.
inline constexpr int kMaxNesting = 32;

// Reads the JSON array that comes next in `reader` into `out`, which holds `count` elements of
// `dtype` (not BYTES). The array may be flat or nested; lists side by side must have equal lengths,
// and there must be `count` elements in all. Each character is looked at once. An element may be:
//
//   BOOL         true, false
//   integers     a number without point and exponent (1.0 and 1e2 are refused) that is in range
//   FP32, FP64   a number, rounded to nearest, ties to even, from the decimal text in one step;
//                what rounds to infinity is refused. NaN, Infinity, -Infinity as in Python
//   FP16, BF16   the same, rounded once to the narrow type
//
// Errors: kInvalidArgument, with the element's index, what was expected and what came, or the byte
// of the text where it is not JSON. `out` is then partly written. null is an element of no dtype.
// The result is the same at every level.
base::Status ScanJsonNumbers(JsonReader& reader, DType dtype, int64_t count,
                             std::span<std::byte> out,
                             base::CpuLevel level = base::HighestCpuLevel());

// The same for BYTES: elements are strings, which go to the end of `out` in the layout of tensor.h.
base::Status ScanJsonStrings(JsonReader& reader, int64_t count, std::vector<std::byte>& out);

// The nesting of the array that comes next in `reader`: [2,3] for [[1,2,3],[4,5,6]]. Elements may
// be numbers, strings, booleans, null and Python's names for what is not finite.
base::Result<Shape> MeasureJsonArray(JsonReader& reader,
                                     base::CpuLevel level = base::HighestCpuLevel());

// One number that stands alone, by the rules above; `out` holds one element.
base::Status ScanJsonScalar(JsonReader& reader, DType dtype, std::span<std::byte> out);

}  // namespace slipway::tensor
