#include "frontend/openinference/classification.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "base/str_cat.h"

namespace slipway::frontend::openinference {
namespace {

using base::InvalidArgument;
using base::Result;
using base::StrCat;
using tensor::DType;
using tensor::Tensor;

constexpr int64_t kMaxElements = 1'000'000;

// Positions of the `k` largest of `values`, largest first.
template <typename T>
std::vector<size_t> Largest(std::span<const T> values, size_t k) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto before = [&](size_t a, size_t b) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(values[a]) || std::isnan(values[b])) {
        return std::isnan(values[a]) == std::isnan(values[b]) ? a < b : std::isnan(values[b]);
      }
    }
    return values[a] != values[b] ? values[a] > values[b] : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(k), order.end(), before);
  order.resize(k);
  return order;
}

template <typename T>
std::vector<std::string> TopOfRows(const tensor::TensorView& scores, int64_t rows, size_t k,
                                   std::span<const std::string> labels) {
  std::vector<std::string> out;
  const size_t width = rows == 0 ? 0 : static_cast<size_t>(scores.element_count() / rows);
  std::vector<T> values(width);
  for (int64_t row = 0; row < rows; ++row) {
    const std::byte* const from =
        scores.data().data() + static_cast<size_t>(row) * width * sizeof(T);
    if (width > 0) std::memcpy(values.data(), from, width * sizeof(T));
    for (const size_t index : Largest<T>(values, k)) {
      std::string& text = out.emplace_back(StrCat(std::to_string(values[index]), ":", index));
      if (index < labels.size() && !labels[index].empty()) text.append(":").append(labels[index]);
    }
  }
  return out;
}

std::vector<std::string> TopOfRows(const tensor::TensorView& scores, int64_t rows, size_t k,
                                   std::span<const std::string> labels) {
  switch (scores.dtype()) {
    case DType::kUint8:
      return TopOfRows<uint8_t>(scores, rows, k, labels);
    case DType::kUint16:
      return TopOfRows<uint16_t>(scores, rows, k, labels);
    case DType::kUint32:
      return TopOfRows<uint32_t>(scores, rows, k, labels);
    case DType::kUint64:
      return TopOfRows<uint64_t>(scores, rows, k, labels);
    case DType::kInt8:
      return TopOfRows<int8_t>(scores, rows, k, labels);
    case DType::kInt16:
      return TopOfRows<int16_t>(scores, rows, k, labels);
    case DType::kInt32:
      return TopOfRows<int32_t>(scores, rows, k, labels);
    case DType::kInt64:
      return TopOfRows<int64_t>(scores, rows, k, labels);
    case DType::kFp32:
      return TopOfRows<float>(scores, rows, k, labels);
    case DType::kFp64:
      return TopOfRows<double>(scores, rows, k, labels);
    default:
      return {};
  }
}

bool CanClassify(DType dtype) {
  return dtype != DType::kBool && dtype != DType::kFp16 && dtype != DType::kBf16 &&
         dtype != DType::kBytes;
}

}  // namespace

Result<Tensor> Classify(const tensor::TensorView& scores, int64_t classes, bool batched,
                        std::span<const std::string> labels) {
  if (!CanClassify(scores.dtype())) {
    return InvalidArgument(StrCat("classification is not available for ", scores.dtype()));
  }
  if (scores.element_count() > kMaxElements) {
    return InvalidArgument(StrCat("classification: expected at most ", kMaxElements,
                                  " elements, got ", scores.element_count()));
  }
  const bool has_rows = batched && scores.shape().rank() > 0;
  const int64_t rows = has_rows ? scores.shape()[0] : 1;
  const int64_t width = rows == 0 ? 0 : scores.element_count() / rows;
  const int64_t k = std::min(classes, width);
  const std::vector<std::string> text = TopOfRows(scores, rows, static_cast<size_t>(k), labels);
  const tensor::Shape shape = has_rows ? tensor::Shape{rows, k} : tensor::Shape{k};
  return Tensor::FromStrings(shape, text);
}

}  // namespace slipway::frontend::openinference
