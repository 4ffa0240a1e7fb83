#include "engine/onnxruntime/providers.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "engine/onnxruntime/ort_status.h"

namespace slipway::engine {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Status;
using base::StrCat;
using base::Unimplemented;

namespace {

constexpr std::string_view kSuffix = "ExecutionProvider";

// Options of a provider as the C API takes them.
struct KeysAndValues {
  explicit KeysAndValues(const std::map<std::string, std::string>& options) {
    for (const auto& [key, value] : options) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
  }
  std::vector<const char*> keys;
  std::vector<const char*> values;
};

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// ONNX Runtime's names of its providers: "CPUExecutionProvider", ...
std::vector<std::string> RuntimeNames() {
  char** names = nullptr;
  int count = 0;
  const StatusPtr failed(Api().GetAvailableProviders(&names, &count));
  if (failed != nullptr) return {"CPUExecutionProvider"};
  std::vector<std::string> all(names, names + count);
  const StatusPtr ignored(Api().ReleaseAvailableProviders(names, count));
  return all;
}

std::string ShortName(std::string_view runtime_name) {
  if (runtime_name.ends_with(kSuffix)) runtime_name.remove_suffix(kSuffix.size());
  return LowerCase(runtime_name);
}

Status AddCuda(const KeysAndValues& given, OrtSessionOptions* session_options) {
  OrtCUDAProviderOptionsV2* options = nullptr;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().CreateCUDAProviderOptions(&options));
  const std::unique_ptr<OrtCUDAProviderOptionsV2, OrtRelease<&OrtApi::ReleaseCUDAProviderOptions>>
      owned(options);
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().UpdateCUDAProviderOptions(
      options, given.keys.data(), given.values.data(), given.keys.size()));
  SLIPWAY_RETURN_IF_ORT_ERROR(
      Api().SessionOptionsAppendExecutionProvider_CUDA_V2(session_options, options));
  return OkStatus();
}

Status AddTensorRt(const KeysAndValues& given, OrtSessionOptions* session_options) {
  OrtTensorRTProviderOptionsV2* options = nullptr;
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().CreateTensorRTProviderOptions(&options));
  const std::unique_ptr<OrtTensorRTProviderOptionsV2,
                        OrtRelease<&OrtApi::ReleaseTensorRTProviderOptions>>
      owned(options);
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().UpdateTensorRTProviderOptions(
      options, given.keys.data(), given.values.data(), given.keys.size()));
  SLIPWAY_RETURN_IF_ORT_ERROR(
      Api().SessionOptionsAppendExecutionProvider_TensorRT_V2(session_options, options));
  return OkStatus();
}

Status Append(const std::string& runtime_name, const KeysAndValues& given,
              OrtSessionOptions* session_options) {
  const std::string name = ShortName(runtime_name);
  if (name == "cuda") return AddCuda(given, session_options);
  if (name == "tensorrt") return AddTensorRt(given, session_options);
  if (name == "openvino") {
    SLIPWAY_RETURN_IF_ORT_ERROR(Api().SessionOptionsAppendExecutionProvider_OpenVINO_V2(
        session_options, given.keys.data(), given.values.data(), given.keys.size()));
    return OkStatus();
  }
  // The others share one function, which takes the name without its suffix.
  const std::string bare = runtime_name.substr(0, runtime_name.size() - kSuffix.size());
  SLIPWAY_RETURN_IF_ORT_ERROR(Api().SessionOptionsAppendExecutionProvider(
      session_options, bare.c_str(), given.keys.data(), given.values.data(), given.keys.size()));
  return OkStatus();
}

}  // namespace

std::vector<std::string> AvailableProviders() {
  std::vector<std::string> names;
  for (const std::string& runtime_name : RuntimeNames()) {
    std::string name = ShortName(runtime_name);
    if (name != "azure") names.push_back(std::move(name));
  }
  return names;
}

Status AddProvider(const EngineOptions& options, OrtSessionOptions* session_options) {
  if (options.provider == "cpu") {
    if (options.provider_options.empty()) return OkStatus();
    return InvalidArgument(StrCat("provider 'cpu': expected no provider options, got '",
                                  Printable(options.provider_options.begin()->first), "'"));
  }
  const std::vector<std::string> available = AvailableProviders();
  if (std::ranges::find(available, options.provider) == available.end()) {
    std::string list;
    for (const std::string& name : available) list += StrCat(list.empty() ? "" : ", ", name);
    return Unimplemented(StrCat("provider '", Printable(options.provider),
                                "': this build of ONNX Runtime can use: ", list,
                                "; a library that has more is taken from ONNXRUNTIME_ROOT"));
  }
  for (const std::string& runtime_name : RuntimeNames()) {
    if (ShortName(runtime_name) != options.provider) continue;
    return Append(runtime_name, KeysAndValues(options.provider_options), session_options)
        .WithContext(StrCat("provider '", options.provider, "'"));
  }
  return OkStatus();
}

}  // namespace slipway::engine
