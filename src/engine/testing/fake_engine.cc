#include "engine/testing/fake_engine.h"

#include <chrono>

#include "base/str_cat.h"

namespace slipway::engine {

using base::InvalidArgument;
using base::OkStatus;
using base::Status;
using base::StrCat;
using tensor::DType;
using tensor::Tensor;
using tensor::TensorSpec;
using tensor::TensorView;

namespace {

TensorSpec Spec(std::string name, DType dtype) {
  TensorSpec spec;
  spec.name = std::move(name);
  spec.dtype = dtype;
  spec.shape = {-1, 2};
  spec.dim_names = {"batch", ""};
  return spec;
}

Status SumAndDifference(std::span<const TensorView> inputs, std::span<const size_t> outputs,
                        base::Deadline deadline, std::vector<Tensor>& results) {
  if (deadline.Expired(std::chrono::steady_clock::now())) return base::DeadlineExceeded("late");
  SLIPWAY_ASSIGN_OR_RETURN(const auto a, inputs[0].As<float>());
  SLIPWAY_ASSIGN_OR_RETURN(const auto b, inputs[1].As<int64_t>());
  for (const size_t output : outputs) {
    std::vector<float> values(a.begin(), a.end());
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] += static_cast<float>(output == 0 ? b[i] : -b[i]);
    }
    SLIPWAY_ASSIGN_OR_RETURN(Tensor result, Tensor::FromValues<float>(inputs[0].shape(), values));
    results.push_back(std::move(result));
  }
  return base::OkStatus();
}
}  // namespace

std::unique_ptr<Engine> FakeEngine::AddAndSubtract() {
  tensor::Signature signature;
  signature.inputs = {Spec("a", DType::kFp32), Spec("b", DType::kInt64)};
  signature.outputs = {Spec("sum", DType::kFp32), Spec("diff", DType::kFp32)};
  return std::make_unique<FakeEngine>(std::move(signature), SumAndDifference);
}

FakeEngine::Compute FakeEngine::CopyInputs() {
  return [](std::span<const TensorView> inputs, std::span<const size_t> outputs, base::Deadline,
            std::vector<Tensor>& results) -> Status {
    for (const size_t output : outputs) {
      SLIPWAY_ASSIGN_OR_RETURN(Tensor copy, Tensor::CopyOf(inputs[output]));
      results.push_back(std::move(copy));
    }
    return OkStatus();
  };
}

FakeEngine::Compute FakeEngine::Fail(Status status) {
  return [status = std::move(status)](std::span<const TensorView>, std::span<const size_t>,
                                      base::Deadline, std::vector<Tensor>&) { return status; };
}

Status FakeEngine::Run(std::span<const TensorView> inputs, std::span<const size_t> outputs,
                       base::Deadline deadline, std::vector<Tensor>& results) {
  ++calls_;
  results.clear();
  if (inputs.size() != signature_.inputs.size()) {
    return InvalidArgument(
        StrCat("expected ", signature_.inputs.size(), " inputs, got ", inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = signature_.inputs[i];
    if (inputs[i].absent() && spec.optional) continue;
    if (inputs[i].absent()) {
      return InvalidArgument(StrCat("input '", spec.name, "': expected ", spec, ", got nothing"));
    }
    if (!spec.Accepts(inputs[i].dtype(), inputs[i].shape())) {
      return InvalidArgument(StrCat("input '", spec.name, "': expected ", spec, ", got ",
                                    inputs[i].dtype(), inputs[i].shape()));
    }
  }
  ++runs_;
  return compute_(inputs, outputs, deadline, results);
}

}  // namespace slipway::engine
