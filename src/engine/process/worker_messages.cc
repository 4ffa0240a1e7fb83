#include "engine/process/worker_messages.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"

namespace slipway::engine {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::WireField;
using base::WireReader;
using base::WireWriter;
using tensor::DType;
using tensor::Shape;
using tensor::Signature;
using tensor::TensorSpec;

namespace {

constexpr size_t kAlignment = 64;

Status BadMessage(std::string_view what) {
  return InvalidArgument(base::StrCat("a message between server and worker: ", what));
}

std::string EncodeEntry(std::string_view key, std::string_view value) {
  std::string out;
  WireWriter(out).Bytes(1, key);
  WireWriter(out).Bytes(2, value);
  return out;
}

std::pair<std::string, std::string> DecodeEntry(WireReader reader) {
  std::pair<std::string, std::string> entry;
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) entry.first = field.text();
    if (field.number == 2) entry.second = field.text();
  }
  return entry;
}

void WriteStatus(const Status& status, std::string& out) {
  WireWriter(out).Varint(1, static_cast<uint64_t>(status.code()));
  WireWriter(out).Bytes(2, status.message());
}

// What WriteStatus() wrote, put together from the fields of a message.
struct WireStatus {
  void Read(const WireField& field) {
    if (field.number == 1) code = field.value;
    if (field.number == 2) message = field.text();
  }
  Status status() const {
    if (code == 0) return base::OkStatus();
    constexpr auto kLast = static_cast<uint64_t>(base::StatusCode::kUnauthenticated);
    return {code <= kLast ? static_cast<base::StatusCode>(code) : base::StatusCode::kInternal,
            std::string(message)};
  }

  uint64_t code = 0;
  std::string_view message;
};

Result<DType> ToDType(uint64_t number) {
  if (number >= tensor::kDTypeCount) return BadMessage("no such dtype");
  return static_cast<DType>(number);
}

void WriteDims(const Shape& shape, std::string& out) {
  for (const int64_t dim : shape.dims()) WireWriter(out).Varint(3, static_cast<uint64_t>(dim));
}

std::string EncodeSpec(const TensorSpec& spec) {
  std::string out;
  WireWriter writer(out);
  writer.Bytes(1, spec.name);
  writer.Varint(2, static_cast<uint64_t>(spec.dtype));
  WriteDims(spec.shape, out);
  writer.Varint(4, spec.optional ? 1 : 0);
  writer.Varint(5, spec.any_rank ? 1 : 0);
  for (const std::string& name : spec.dim_names) writer.Bytes(6, name);
  return out;
}

Result<TensorSpec> DecodeSpec(WireReader reader) {
  TensorSpec spec;
  std::vector<int64_t> dims;
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) spec.name = field.text();
    if (field.number == 2) {
      SLIPWAY_ASSIGN_OR_RETURN(spec.dtype, ToDType(field.value));
    }
    if (field.number == 3) dims.push_back(field.signed_value());
    if (field.number == 4) spec.optional = field.value != 0;
    if (field.number == 5) spec.any_rank = field.value != 0;
    if (field.number == 6) spec.dim_names.emplace_back(field.text());
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  SLIPWAY_ASSIGN_OR_RETURN(spec.shape, Shape::Create(dims));
  return spec;
}

std::string EncodeTensor(const SharedTensor& tensor) {
  std::string out;
  WireWriter writer(out);
  writer.Varint(1, tensor.absent ? 1 : 0);
  writer.Varint(2, static_cast<uint64_t>(tensor.dtype));
  WriteDims(tensor.shape, out);
  writer.Varint(4, tensor.offset);
  writer.Varint(5, tensor.size);
  return out;
}

Result<SharedTensor> DecodeTensor(WireReader reader) {
  SharedTensor tensor;
  std::vector<int64_t> dims;
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) tensor.absent = field.value != 0;
    if (field.number == 2) {
      SLIPWAY_ASSIGN_OR_RETURN(tensor.dtype, ToDType(field.value));
    }
    if (field.number == 3) dims.push_back(field.signed_value());
    if (field.number == 4) tensor.offset = field.value;
    if (field.number == 5) tensor.size = field.value;
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  SLIPWAY_ASSIGN_OR_RETURN(tensor.shape, Shape::Create(dims));
  return tensor;
}

}  // namespace

std::string Encode(const LoadRequest& request) {
  std::string out;
  WireWriter writer(out);
  writer.Bytes(1, request.files.directory.string());
  writer.Bytes(2, request.files.model_file);
  if (request.files.in_memory != nullptr) {
    writer.Varint(3, 1);
    for (const auto& [name, content] : *request.files.in_memory) {
      writer.Bytes(4, EncodeEntry(name, content));
    }
  }
  writer.Bytes(5, request.options.provider);
  for (const auto& [key, value] : request.options.provider_options) {
    writer.Bytes(6, EncodeEntry(key, value));
  }
  writer.Varint(7, static_cast<uint64_t>(request.options.intra_op_threads));
  return out;
}

Result<LoadRequest> DecodeLoadRequest(std::span<const std::byte> message) {
  LoadRequest request;
  auto in_memory = std::make_shared<std::map<std::string, std::string>>();
  bool has_memory = false;
  WireReader reader(message);
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) request.files.directory = field.text();
    if (field.number == 2) request.files.model_file = field.text();
    if (field.number == 3) has_memory = field.value != 0;
    if (field.number == 4) in_memory->insert(DecodeEntry(reader.Enter(field)));
    if (field.number == 5) request.options.provider = field.text();
    if (field.number == 6) {
      request.options.provider_options.insert(DecodeEntry(reader.Enter(field)));
    }
    if (field.number == 7) request.options.intra_op_threads = static_cast<int>(field.value);
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  if (has_memory) request.files.in_memory = std::move(in_memory);
  return request;
}

std::string Encode(const LoadReply& reply) {
  std::string out;
  WriteStatus(reply.status, out);
  WireWriter writer(out);
  for (const TensorSpec& spec : reply.signature.inputs) writer.Bytes(3, EncodeSpec(spec));
  for (const TensorSpec& spec : reply.signature.outputs) writer.Bytes(4, EncodeSpec(spec));
  for (const std::string& name : reply.signature.columns) writer.Bytes(5, name);
  for (const std::string& name : reply.signature.classes) writer.Bytes(6, name);
  for (const auto& [key, value] : reply.signature.properties) {
    writer.Bytes(7, EncodeEntry(key, value));
  }
  return out;
}

Result<LoadReply> DecodeLoadReply(std::span<const std::byte> message) {
  LoadReply reply;
  WireStatus status;
  WireReader reader(message);
  for (WireField field; reader.Next(field);) {
    status.Read(field);
    if (field.number == 3 || field.number == 4) {
      SLIPWAY_ASSIGN_OR_RETURN(TensorSpec spec, DecodeSpec(reader.Enter(field)));
      auto& specs = field.number == 3 ? reply.signature.inputs : reply.signature.outputs;
      specs.push_back(std::move(spec));
    }
    if (field.number == 5) reply.signature.columns.emplace_back(field.text());
    if (field.number == 6) reply.signature.classes.emplace_back(field.text());
    if (field.number == 7) reply.signature.properties.insert(DecodeEntry(reader.Enter(field)));
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  reply.status = status.status();
  return reply;
}

std::string Encode(const RunRequest& request) {
  std::string out;
  WireWriter writer(out);
  for (const size_t output : request.outputs) writer.Varint(1, output);
  for (const SharedTensor& input : request.inputs) writer.Bytes(2, EncodeTensor(input));
  writer.Varint(3, request.area_bytes);
  if (request.deadline) {
    writer.Varint(4, static_cast<uint64_t>(request.deadline->time_since_epoch().count()));
  }
  return out;
}

Result<RunRequest> DecodeRunRequest(std::span<const std::byte> message) {
  RunRequest request;
  WireReader reader(message);
  for (WireField field; reader.Next(field);) {
    if (field.number == 1) request.outputs.push_back(field.value);
    if (field.number == 2) {
      SLIPWAY_ASSIGN_OR_RETURN(const SharedTensor input, DecodeTensor(reader.Enter(field)));
      request.inputs.push_back(input);
    }
    if (field.number == 3) request.area_bytes = field.value;
    if (field.number == 4) {
      request.deadline = base::SteadyTime(base::SteadyTime::duration(field.signed_value()));
    }
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  return request;
}

std::string Encode(const RunReply& reply) {
  std::string out;
  WriteStatus(reply.status, out);
  WireWriter writer(out);
  for (const SharedTensor& output : reply.outputs) writer.Bytes(3, EncodeTensor(output));
  writer.Varint(4, reply.area_bytes);
  return out;
}

Result<RunReply> DecodeRunReply(std::span<const std::byte> message) {
  RunReply reply;
  WireStatus status;
  WireReader reader(message);
  for (WireField field; reader.Next(field);) {
    status.Read(field);
    if (field.number == 3) {
      SLIPWAY_ASSIGN_OR_RETURN(const SharedTensor output, DecodeTensor(reader.Enter(field)));
      reply.outputs.push_back(output);
    }
    if (field.number == 4) reply.area_bytes = field.value;
  }
  SLIPWAY_RETURN_IF_ERROR(reader.status());
  reply.status = status.status();
  return reply;
}

Result<std::vector<SharedTensor>> ShareTensors(std::span<const tensor::TensorView> tensors,
                                               size_t head, SharedArea& area) {
  std::vector<SharedTensor> shared;
  uint64_t end = head;
  for (const tensor::TensorView& view : tensors) {
    SharedTensor& one = shared.emplace_back();
    one.absent = view.absent();
    if (one.absent) continue;
    one.dtype = view.dtype();
    one.shape = view.shape();
    one.offset = (end + kAlignment - 1) / kAlignment * kAlignment;
    one.size = view.data().size();
    end = one.offset + one.size;
  }
  SLIPWAY_RETURN_IF_ERROR(area.Reserve(end));
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (shared[i].size == 0) continue;
    std::memcpy(area.bytes().data() + shared[i].offset, tensors[i].data().data(), shared[i].size);
  }
  return shared;
}

uint64_t EndOf(std::span<const SharedTensor> tensors) {
  uint64_t end = 0;
  for (const SharedTensor& tensor : tensors) end = std::max(end, tensor.offset + tensor.size);
  return end;
}

Result<std::span<const std::byte>> BytesOf(const SharedTensor& tensor, SharedArea& area) {
  const std::span<const std::byte> bytes = area.bytes();
  if (tensor.offset > bytes.size() || tensor.size > bytes.size() - tensor.offset) {
    return BadMessage("a tensor beyond the shared memory");
  }
  return bytes.subspan(tensor.offset, tensor.size);
}

}  // namespace slipway::engine
