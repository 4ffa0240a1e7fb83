#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace slipway::graph {

// What bytes that are no ONNX look like, with the way from there to ONNX where we know one: "a zip
// archive, as PyTorch and Keras write: export the model to ONNX first". "" when they look like
// nothing we know.
std::string WhatItIs(std::span<const std::byte> file);

}  // namespace slipway::graph
