#include "inference/run_profile.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "tensor/dtype.h"

namespace slipway::inference {
namespace {

using base::Deadline;
using base::Result;
using std::chrono::nanoseconds;
using tensor::DType;
using tensor::Shape;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

constexpr size_t kMaxRuns = 30;
constexpr std::chrono::milliseconds kMeasureLimit{20};
constexpr std::array<int64_t, 3> kBatchRows = {4, 16, 64};
constexpr std::chrono::milliseconds kBatchLimit{250};  // rows x time for one row
constexpr std::chrono::milliseconds kCompareLimit{
    20};                                    // the same, where answers were compared already
constexpr double kGain = 0.9;               // per row, from one size to the next
constexpr size_t kMaxRowBytes = 16 * 1024;  // beyond that, copying rows together costs too much

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

// Whether rows of such a model lie behind each other in memory.
bool HasPlainRows(const tensor::Signature& signature) {
  if (!signature.batched() || signature.inputs.empty()) return false;
  size_t row_bytes = 0;
  const auto is_plain = [&row_bytes](const TensorSpec& input) {
    const std::span<const int64_t> row = input.shape.dims().subspan(1);
    if (input.dtype == DType::kBytes || std::ranges::any_of(row, [](int64_t d) { return d < 0; })) {
      return false;
    }
    const Result<int64_t> elements = tensor::ElementCount(row);
    if (!elements.ok() || *elements > static_cast<int64_t>(kMaxRowBytes)) return false;
    row_bytes += static_cast<size_t>(*elements) * tensor::SizeOf(input.dtype);
    return true;
  };
  return std::ranges::all_of(signature.inputs, is_plain) &&
         std::ranges::all_of(signature.states, is_plain, &tensor::StateSpec::input) &&
         row_bytes <= kMaxRowBytes &&
         std::ranges::none_of(signature.outputs,
                              [](const TensorSpec& o) { return o.dtype == DType::kBytes; });
}

// Small numbers of either sign for floats; 0 and 1 for the rest, which even an index or a category
// can be.
Tensor RandomRows(const TensorSpec& spec, int64_t rows, std::mt19937_64& random) {
  Shape shape = spec.shape;
  shape.set_dim(0, rows);
  Tensor tensor = *Tensor::Allocate(spec.dtype, shape);
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

// The `index`th of the rows that `batch` holds.
TensorView Row(const TensorView& batch, int64_t index) {
  Shape shape = batch.shape();
  const size_t row_bytes = batch.data().size() / static_cast<size_t>(shape[0]);
  shape.set_dim(0, 1);
  return *TensorView::Create(
      batch.dtype(), shape,
      batch.data().subspan(static_cast<size_t>(index) * row_bytes, row_bytes));
}

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

// Whether the model answers each of the rows in `batch` as if it had come alone.
bool RowsAreIndependent(engine::Engine& engine, std::span<const TensorView> batch, int64_t rows) {
  const std::vector<size_t> outputs = AllOutputs(engine);
  std::vector<Tensor> together;
  if (!engine.Run(batch, outputs, Deadline::Never(), together).ok()) return false;
  const auto has_rows = [rows](const Tensor& result) {
    return result.shape().rank() > 0 && result.shape()[0] == rows;
  };
  if (!std::ranges::all_of(together, has_rows)) return false;
  std::vector<Tensor> alone;
  std::vector<TensorView> inputs(batch.size());
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t i = 0; i < batch.size(); ++i) inputs[i] = Row(batch[i], row);
    if (!engine.Run(inputs, outputs, Deadline::Never(), alone).ok()) return false;
    for (size_t i = 0; i < together.size(); ++i) {
      if (!SameAnswer(Row(together[i].view(), row), alone[i].view())) return false;
    }
  }
  return true;
}

}  // namespace

Result<nanoseconds> MeasureRun(engine::Engine& engine, std::span<const TensorView> inputs,
                               base::Clock& clock) {
  const std::vector<size_t> outputs = AllOutputs(engine);
  std::vector<Tensor> results;
  std::vector<nanoseconds> times;
  const base::SteadyTime start = clock.SteadyNow();
  base::SteadyTime begin = start;
  while (times.size() < kMaxRuns && (times.size() < 2 || begin - start < kMeasureLimit)) {
    SLIPWAY_RETURN_IF_ERROR(engine.Run(inputs, outputs, Deadline::Never(), results));
    const base::SteadyTime end = clock.SteadyNow();
    times.push_back(end - begin);
    begin = end;
  }
  std::ranges::sort(times);
  return times[(times.size() - 1) * 9 / 10];
}

std::vector<RunProfile::Batch> MeasureBatches(engine::Engine& engine, nanoseconds run_time,
                                              base::Clock& clock) {
  std::vector<RunProfile::Batch> batches;
  if (!HasPlainRows(engine.signature())) return batches;
  std::mt19937_64 random(20260817);  // the same rows every time, so that a verdict can be repeated
  double best = static_cast<double>(run_time.count());  // per row
  for (const int64_t rows : kBatchRows) {
    const nanoseconds alone = run_time > kBatchLimit ? nanoseconds::max() : rows * run_time;
    if (alone > kBatchLimit) break;
    std::vector<Tensor> inputs;
    for (const TensorSpec& spec : engine.signature().inputs) {
      inputs.push_back(RandomRows(spec, rows, random));
    }
    for (const tensor::StateSpec& state : engine.signature().states) {
      inputs.push_back(RandomRows(state.input, rows, random));
    }
    const std::vector<TensorView> views = Views(inputs);
    const bool compare = rows == kBatchRows.front() || alone <= kCompareLimit;
    if (compare && !RowsAreIndependent(engine, views, rows)) return {};
    const Result<nanoseconds> took = MeasureRun(engine, views, clock);
    if (!took.ok()) break;
    const double per_row = static_cast<double>(took->count()) / static_cast<double>(rows);
    if (per_row > best * kGain) continue;
    best = per_row;
    batches.push_back({.rows = rows, .time = *took});
  }
  return batches;
}

int64_t RunProfile::RowsWithin(nanoseconds time, nanoseconds per_row) const {
  for (auto batch = batches.rbegin(); batch != batches.rend(); ++batch) {
    if (batch->time <= time && batch->time / batch->rows <= per_row) return batch->rows;
  }
  return 1;
}

}  // namespace slipway::inference
