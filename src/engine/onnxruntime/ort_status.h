#pragma once

#include <onnxruntime_c_api.h>

#include <string>
#include <string_view>

#include "base/status.h"

namespace slipway::engine {

// Takes a call's OrtStatus, nullptr for success, and tells the causes apart by the runtime's code
// and words, because it has few codes and uses them loosely: kResourceExhausted when memory was
// short, kInvalidArgument when it blames values or shapes, kUnimplemented, else kInternal. The
// message is the runtime's words, cleaned.
base::Status FromOrt(OrtStatus* status);

// ONNX Runtime's words on one line, without the source files, line numbers, C++ signatures and
// conditions of its build, and cut to a readable length. Failed nodes read "Gather node 'n':
// words".
std::string CleanWords(std::string_view words);

// Does this failed Run() speak of an output that we allocated and that turned out to have another
// shape?
bool IsOutputShapeMismatch(const base::Status& status);

}  // namespace slipway::engine

// Returns, as a Status, the failure of a call of the C API from the enclosing function.
#define SLIPWAY_RETURN_IF_ORT_ERROR(call)                                                \
  do {                                                                                   \
    if (OrtStatus* ort_status_ = (call)) return ::slipway::engine::FromOrt(ort_status_); \
  } while (false)
