#include "lifecycle/warmup.h"

#include <cstring>
#include <numeric>
#include <optional>
#include <utility>

#include "base/str_cat.h"

namespace slipway::lifecycle {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StatusCode;
using base::StrCat;
using tensor::DType;
using tensor::Shape;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

namespace {

constexpr int64_t kMaxInputBytes = 256 * 1024 * 1024;

template <typename T>
void FillAs(std::span<std::byte> data, T value) {
  for (size_t at = 0; at + sizeof(T) <= data.size(); at += sizeof(T)) {
    std::memcpy(data.data() + at, &value, sizeof(T));
  }
}

void FillWithOnes(DType dtype, std::span<std::byte> data) {
  switch (dtype) {
    case DType::kBool:
    case DType::kUint8:
    case DType::kInt8:
      return FillAs<uint8_t>(data, 1);
    case DType::kUint16:
    case DType::kInt16:
      return FillAs<uint16_t>(data, 1);
    case DType::kUint32:
    case DType::kInt32:
      return FillAs<uint32_t>(data, 1);
    case DType::kUint64:
    case DType::kInt64:
      return FillAs<uint64_t>(data, 1);
    case DType::kFp16:
      return FillAs<uint16_t>(data, tensor::ToFp16(1.0).bits);
    case DType::kBf16:
      return FillAs<uint16_t>(data, tensor::ToBf16(1.0).bits);
    case DType::kFp32:
      return FillAs<float>(data, 1.0F);
    case DType::kFp64:
      return FillAs<double>(data, 1.0);
    case DType::kBytes:
      return;  // has no elements of a fixed size
  }
}

Shape SmallestShape(const TensorSpec& spec) {
  if (spec.any_rank) return {1};
  Shape shape = spec.shape;
  for (size_t i = 0; i < shape.rank(); ++i) {
    if (shape[i] < 0) shape.set_dim(i, 1);
  }
  return shape;
}

// nullopt: the input would be too large.
std::optional<Tensor> MakeInput(const TensorSpec& spec, bool ones) {
  if (spec.optional) return Tensor();
  const Shape shape = SmallestShape(spec);
  const Result<int64_t> count = ElementCount(shape);
  if (!count.ok() || *count > kMaxInputBytes / 8) return std::nullopt;
  if (spec.dtype == DType::kBytes) {
    const std::vector<std::string> texts(static_cast<size_t>(*count), ones ? "1" : "");
    Result<Tensor> tensor = Tensor::FromStrings(shape, texts);
    return tensor.ok() ? std::optional(*std::move(tensor)) : std::nullopt;
  }
  Result<Tensor> tensor = Tensor::Allocate(spec.dtype, shape);
  if (!tensor.ok()) return std::nullopt;
  const std::span<std::byte> data = tensor->mutable_data();
  if (!data.empty()) std::memset(data.data(), 0, data.size());
  if (ones) FillWithOnes(spec.dtype, data);
  return *std::move(tensor);
}

Status RunCase(engine::Engine& engine, const WarmupCase& one, int runs, base::SteadyTime stop_at,
               const base::Clock& clock) {
  std::vector<TensorView> inputs;
  inputs.reserve(one.inputs.size());
  for (const Tensor& input : one.inputs) inputs.push_back(input.view());
  std::vector<size_t> outputs(engine.signature().outputs.size());
  std::iota(outputs.begin(), outputs.end(), size_t{0});
  std::vector<Tensor> results;
  for (int run = 0; run < runs; ++run) {
    if (run > 0 && clock.SteadyNow() >= stop_at) break;
    const Status status = engine.Run(inputs, outputs, base::Deadline::Never(), results);
    if (!status.ok()) return status.WithContext(StrCat("warm-up with ", one.name));
  }
  return OkStatus();
}

}  // namespace

Result<std::vector<WarmupCase>> SyntheticWarmup::Cases(const AvailableVersion& /*version*/,
                                                       const tensor::Signature& signature) const {
  std::vector<WarmupCase> cases;
  for (const bool ones : {false, true}) {
    WarmupCase one{.name = ones ? "ones" : "zeros", .synthetic = true};
    for (const TensorSpec& spec : signature.inputs) {
      std::optional<Tensor> input = MakeInput(spec, ones);
      if (!input) return std::vector<WarmupCase>();
      one.inputs.push_back(*std::move(input));
    }
    cases.push_back(std::move(one));
  }
  return cases;
}

Status WarmUp(engine::Engine& engine, const std::vector<WarmupCase>& cases, int runs,
              std::chrono::nanoseconds limit, const base::Clock& clock, Status& refusal) {
  const base::SteadyTime stop_at = clock.SteadyNow() + limit;
  Status first_refusal;
  bool synthetic_passed = false;
  for (const WarmupCase& one : cases) {
    if (one.synthetic && synthetic_passed) continue;  // one is enough
    Status status = RunCase(engine, one, runs, stop_at, clock);
    if (status.ok()) {
      synthetic_passed = synthetic_passed || one.synthetic;
    } else if (!one.synthetic || status.code() == StatusCode::kResourceExhausted) {
      return status;
    } else if (first_refusal.ok()) {
      first_refusal = std::move(status);
    }
  }
  if (!synthetic_passed) refusal = std::move(first_refusal);
  return OkStatus();
}

}  // namespace slipway::lifecycle
