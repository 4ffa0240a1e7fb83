#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu_level.h"
#include "tensor/dtype.h"

// Lists of numbers, 64 characters at a time: one look at them finds every number that ends there,
// and eight numbers are converted together. What is not plain (exponents, words, more than 19
// digits, blanks but for one behind a comma, what is not JSON) is left to whoever reads one element
// after the other.
//
// Source: the masks by arithmetic on whole words are those of Langdale and Lemire, "Parsing
// Gigabytes of JSON per Second", 2019, section 3.1; the digits those of plain_number.h.
namespace slipway::tensor {

// How far a list was read.
struct NumberBlocks {
  const char* at;  // the element or blank that was not read, or the closing bracket
  int64_t count;   // elements read, each followed by a comma or the closing bracket
  bool closed;
};

// Reads elements of one innermost list from `at`, where one begins, at most `room` of them, into
// `out`, which has room for so many and is aligned for the dtype. Converts as json_element.h does.
// Looks at no more than 64 bytes from `end` on, and at none of them for what it reads.
using NumberBlockReader = NumberBlocks (*)(const char* at, const char* end, int64_t room,
                                           std::byte* out);

// nullptr where there is none for a dtype or for processors of that level.
NumberBlockReader NumberBlockReaderOf(DType dtype, base::CpuLevel level);

// One that only counts: `out` may be nullptr. nullptr at lower levels.
NumberBlockReader NumberBlockCounter(base::CpuLevel level);

}  // namespace slipway::tensor
