#include "engine/onnxruntime/operator_kernel.h"

#include <limits>

namespace slipway::engine {

OrtStatus* DescribeInput(const OrtValue* value, OperatorInput& out) {
  out.value = value;
  OrtTensorTypeAndShapeInfo* made = nullptr;
  SLIPWAY_PASS_ORT_ERROR(Api().GetTensorTypeAndShape(value, &made));
  const TensorInfoPtr info(made);
  size_t rank = 0;
  SLIPWAY_PASS_ORT_ERROR(Api().GetDimensionsCount(made, &rank));
  out.dims.resize(rank);
  SLIPWAY_PASS_ORT_ERROR(Api().GetDimensions(made, out.dims.data(), rank));
  return Api().GetTensorShapeElementCount(made, &out.count);
}

OrtStatus* ReadInput(OrtKernelContext* context, size_t index, OperatorInput& out) {
  const OrtValue* value = nullptr;
  SLIPWAY_PASS_ORT_ERROR(Api().KernelContext_GetInput(context, index, &value));
  return DescribeInput(value, out);
}

OrtStatus* ReadTexts(const OperatorInput& input, Texts& out) {
  out.content.clear();
  out.begins.clear();
  if (input.count == 0) return nullptr;
  size_t size = 0;
  SLIPWAY_PASS_ORT_ERROR(Api().GetStringTensorDataLength(input.value, &size));
  out.content.resize(size);
  out.begins.resize(input.count);
  return Api().GetStringTensorContent(input.value, out.content.data(), size, out.begins.data(),
                                      input.count);
}

OrtStatus* ReadDoubles(const OperatorInput& input, std::span<const double>& out) {
  // The table has no function that reads what may not be written.
  void* data = nullptr;
  SLIPWAY_PASS_ORT_ERROR(Api().GetTensorMutableData(const_cast<OrtValue*>(input.value), &data));
  out = {static_cast<const double*>(data), input.count};
  return nullptr;
}

OrtStatus* MakeOutput(OrtKernelContext* context, std::span<const int64_t> dims, void*& out) {
  OrtValue* output = nullptr;
  SLIPWAY_PASS_ORT_ERROR(
      Api().KernelContext_GetOutput(context, 0, dims.data(), dims.size(), &output));
  return Api().GetTensorMutableData(output, &out);
}

OrtCustomOp OperatorTemplate() {
  OrtCustomOp op = {};
  op.version = ORT_API_VERSION;
  op.GetExecutionProviderType = [](const OrtCustomOp*) -> const char* { return nullptr; };
  op.GetInputTypeCount = [](const OrtCustomOp*) { return size_t{1}; };
  op.GetOutputTypeCount = [](const OrtCustomOp*) { return size_t{1}; };
  op.GetInputCharacteristic = [](const OrtCustomOp*, size_t) { return INPUT_OUTPUT_REQUIRED; };
  op.GetOutputCharacteristic = op.GetInputCharacteristic;
  op.GetInputMemoryType = [](const OrtCustomOp*, size_t) { return OrtMemTypeDefault; };
  op.CreateKernelV2 = [](const OrtCustomOp*, const OrtApi*, const OrtKernelInfo*,
                         void** kernel) -> OrtStatus* {
    *kernel = nullptr;
    return nullptr;
  };
  op.KernelDestroy = [](void*) {};
  op.GetStartVersion = [](const OrtCustomOp*) { return 1; };
  op.GetEndVersion = [](const OrtCustomOp*) { return std::numeric_limits<int>::max(); };
  return op;
}

}  // namespace slipway::engine
