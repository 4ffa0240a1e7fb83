#pragma once

#include <onnxruntime_c_api.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string_view>
#include <vector>

#include "engine/onnxruntime/ort_handle.h"

namespace slipway::engine {

// What operators of ours need to talk with ONNX Runtime. A failure is an OrtStatus of the caller's;
// nullptr is success. Everything is thread-compatible.

// Returns a failure of the C API to ONNX Runtime, which called us.
#define SLIPWAY_PASS_ORT_ERROR(call) \
  if (OrtStatus* ort_status_ = (call)) return ort_status_

// The texts of a tensor, one after the other, and where each begins.
struct Texts {
  std::vector<char> content;
  std::vector<size_t> begins;

  size_t size() const { return begins.size(); }
  std::string_view at(size_t i) const {
    const size_t end = i + 1 < begins.size() ? begins[i + 1] : content.size();
    return {content.data() + begins[i], end - begins[i]};
  }
};

// A tensor that an operator is given; ONNX Runtime owns it while the operator runs.
struct OperatorInput {
  const OrtValue* value = nullptr;
  std::vector<int64_t> dims;
  size_t count = 0;  // elements
};

OrtStatus* DescribeInput(const OrtValue* value, OperatorInput& out);
OrtStatus* ReadInput(OrtKernelContext* context, size_t index, OperatorInput& out);
OrtStatus* ReadTexts(const OperatorInput& input, Texts& out);
OrtStatus* ReadDoubles(const OperatorInput& input, std::span<const double>& out);

// Makes output 0 of that shape; its elements are not initialised.
OrtStatus* MakeOutput(OrtKernelContext* context, std::span<const int64_t> dims, void*& out);

// Runs an operator that has no state. No exception may cross ONNX Runtime.
template <OrtStatus* (*Run)(OrtKernelContext*)>
OrtStatus* ORT_API_CALL Compute(void* /*kernel*/, OrtKernelContext* context) {
  try {
    return Run(context);
  } catch (const std::exception& error) {
    return Api().CreateStatus(ORT_FAIL, error.what());
  }
}

// An operator of version 1 on the processor, with one output and inputs that must all be there.
// The name, types, and what it does are for the caller to fill in; it has no state so far.
OrtCustomOp OperatorTemplate();

}  // namespace slipway::engine
