#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "engine/onnxruntime/onnx_runtime_factory.h"

namespace slipway::import::onnx {

// An engine for a file in memory; nullptr, and a failure of the test, where it does not load.
inline std::unique_ptr<engine::Engine> LoadOnnx(std::string onnx) {
  static const base::RealFileSystem kFs;
  static const auto kLog = base::Logger::Null();
  static const auto kFactory = *engine::OnnxRuntimeFactory::Create(kFs, *kLog);
  auto files = std::make_shared<std::map<std::string, std::string>>();
  (*files)["model.onnx"] = std::move(onnx);
  auto engine = kFactory->Load(
      {.directory = {}, .model_file = "model.onnx", .in_memory = std::move(files)}, {});
  EXPECT_TRUE(engine.ok()) << engine.status();
  return engine.ok() ? *std::move(engine) : nullptr;
}

template <typename T>
std::string TestBytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// Numbers for an input, the same each time: between -1.5 and 1.5, or small integers.
inline std::string TestNumbers(tensor::DType dtype, size_t count) {
  std::vector<double> doubles;
  std::vector<float> floats;
  std::vector<int64_t> longs;
  std::vector<int32_t> ints;
  std::vector<uint16_t> halves;
  uint32_t state = 12345;
  for (size_t i = 0; i < count; ++i) {
    state = state * 1664525 + 1013904223;
    doubles.push_back((state >> 8) % 3001 / 1000.0 - 1.5);
    floats.push_back(static_cast<float>(doubles.back()));
    longs.push_back((state >> 8) % 3 + 1);
    ints.push_back(static_cast<int32_t>(longs.back()));
    // 0.5, -1.5 and so on: the exponent of 0.5 or 1, the highest bit of the fraction, the sign.
    halves.push_back(
        static_cast<uint16_t>(0x3800 + ((state >> 8) % 4) * 0x200 + ((state >> 12) % 2) * 0x8000));
  }
  switch (dtype) {
    case tensor::DType::kFp64:
      return TestBytes(doubles);
    case tensor::DType::kFp32:
      return TestBytes(floats);
    case tensor::DType::kInt64:
      return TestBytes(longs);
    case tensor::DType::kInt32:
      return TestBytes(ints);
    case tensor::DType::kFp16:
      return TestBytes(halves);
    default:
      return std::string(count * tensor::SizeOf(dtype), '\1');
  }
}

// All outputs of the engine for TestNumbers(), or `given` where it has the input's name. A free
// dimension is 2.
inline std::vector<tensor::Tensor> RunOnNumbers(
    engine::Engine& engine,
    const std::map<std::string, std::pair<tensor::Shape, std::string>>& given) {
  std::vector<std::string> bytes;
  std::vector<tensor::TensorView> inputs;
  bytes.reserve(engine.signature().inputs.size());
  for (const tensor::TensorSpec& spec : engine.signature().inputs) {
    tensor::Shape shape = spec.shape;
    for (size_t i = 0; i < shape.rank(); ++i) {
      if (shape[i] < 0) shape.set_dim(i, 2);
    }
    const auto own = given.find(spec.name);
    if (own != given.end()) shape = own->second.first;
    const auto count = static_cast<size_t>(*tensor::ElementCount(shape.dims()));
    bytes.push_back(own != given.end() ? own->second.second : TestNumbers(spec.dtype, count));
    const auto view =
        tensor::TensorView::Create(spec.dtype, shape, std::as_bytes(std::span(bytes.back())));
    EXPECT_TRUE(view.ok()) << view.status();
    inputs.push_back(*view);
  }
  std::vector<size_t> wanted(engine.signature().outputs.size());
  for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = i;
  std::vector<tensor::Tensor> results;
  const base::Status status = engine.Run(inputs, wanted, {}, results);
  EXPECT_TRUE(status.ok()) << status;
  return results;
}

// Whether two tensors are the same; floats may differ in their last digits.
inline void ExpectSame(const tensor::TensorView& got, const tensor::TensorView& want) {
  ASSERT_EQ(got.dtype(), want.dtype());
  ASSERT_EQ(got.shape(), want.shape());
  if (want.dtype() != tensor::DType::kFp32) {
    EXPECT_TRUE(std::ranges::equal(got.data(), want.data()));
    return;
  }
  const std::span<const float> a = *got.As<float>();
  const std::span<const float> b = *want.As<float>();
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (a[i] == b[i]) continue;  // infinities
    EXPECT_NEAR(a[i], b[i], 1e-6F * std::max(1.0F, std::fabs(b[i]))) << "element " << i;
  }
}

}  // namespace slipway::import::onnx
