#pragma once

#include "frontend/grpc/unary_call.h"

namespace slipway::frontend::grpc {

// What the unary methods answer; one function for each, called with the whole request. Source of
// the messages: proto/.

// server_methods.cc
void ServerLive(UnaryCall& call);
void ServerReady(UnaryCall& call);
void ServerMetadata(UnaryCall& call);
void LogSettings(UnaryCall& call);

// trace_methods.cc
void TraceSetting(UnaryCall& call);

// model_methods.cc
void ModelReady(UnaryCall& call);
void ModelMetadata(UnaryCall& call);
void ModelConfig(UnaryCall& call);
void ModelStatistics(UnaryCall& call);

// repository_methods.cc
void RepositoryIndex(UnaryCall& call);
void RepositoryModelLoad(UnaryCall& call);
void RepositoryModelUnload(UnaryCall& call);

// shared_memory_methods.cc
void SharedMemoryStatus(UnaryCall& call);
void SharedMemoryRegister(UnaryCall& call);
void SharedMemoryUnregister(UnaryCall& call);
void CudaMemoryStatus(UnaryCall& call);
void CudaMemoryRegister(UnaryCall& call);
void CudaMemoryUnregister(UnaryCall& call);

// health.cc
void HealthCheck(UnaryCall& call);

}  // namespace slipway::frontend::grpc
