#include "inference/trial_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "tensor/dtype.h"

namespace slipway::inference {
namespace {

using base::Result;
using tensor::DType;
using tensor::Shape;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

constexpr size_t kMaxRowBytes = 16 * 1024;  // beyond that, copying rows together costs too much

template <typename T>
T Load(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

double ElementAsDouble(DType dtype, const std::byte* at) {
  switch (dtype) {
    case DType::kFp64:
      return Load<double>(at);
    case DType::kFp32:
      return Load<float>(at);
    case DType::kFp16:
      return tensor::ToFloat(Load<tensor::Fp16>(at));
    default:
      return tensor::ToFloat(Load<tensor::Bf16>(at));
  }
}

// Relative to the larger of 1 and the value: what adding in another order may change.
double Tolerance(DType dtype) {
  switch (dtype) {
    case DType::kFp64:
      return 1e-9;
    case DType::kFp32:
      return 1e-4;
    default:
      return 2e-2;
  }
}

}  // namespace

std::vector<size_t> AllOutputs(const engine::Engine& engine) {
  const tensor::Signature& signature = engine.signature();
  std::vector<size_t> outputs(signature.outputs.size() + signature.states.size());
  std::iota(outputs.begin(), outputs.end(), size_t{0});
  return outputs;
}

std::vector<TensorView> Views(std::span<const Tensor> tensors) {
  std::vector<TensorView> views;
  for (const Tensor& tensor : tensors) views.push_back(tensor.view());
  return views;
}

bool HasFreeRow(const TensorSpec& spec) {
  return std::ranges::any_of(spec.shape.dims().subspan(1), [](int64_t d) { return d < 0; });
}

Shape RowsOf(const TensorSpec& spec, int64_t rows, int64_t length) {
  Shape shape = spec.shape;
  shape.set_dim(0, rows);
  for (size_t i = 1; i < shape.rank(); ++i) {
    if (shape[i] < 0) shape.set_dim(i, length);
  }
  return shape;
}

bool HasPlainRows(const tensor::Signature& signature) {
  if (!signature.batched() || signature.inputs.empty()) return false;
  size_t row_bytes = 0;
  const auto is_plain = [&row_bytes](const TensorSpec& input) {
    if (input.dtype == DType::kBytes) return false;
    const Result<int64_t> elements = tensor::ElementCount(RowsOf(input, 1));
    if (!elements.ok() || *elements > static_cast<int64_t>(kMaxRowBytes)) return false;
    row_bytes += static_cast<size_t>(*elements) * tensor::SizeOf(input.dtype);
    return true;
  };
  return std::ranges::all_of(signature.inputs, is_plain) &&
         std::ranges::all_of(signature.states, is_plain, &tensor::StateSpec::input) &&
         std::ranges::none_of(signature.states, HasFreeRow, &tensor::StateSpec::input) &&
         row_bytes <= kMaxRowBytes &&
         std::ranges::none_of(signature.outputs,
                              [](const TensorSpec& o) { return o.dtype == DType::kBytes; });
}

Tensor RandomRows(const TensorSpec& spec, int64_t rows, std::mt19937_64& random, int64_t length) {
  Tensor tensor = *Tensor::Allocate(spec.dtype, RowsOf(spec, rows, length));
  const size_t size = tensor::SizeOf(spec.dtype);
  std::span<std::byte> data = tensor.mutable_data();
  std::normal_distribution<float> normal(0, 2);
  for (size_t at = 0; at < data.size(); at += size) {
    std::byte* element = &data[at];
    const auto put = [element](auto value) { std::memcpy(element, &value, sizeof(value)); };
    switch (spec.dtype) {
      case DType::kFp64:
        put(static_cast<double>(normal(random)));
        break;
      case DType::kFp32:
        put(normal(random));
        break;
      case DType::kFp16:
        put(tensor::ToFp16(normal(random)));
        break;
      case DType::kBf16:
        put(tensor::ToBf16(normal(random)));
        break;
      default:
        std::memset(element, 0, size);
        *element = static_cast<std::byte>(random() & 1U);
    }
  }
  return tensor;
}

TensorView Row(const TensorView& batch, int64_t index) {
  Shape shape = batch.shape();
  const size_t row_bytes = batch.data().size() / static_cast<size_t>(shape[0]);
  shape.set_dim(0, 1);
  return *TensorView::Create(
      batch.dtype(), shape,
      batch.data().subspan(static_cast<size_t>(index) * row_bytes, row_bytes));
}

bool SameAnswer(const TensorView& one, const TensorView& other) {
  if (one.dtype() != other.dtype() || !(one.shape() == other.shape())) return false;
  const DType dtype = one.dtype();
  const bool is_float = dtype == DType::kFp64 || dtype == DType::kFp32 || dtype == DType::kFp16 ||
                        dtype == DType::kBf16;
  if (!is_float) return std::ranges::equal(one.data(), other.data());
  const size_t size = tensor::SizeOf(dtype);
  for (size_t at = 0; at < one.data().size(); at += size) {
    const double a = ElementAsDouble(dtype, &one.data()[at]);
    const double b = ElementAsDouble(dtype, &other.data()[at]);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (!(std::abs(a - b) <= Tolerance(dtype) * std::max({1.0, std::abs(a), std::abs(b)}))) {
      return false;
    }
  }
  return true;
}

}  // namespace slipway::inference
