#pragma once

#include <onnxruntime_c_api.h>

#include <memory>

namespace slipway::engine {

// The C API's table of functions, at the version of the headers we are built with. The table only
// grows, so any library of that version or newer has it. Valid once OnnxRuntimeFactory::Create()
// has succeeded, which checks that; constant for the life of the process.
inline const OrtApi& Api() {
  static const OrtApi* const kApi = OrtGetApiBase()->GetApi(ORT_API_VERSION);
  return *kApi;
}

// Ends an object of the C API with the table's function for it.
template <auto Release>
struct OrtRelease {
  template <typename T>
  void operator()(T* object) const {
    (Api().*Release)(object);
  }
};

using EnvPtr = std::unique_ptr<OrtEnv, OrtRelease<&OrtApi::ReleaseEnv>>;
using SessionPtr = std::unique_ptr<OrtSession, OrtRelease<&OrtApi::ReleaseSession>>;
using SessionOptionsPtr =
    std::unique_ptr<OrtSessionOptions, OrtRelease<&OrtApi::ReleaseSessionOptions>>;
using RunOptionsPtr = std::unique_ptr<OrtRunOptions, OrtRelease<&OrtApi::ReleaseRunOptions>>;
using ValuePtr = std::unique_ptr<OrtValue, OrtRelease<&OrtApi::ReleaseValue>>;
using TypeInfoPtr = std::unique_ptr<OrtTypeInfo, OrtRelease<&OrtApi::ReleaseTypeInfo>>;
using TensorInfoPtr =
    std::unique_ptr<OrtTensorTypeAndShapeInfo, OrtRelease<&OrtApi::ReleaseTensorTypeAndShapeInfo>>;
using MemoryInfoPtr = std::unique_ptr<OrtMemoryInfo, OrtRelease<&OrtApi::ReleaseMemoryInfo>>;
using StatusPtr = std::unique_ptr<OrtStatus, OrtRelease<&OrtApi::ReleaseStatus>>;

}  // namespace slipway::engine
