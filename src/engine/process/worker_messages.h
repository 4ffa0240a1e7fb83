#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/process/shared_area.h"
#include "tensor/signature.h"
#include "tensor/tensor.h"

namespace slipway::engine {

// What a server and the worker process of a model say to each other, as bytes in protobuf's wire
// format. Tensors lie in shared memory; messages say where. Every reader takes any bytes: a model
// that took over its worker must not take over the server.

// "Load this": the first message of the server, on the control channel.
struct LoadRequest {
  ModelFiles files;
  EngineOptions options;
};
std::string Encode(const LoadRequest& request);
base::Result<LoadRequest> DecodeLoadRequest(std::span<const std::byte> message);

// The answer to it.
struct LoadReply {
  base::Status status;
  tensor::Signature signature;
};
std::string Encode(const LoadReply& reply);
base::Result<LoadReply> DecodeLoadReply(std::span<const std::byte> message);

// A tensor in a shared area: `size` bytes at `offset`.
struct SharedTensor {
  bool absent = false;
  tensor::DType dtype = tensor::DType::kFp32;
  tensor::Shape shape = {};
  uint64_t offset = 0;
  uint64_t size = 0;
};

// "Run with these". Time is that of CLOCK_MONOTONIC, which all processes of a machine share.
struct RunRequest {
  std::vector<size_t> outputs;
  std::vector<SharedTensor> inputs;
  uint64_t area_bytes = 0;  // of shared memory that are needed: where the last input ends
  std::optional<base::SteadyTime> deadline;
};
std::string Encode(const RunRequest& request);
base::Result<RunRequest> DecodeRunRequest(std::span<const std::byte> message);

struct RunReply {
  base::Status status;
  std::vector<SharedTensor> outputs;
  uint64_t area_bytes = 0;
};
std::string Encode(const RunReply& reply);
base::Result<RunReply> DecodeRunReply(std::span<const std::byte> message);

// Copies tensors into `area` behind its first `head` bytes, each aligned to 64. kResourceExhausted.
base::Result<std::vector<SharedTensor>> ShareTensors(std::span<const tensor::TensorView> tensors,
                                                     size_t head, SharedArea& area);
// Where the last of them ends.
uint64_t EndOf(std::span<const SharedTensor> tensors);
// The bytes of a tensor in `area`, of which `area_bytes` must have been mapped. kInvalidArgument.
base::Result<std::span<const std::byte>> BytesOf(const SharedTensor& tensor, SharedArea& area);

}  // namespace slipway::engine
