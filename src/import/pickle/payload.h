#pragma once

#include <cstdint>

#include "base/status.h"
#include "import/pickle/value.h"

namespace slipway::import::pickle {

// How the data of an array lies in a joblib stream, behind the opcode that finishes its wrapper.
// Source: joblib 1.5, joblib/numpy_pickle.py.
struct PayloadLayout {
  bool of_objects = false;  // a whole pickle stands there instead of data
  bool padded = false;      // a byte first, and as many bytes of padding as it says
  uint64_t bytes = 0;       // of data
};

// Whether `value` is joblib's NumpyArrayWrapper.
bool IsArrayWrapper(const Value& value);

// Looks at the wrapper's state. kInvalidArgument says what is wrong with it.
base::Result<PayloadLayout> ReadWrapper(const Value& wrapper);

}  // namespace slipway::import::pickle
