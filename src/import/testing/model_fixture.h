#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "base/str_cat.h"
#include "engine/onnxruntime/onnx_runtime_factory.h"
#include "engine/trees/testing/engine_agreement.h"
#include "engine/trees/tree_engine_factory.h"
#include "import/importer.h"
#include "tensor/npy.h"

// A foreign model file with rows and the answers of the library that trained it, and the test that
// an imported model gives the same answers, under ONNX Runtime, and under our own engine for trees
// where that takes it. The files lie beside each other:
// NAME.json (or another extension) and NAME.npz, with one array for each input and output.
// Whoever includes this needs engine, engine/onnxruntime, engine/trees and tensor as TEST_DEPS.
namespace slipway::import {

struct ModelFixture {
  std::filesystem::path model;
  std::filesystem::path arrays;
};

// What a printed test shows.
inline void PrintTo(const ModelFixture& fixture, std::ostream* out) {
  *out << fixture.model.filename();
}

inline std::vector<ModelFixture> FixturesOf(const std::filesystem::path& folder,
                                            std::string_view prefix) {
  std::vector<ModelFixture> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::filesystem::path& path = entry.path();
    if (!path.filename().string().starts_with(prefix) || path.extension() == ".npz") continue;
    std::filesystem::path arrays = path;
    out.push_back({.model = path, .arrays = arrays.replace_extension(".npz")});
  }
  std::ranges::sort(out, {}, &ModelFixture::model);
  return out;
}

inline std::string FixtureName(const testing::TestParamInfo<ModelFixture>& info) {
  std::string name = info.param.model.filename().string();
  std::ranges::replace_if(name, [](char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

inline std::string ReadFixture(const std::filesystem::path& path) {
  auto content = base::RealFileSystem().Read(path, uint64_t{1} << 30);
  EXPECT_TRUE(content.ok()) << content.status();
  return content.ok() ? *std::move(content) : std::string();
}

inline std::unique_ptr<engine::Engine> LoadOnnx(std::string model) {
  static const base::RealFileSystem kFiles;
  static const std::unique_ptr<base::Logger> kLogger = base::Logger::Null();
  static const std::unique_ptr<engine::OnnxRuntimeFactory> kFactory =
      *engine::OnnxRuntimeFactory::Create(kFiles, *kLogger);
  auto content = std::make_shared<std::map<std::string, std::string>>();
  (*content)["model.onnx"] = std::move(model);
  auto engine = kFactory->Load({.directory = {}, .in_memory = std::move(content)}, {});
  EXPECT_TRUE(engine.ok()) << engine.status();
  return engine.ok() ? *std::move(engine) : nullptr;
}

// Relative difference of numbers; one that is small beside the largest of the array counts by its
// absolute difference, since sums of trees cancel. Not-a-number equals itself.
template <typename T>
void ExpectClose(std::span<const T> got, std::span<const T> want, double tolerance,
                 const std::string& output) {
  ASSERT_EQ(got.size(), want.size()) << output;
  double largest = 0;
  for (const T value : want) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(static_cast<double>(value)));
  }
  int wrong = 0;
  for (size_t i = 0; i < got.size() && wrong < 5; ++i) {
    const double g = got[i];
    const double w = want[i];
    if (g == w || (std::isnan(g) && std::isnan(w))) continue;
    const double allowed = tolerance * std::max(std::abs(w), largest * 0.1);
    const bool close = std::abs(g - w) <= allowed;  // false when either is no number
    if (!close) ++wrong;
    EXPECT_TRUE(close) << output << "[" << i << "]: got " << g << ", expected " << w;
  }
}

inline void ExpectSameAnswer(const tensor::TensorView& got, const tensor::TensorView& want,
                             double tolerance, const std::string& output) {
  ASSERT_EQ(got.dtype(), want.dtype()) << output;
  EXPECT_EQ(base::StrCat(got.shape()), base::StrCat(want.shape())) << output;
  if (got.dtype() == tensor::DType::kFp32) {
    ExpectClose(*got.As<float>(), *want.As<float>(), tolerance, output);
  } else if (got.dtype() == tensor::DType::kFp64) {
    ExpectClose(*got.As<double>(), *want.As<double>(), tolerance, output);
  } else {
    EXPECT_TRUE(std::ranges::equal(got.data(), want.data())) << output;
  }
}

// The same for the engine of our own; nullptr for what it leaves to ONNX Runtime.
inline std::unique_ptr<engine::Engine> LoadTrees(const std::string& model) {
  auto engine = engine::MakeTreeEngine(std::as_bytes(std::span(model)), 1);
  if (!engine.ok()) {
    EXPECT_EQ(engine.status().code(), base::StatusCode::kUnimplemented) << engine.status();
    return nullptr;
  }
  return *std::move(engine);
}

// Runs an imported model on the fixture's rows. Every output of the model must be among the
// arrays, and every array an input or output.
inline void ExpectAnswers(engine::Engine& engine, const ModelFixture& fixture, double tolerance) {
  const std::string packed = ReadFixture(fixture.arrays);
  const auto arrays = tensor::ReadNpz(std::as_bytes(std::span(packed)));
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  std::map<std::string, const tensor::Tensor*> by_name;
  for (const auto& array : *arrays) by_name[array.name] = &array.tensor;
  std::vector<tensor::TensorView> inputs;
  for (const auto& input : engine.signature().inputs) {
    ASSERT_TRUE(by_name.contains(input.name)) << input.name;
    inputs.push_back(by_name[input.name]->view());
  }
  std::vector<size_t> outputs;
  for (size_t i = 0; i < engine.signature().outputs.size(); ++i) outputs.push_back(i);
  ASSERT_EQ(inputs.size() + outputs.size(), by_name.size());
  std::vector<tensor::Tensor> results;
  const base::Status ran = engine.Run(inputs, outputs, {}, results);
  ASSERT_TRUE(ran.ok()) << ran;
  for (const size_t i : outputs) {
    const std::string& name = engine.signature().outputs[i].name;
    ASSERT_TRUE(by_name.contains(name)) << name;
    ExpectSameAnswer(results[i].view(), by_name[name]->view(), tolerance, name);
  }
}

// Imports the fixture's model and holds it to the answers.
inline void ExpectFixture(const Importer& importer, const ModelFixture& fixture, double tolerance) {
  const std::string file = ReadFixture(fixture.model);
  const auto bytes = std::as_bytes(std::span(file));
  EXPECT_TRUE(importer.recognizes(bytes));
  const auto imported = importer.import(bytes, {});
  ASSERT_TRUE(imported.ok()) << imported.status();
  const auto onnx_runtime = LoadOnnx(imported->onnx);
  ASSERT_NE(onnx_runtime, nullptr);
  ExpectAnswers(*onnx_runtime, fixture, tolerance);
  const auto trees = LoadTrees(imported->onnx);
  testing::Test::RecordProperty("engine_trees", trees != nullptr ? "runs it" : "leaves it");
  if (trees == nullptr) return;
  ExpectAnswers(*trees, fixture, tolerance);
  engine::ExpectAgreementOnHardRows(std::as_bytes(std::span(imported->onnx)), *onnx_runtime, *trees,
                                    tolerance);
}

}  // namespace slipway::import
