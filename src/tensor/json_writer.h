#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "tensor/tensor.h"

namespace slipway::tensor {

// What to do with NaN and the infinities, for which JSON has no number.
enum class NotFinite : uint8_t {
  kRefuse,   // kInvalidArgument
  kLiteral,  // NaN, Infinity, -Infinity, as Python writes and reads them
  kNull,     // null
};

// Appends the elements of `tensor`, row-major, as one flat JSON array.
//
// Floats are the shortest decimal that reads back as the same value of their own dtype (FP16 and
// BF16 too); BYTES are strings and must be UTF-8. Errors: kInvalidArgument names the element that
// JSON cannot hold; `out` then ends somewhere inside the array.
base::Status AppendJsonArray(const TensorView& tensor, NotFinite not_finite, std::string& out);

// Appends the elements [first, first + count) without brackets, separated by commas.
base::Status AppendJsonElements(const TensorView& tensor, int64_t first, int64_t count,
                                NotFinite not_finite, std::string& out);

// Appends `text` with quotes. False, and nothing appended, when it is not UTF-8.
bool AppendJsonText(std::string_view text, std::string& out);

}  // namespace slipway::tensor
