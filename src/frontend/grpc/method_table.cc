#include "frontend/grpc/method_table.h"

#include <algorithm>
#include <array>

#include "frontend/grpc/methods.h"

namespace slipway::frontend::grpc {
namespace {

using Kind = Method::Kind;

constexpr auto kMethods = std::to_array<Method>({
    {"/inference.GRPCInferenceService/ModelInfer", Kind::kInfer},
    {"/inference.GRPCInferenceService/ModelStreamInfer", Kind::kStreamInfer},
    {"/inference.GRPCInferenceService/ServerLive", Kind::kUnary, ServerLive},
    {"/inference.GRPCInferenceService/ServerReady", Kind::kUnary, ServerReady},
    {"/inference.GRPCInferenceService/ModelReady", Kind::kUnary, ModelReady},
    {"/inference.GRPCInferenceService/ServerMetadata", Kind::kUnary, ServerMetadata},
    {"/inference.GRPCInferenceService/ModelMetadata", Kind::kUnary, ModelMetadata},
    {"/inference.GRPCInferenceService/ModelConfig", Kind::kUnary, ModelConfig},
    {"/inference.GRPCInferenceService/ModelStatistics", Kind::kUnary, ModelStatistics},
    {"/inference.GRPCInferenceService/RepositoryIndex", Kind::kUnary, RepositoryIndex},
    {"/inference.GRPCInferenceService/RepositoryModelLoad", Kind::kUnary, RepositoryModelLoad},
    {"/inference.GRPCInferenceService/RepositoryModelUnload", Kind::kUnary, RepositoryModelUnload},
    {"/inference.GRPCInferenceService/SystemSharedMemoryStatus", Kind::kUnary, SharedMemoryStatus},
    {"/inference.GRPCInferenceService/SystemSharedMemoryRegister", Kind::kUnary,
     SharedMemoryRegister},
    {"/inference.GRPCInferenceService/SystemSharedMemoryUnregister", Kind::kUnary,
     SharedMemoryUnregister},
    {"/inference.GRPCInferenceService/CudaSharedMemoryStatus", Kind::kUnary, CudaMemoryStatus},
    {"/inference.GRPCInferenceService/CudaSharedMemoryRegister", Kind::kUnary, CudaMemoryRegister},
    {"/inference.GRPCInferenceService/CudaSharedMemoryUnregister", Kind::kUnary,
     CudaMemoryUnregister},
    {"/inference.GRPCInferenceService/TraceSetting", Kind::kUnary, TraceSetting},
    {"/inference.GRPCInferenceService/LogSettings", Kind::kUnary, LogSettings},

    {"/grpc.health.v1.Health/Check", Kind::kUnary, HealthCheck},
    {"/grpc.health.v1.Health/Watch", Kind::kHealthWatch},
    {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Kind::kReflection},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Kind::kReflection},

    // MLServer's name for repository control.
    {"/inference.model_repository.ModelRepositoryService/RepositoryIndex", Kind::kUnary,
     RepositoryIndex},
    {"/inference.model_repository.ModelRepositoryService/RepositoryModelLoad", Kind::kUnary,
     RepositoryModelLoad},
    {"/inference.model_repository.ModelRepositoryService/RepositoryModelUnload", Kind::kUnary,
     RepositoryModelUnload},

    // TorchServe's name for the Open Inference Protocol.
    {"/org.pytorch.serve.grpc.openinference.GRPCInferenceService/ModelInfer", Kind::kInfer},
    {"/org.pytorch.serve.grpc.openinference.GRPCInferenceService/ServerLive", Kind::kUnary,
     ServerLive},
    {"/org.pytorch.serve.grpc.openinference.GRPCInferenceService/ServerReady", Kind::kUnary,
     ServerReady},
    {"/org.pytorch.serve.grpc.openinference.GRPCInferenceService/ModelReady", Kind::kUnary,
     ModelReady},
    {"/org.pytorch.serve.grpc.openinference.GRPCInferenceService/ServerMetadata", Kind::kUnary,
     ServerMetadata},
    {"/org.pytorch.serve.grpc.openinference.GRPCInferenceService/ModelMetadata", Kind::kUnary,
     ModelMetadata},
});

}  // namespace

std::span<const Method> Methods() { return kMethods; }

const Method* FindMethod(std::string_view path) {
  const auto found = std::ranges::find(kMethods, path, &Method::path);
  return found == kMethods.end() ? nullptr : &*found;
}

bool IsService(std::string_view name) {
  return std::ranges::find(kMethods, name, &Method::service) != kMethods.end();
}

}  // namespace slipway::frontend::grpc
