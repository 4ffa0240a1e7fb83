// Any bytes as a model of trees: the engine must refuse it, or load it and answer every batch with
// rows or a Status, in time and memory in proportion.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "engine/trees/tree_engine_factory.h"

namespace {

using slipway::tensor::Tensor;
using slipway::tensor::TensorView;

constexpr int64_t kRows = 70;  // a block and some more
constexpr size_t kMaxBytes = size_t{4} << 20;

// Rows for an input, their bytes a pattern that has missing values among others.
slipway::base::Result<Tensor> MakeRows(const slipway::tensor::TensorSpec& spec) {
  slipway::tensor::Shape shape = spec.shape;
  shape.set_dim(0, kRows);
  for (size_t i = 1; i < shape.rank(); ++i) {
    if (shape[i] > static_cast<int64_t>(kMaxBytes) / kRows / 8) {
      return slipway::base::ResourceExhausted("wide");
    }
  }
  auto rows = Tensor::Allocate(spec.dtype, shape);
  if (!rows.ok()) return rows;
  const bool is_bool = spec.dtype == slipway::tensor::DType::kBool;
  uint32_t state = 1;
  for (std::byte& byte : rows->mutable_data()) {
    state = state * 1664525 + 1013904223;
    byte = std::byte{static_cast<uint8_t>(is_bool ? state >> 31 : (state >> 24) | (state >> 30))};
  }
  return rows;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto engine = slipway::engine::MakeTreeEngine(std::as_bytes(std::span(data, size)), 1);
  if (!engine.ok()) {
    SLIPWAY_CHECK(!engine.status().message().empty());
    SLIPWAY_CHECK(slipway::base::IsValidUtf8(engine.status().message()));
    return 0;
  }
  const auto& signature = (*engine)->signature();
  std::vector<Tensor> rows;
  for (const auto& spec : signature.inputs) {
    auto made = MakeRows(spec);
    if (!made.ok()) return 0;
    rows.push_back(*std::move(made));
  }
  std::vector<TensorView> inputs;
  for (const Tensor& tensor : rows) inputs.push_back(tensor.view());
  std::vector<size_t> outputs(signature.outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = i;
  std::vector<Tensor> results;
  const auto status = (*engine)->Run(inputs, outputs, {}, results);
  SLIPWAY_CHECK(!status.ok() || results.size() == outputs.size());
  return 0;
}
