#pragma once

#include <cstdint>
#include <optional>

#include "base/status.h"
#include "import/pickle/document.h"
#include "import/pickle/value.h"

namespace slipway::import::pickle {

// The calls by which old protocols write plain data, as that data: bytes through _codecs.encode,
// bytearray, set and OrderedDict through their names, objects through copyreg._reconstructor.
// nullopt for every other call. kInvalidArgument when the arguments are not such as Python writes.
base::Result<std::optional<Value>> CallPlainly(Document& document, uint64_t place,
                                               const Value& callable, const Value& args);

}  // namespace slipway::import::pickle
