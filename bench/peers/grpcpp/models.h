// SPDX-License-Identifier: Apache-2.0
// The models of a repository behind ONNX Runtime, as a C++ server written by hand would hold them.
// Each model has one FP32 input of shape [rows, width].
//
// Thread-safe: any number of threads may call Run(). Throws std::invalid_argument where the numbers
// do not fit the model, std::out_of_range where there is no such model, Ort::Exception where the
// runtime fails.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

struct Model {
  Model(Ort::Env& env, const std::filesystem::path& file) : session(env, file.c_str(), Options()) {
    Ort::AllocatorWithDefaultOptions allocator;
    input = session.GetInputNameAllocated(0, allocator).get();
    width = session.GetInputTypeInfo(0).GetTensorTypeAndShapeInfo().GetShape().at(1);
    for (size_t i = 0; i < session.GetOutputCount(); ++i) {
      outputs.emplace_back(session.GetOutputNameAllocated(i, allocator).get());
    }
    for (const std::string& name : outputs) output_names.push_back(name.c_str());
  }

  // The outputs for one row. `row` is borrowed for the call.
  std::vector<Ort::Value> Run(std::span<const float> row) {
    if (static_cast<int64_t>(row.size()) != width) {
      throw std::invalid_argument("expected " + std::to_string(width) + " numbers, got " +
                                  std::to_string(row.size()));
    }
    const int64_t shape[] = {1, width};
    const Ort::Value tensor = Ort::Value::CreateTensor<float>(
        memory, const_cast<float*>(row.data()), row.size(), shape, 2);
    const char* name = input.c_str();
    return session.Run(Ort::RunOptions{nullptr}, &name, &tensor, 1, output_names.data(),
                       output_names.size());
  }

  static Ort::SessionOptions Options() {
    Ort::SessionOptions options;
    options.SetIntraOpNumThreads(1);
    return options;
  }

  Ort::Session session;
  Ort::MemoryInfo memory = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeCPU);
  std::string input;
  int64_t width = 0;
  std::vector<std::string> outputs;
  std::vector<const char*> output_names;
};

class Models {
 public:
  // Loads NAME/1/model.onnx of every NAME in `repository`.
  explicit Models(const std::filesystem::path& repository) {
    for (const auto& entry : std::filesystem::directory_iterator(repository)) {
      models_.emplace(entry.path().filename().string(),
                      std::make_unique<Model>(env_, entry.path() / "1" / "model.onnx"));
    }
  }

  Model& at(std::string_view name) {
    const auto found = models_.find(name);
    if (found == models_.end()) throw std::out_of_range("no model '" + std::string(name) + "'");
    return *found->second;
  }

 private:
  Ort::Env env_{ORT_LOGGING_LEVEL_WARNING};
  std::map<std::string, std::unique_ptr<Model>, std::less<>> models_;
};
