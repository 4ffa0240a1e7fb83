#include "engine/onnxruntime/ort_value.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "base/str_cat.h"
#include "engine/onnxruntime/ort_status.h"

namespace slipway::engine {

using base::Buffer;
using base::Internal;
using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::DType;
using tensor::Shape;
using tensor::Tensor;
using tensor::TensorView;

namespace {

// What an empty tensor points to: the runtime refuses a null pointer.
alignas(64) constexpr std::byte kNothing[64] = {};

bool IsAligned(std::span<const std::byte> data, DType dtype) {
  return reinterpret_cast<uintptr_t>(data.data()) % tensor::SizeOf(dtype) == 0;
}

Status CheckBools(std::span<const std::byte> data) {
  std::byte all{0};
  for (const std::byte b : data) all |= b;
  if (std::to_integer<unsigned>(all) <= 1) return OkStatus();
  const auto bad = std::ranges::find_if(data, [](std::byte b) { return b > std::byte{1}; });
  return InvalidArgument(StrCat("element ", bad - data.begin(), ": expected a BOOL of 0 or 1, got ",
                                std::to_integer<int>(*bad)));
}

Status WrapMemory(const Runtime& runtime, std::span<const std::byte> data, DType dtype,
                  const Shape& shape, OrtValue*& made) {
  if (data.empty()) data = std::span(kNothing).first(0);
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().CreateTensorWithDataAsOrtValue(
      runtime.cpu_memory.get(), const_cast<std::byte*>(data.data()), data.size(),
      shape.dims().data(), shape.rank(), ToOrtType(dtype), &made));
  return OkStatus();
}

// Strings may hold zero bytes, so none of the functions for C strings will do.
Status MakeStrings(const Runtime& runtime, const TensorView& view, OrtValue*& made) {
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().CreateTensorAsOrtValue(
      runtime.allocator, view.shape().dims().data(), view.shape().rank(),
      ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, &made));
  const std::byte* at = view.data().data();
  for (int64_t i = 0; i < view.element_count(); ++i) {
    uint32_t length = 0;
    std::memcpy(&length, at, sizeof(length));
    at += sizeof(length);
    char* element = nullptr;
    SLIPWAY_RETURN_IF_ORT_ERROR(
        Api().GetResizedStringTensorElementBuffer(made, static_cast<size_t>(i), length, &element));
    if (length > 0) std::memcpy(element, at, length);
    at += length;
  }
  return OkStatus();
}

Result<Shape> ShapeOf(const OrtValue* value, DType expected) {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().GetTensorTypeAndShape(value, &info));
  const TensorInfoPtr owned(info);
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().GetTensorElementType(info, &type));
  if (type != ToOrtType(expected)) {
    return Internal(StrCat("expected ", expected, ", the runtime gave type ", int{type}));
  }
  size_t rank = 0;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().GetDimensionsCount(info, &rank));
  if (rank > tensor::kMaxRank) return Internal(StrCat("the runtime gave a tensor of rank ", rank));
  std::array<int64_t, tensor::kMaxRank> dims{};
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().GetDimensions(info, dims.data(), rank));
  return Shape(std::span<const int64_t>(dims.data(), rank));
}

// Puts the lengths in front of `count` strings that lie, one behind the other, at the end of
// `buffer`: string i at 4 * count + offsets[i] goes to 4 * (i + 1) + offsets[i]. That is never to
// its right, so in ascending order nothing is overwritten before it is moved.
Status InsertLengths(std::span<std::byte> buffer, std::span<const size_t> offsets) {
  constexpr size_t kPrefix = sizeof(uint32_t);
  const size_t start = kPrefix * offsets.size();
  for (size_t i = 0; i < offsets.size(); ++i) {
    const size_t end = i + 1 < offsets.size() ? offsets[i + 1] : buffer.size() - start;
    const size_t length = end - offsets[i];
    if (length > std::numeric_limits<uint32_t>::max()) {
      return Internal(StrCat("element ", i, ": expected less than 4 GiB, got ", length, " bytes"));
    }
    std::byte* to = buffer.data() + kPrefix * i + offsets[i];
    const std::byte* from = buffer.data() + start + offsets[i];
    const auto prefix = static_cast<uint32_t>(length);
    if (length > 0) std::memmove(to + kPrefix, from, length);
    std::memcpy(to, &prefix, kPrefix);
  }
  return OkStatus();
}

Result<Tensor> CopyStrings(const OrtValue* value, const Shape& shape) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, tensor::ElementCount(shape));
  size_t total = 0;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().GetStringTensorDataLength(value, &total));
  std::vector<size_t> offsets(static_cast<size_t>(count));
  Buffer buffer = Buffer::Allocate(sizeof(uint32_t) * offsets.size() + total);
  if (count > 0) {
    SLIPWAY_RETURN_IF_ORT_ERROR(
        Api().GetStringTensorContent(value, buffer.data() + sizeof(uint32_t) * offsets.size(),
                                     total, offsets.data(), offsets.size()));
    SLIPWAY_RETURN_IF_ERROR(InsertLengths({buffer.data(), buffer.size()}, offsets));
  }
  return Tensor::Adopt(DType::kBytes, shape, std::move(buffer));
}

}  // namespace

ONNXTensorElementDataType ToOrtType(DType dtype) {
  constexpr std::array<ONNXTensorElementDataType, tensor::kDTypeCount> kTypes = {
      ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL,     ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
      ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16,   ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32,
      ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64,   ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8,
      ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16,    ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
      ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,    ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,
      ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
      ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE,   ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING};
  return kTypes[static_cast<size_t>(dtype)];
}

Status MakeInput(const Runtime& runtime, const TensorView& view, std::vector<Buffer>& copies,
                 OrtValue*& made) {
  const DType dtype = view.dtype();
  if (dtype == DType::kBytes) return MakeStrings(runtime, view, made);
  if (dtype == DType::kBool) SLIPWAY_RETURN_IF_ERROR(CheckBools(view.data()));
  std::span<const std::byte> data = view.data();
  if (!IsAligned(data, dtype) && !data.empty()) {
    Buffer& copy = copies.emplace_back(Buffer::Allocate(data.size()));
    std::memcpy(copy.data(), data.data(), data.size());
    data = copy.bytes();
  }
  return WrapMemory(runtime, data, dtype, view.shape(), made);
}

Status MakeOutput(const Runtime& runtime, Tensor& tensor, OrtValue*& made) {
  return WrapMemory(runtime, tensor.mutable_data(), tensor.dtype(), tensor.shape(), made);
}

Result<Tensor> TakeTensor(ValuePtr value, DType dtype) {
  SLIPWAY_ASSIGN_OR_RETURN(const Shape shape, ShapeOf(value.get(), dtype));
  if (dtype == DType::kBytes) return CopyStrings(value.get(), shape);
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, tensor::ElementCount(shape));
  void* data = nullptr;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().GetTensorMutableData(value.get(), &data));
  return Tensor::Adopt(
      dtype, shape,
      Buffer(static_cast<std::byte*>(data), static_cast<size_t>(count) * tensor::SizeOf(dtype),
             value.release(),
             [](void* owner) { Api().ReleaseValue(static_cast<OrtValue*>(owner)); }));
}

}  // namespace slipway::engine
