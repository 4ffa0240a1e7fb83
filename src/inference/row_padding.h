#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "engine/engine.h"
#include "inference/row_layout.h"

namespace slipway::inference {

// How rows of different lengths, which is their second dimension, may be filled up. `values`: by
// the names of inputs, what with. Without any it is the zeros of all inputs with a free second
// dimension, if one of them is a mask ("attention_mask"). Nothing is padded unless it was tried:
// random rows of different lengths give the same answers together as alone.
RowLayout FindPadding(engine::Engine& engine, const std::map<std::string, int64_t>& values);

}  // namespace slipway::inference
