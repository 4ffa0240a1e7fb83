#include "engine/onnxruntime/slipway_operators.h"

#include <exception>
#include <limits>
#include <string_view>
#include <vector>

#include "base/city_hash.h"
#include "engine/onnxruntime/ort_status.h"

namespace slipway::engine {
namespace {

using base::Result;

// Returns a failure of the C API to ONNX Runtime, which called us.
#define SLIPWAY_PASS_ORT_ERROR(call) \
  if (OrtStatus* ort_status_ = (call)) return ort_status_

int64_t CategoryHash(std::string_view text) {
  return static_cast<int32_t>(static_cast<uint32_t>(base::CityHash64V1(text)));
}

// The texts of a tensor, one after the other, and where each begins.
struct Texts {
  std::vector<char> content;
  std::vector<size_t> begins;

  std::string_view at(size_t i) const {
    const size_t end = i + 1 < begins.size() ? begins[i + 1] : content.size();
    return {content.data() + begins[i], end - begins[i]};
  }
};

OrtStatus* ReadTexts(const OrtValue* value, size_t count, Texts& out) {
  if (count == 0) return nullptr;
  size_t size = 0;
  SLIPWAY_PASS_ORT_ERROR(Api().GetStringTensorDataLength(value, &size));
  out.content.resize(size);
  out.begins.resize(count);
  return Api().GetStringTensorContent(value, out.content.data(), size, out.begins.data(), count);
}

OrtStatus* HashCategories(OrtKernelContext* context) {
  const OrtValue* input = nullptr;
  SLIPWAY_PASS_ORT_ERROR(Api().KernelContext_GetInput(context, 0, &input));
  OrtTensorTypeAndShapeInfo* made = nullptr;
  SLIPWAY_PASS_ORT_ERROR(Api().GetTensorTypeAndShape(input, &made));
  const TensorInfoPtr info(made);
  size_t rank = 0;
  SLIPWAY_PASS_ORT_ERROR(Api().GetDimensionsCount(made, &rank));
  std::vector<int64_t> dims(rank);
  SLIPWAY_PASS_ORT_ERROR(Api().GetDimensions(made, dims.data(), rank));
  size_t count = 0;
  SLIPWAY_PASS_ORT_ERROR(Api().GetTensorShapeElementCount(made, &count));
  OrtValue* output = nullptr;
  SLIPWAY_PASS_ORT_ERROR(
      Api().KernelContext_GetOutput(context, 0, dims.data(), dims.size(), &output));
  void* hashes = nullptr;
  SLIPWAY_PASS_ORT_ERROR(Api().GetTensorMutableData(output, &hashes));
  Texts texts;
  SLIPWAY_PASS_ORT_ERROR(ReadTexts(input, count, texts));
  for (size_t i = 0; i < count; ++i) static_cast<int64_t*>(hashes)[i] = CategoryHash(texts.at(i));
  return nullptr;
}

// No exception may cross ONNX Runtime.
OrtStatus* ORT_API_CALL Compute(void* /*kernel*/, OrtKernelContext* context) {
  try {
    return HashCategories(context);
  } catch (const std::exception& error) {
    return Api().CreateStatus(ORT_FAIL, error.what());
  }
}

OrtStatus* ORT_API_CALL CreateKernel(const OrtCustomOp* /*op*/, const OrtApi* /*api*/,
                                     const OrtKernelInfo* /*info*/, void** kernel) {
  *kernel = nullptr;  // it has no state
  return nullptr;
}

OrtCustomOp MakeCategoryHash() {
  OrtCustomOp op = {};
  op.version = ORT_API_VERSION;
  op.GetName = [](const OrtCustomOp*) { return "CategoryHash"; };
  op.GetExecutionProviderType = [](const OrtCustomOp*) -> const char* { return nullptr; };
  op.GetInputType = [](const OrtCustomOp*, size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING; };
  op.GetInputTypeCount = [](const OrtCustomOp*) { return size_t{1}; };
  op.GetOutputType = [](const OrtCustomOp*, size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64; };
  op.GetOutputTypeCount = [](const OrtCustomOp*) { return size_t{1}; };
  op.GetInputCharacteristic = [](const OrtCustomOp*, size_t) { return INPUT_OUTPUT_REQUIRED; };
  op.GetOutputCharacteristic = op.GetInputCharacteristic;
  op.GetInputMemoryType = [](const OrtCustomOp*, size_t) { return OrtMemTypeDefault; };
  op.CreateKernelV2 = CreateKernel;
  op.KernelComputeV2 = Compute;
  op.KernelDestroy = [](void*) {};
  op.GetStartVersion = [](const OrtCustomOp*) { return 1; };
  op.GetEndVersion = [](const OrtCustomOp*) { return std::numeric_limits<int>::max(); };
  return op;
}

}  // namespace

Result<CustomOpDomainPtr> MakeSlipwayOperators() {
  static const OrtCustomOp category_hash = MakeCategoryHash();
  OrtCustomOpDomain* made = nullptr;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().CreateCustomOpDomain("org.slipway", &made));
  CustomOpDomainPtr domain(made);
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().CustomOpDomain_Add(made, &category_hash));
  return domain;
}

}  // namespace slipway::engine
