// Methods about one model: readiness, metadata, configuration, statistics.

#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "frontend/grpc/message_writer.h"
#include "frontend/grpc/methods.h"
#include "frontend/grpc/model_config_message.h"
#include "frontend/grpc/text_fields.h"
#include "frontend/openinference/metadata_json.h"
#include "frontend/openinference/model_finder.h"
#include "inference/model_runtime.h"

namespace slipway::frontend::grpc {
namespace {

using base::Status;
using base::StrCat;
using lifecycle::LoadedModel;
using monitor::ModelStats;
using monitor::Phase;

// A call that is never submitted: it only finds a model.
class Finder final : public inference::InferCall {
 public:
  void OnDone() override {}
};

struct NamedModel {
  std::string_view name;
  std::optional<int64_t> version;
};

Status ReadName(UnaryCall& call, NamedModel& named) {
  std::array<std::string_view, 2> fields;
  SLIPWAY_RETURN_IF_ERROR(ReadTextFields(call.message(), fields));
  named.name = fields[0];
  return openinference::ParseVersion(named.name, fields[1], named.version);
}

// The model that the request names. Valid for this call of the method.
base::Result<std::reference_wrapper<const LoadedModel>> FindModel(UnaryCall& call,
                                                                  NamedModel& named) {
  SLIPWAY_RETURN_IF_ERROR(ReadName(call, named));
  Finder finder;
  SLIPWAY_RETURN_IF_ERROR(openinference::FindModel(
      call.services().dispatcher, call.services().control, named.name, named.version, finder));
  call.AddMetadata("slipway-model-digest", finder.model->digest());
  return std::cref(*finder.model);
}

void WriteTensors(uint32_t field, const std::vector<tensor::TensorSpec>& specs, std::string& out) {
  for (const tensor::TensorSpec& spec : specs) {
    std::string tensor;
    std::string shape;
    const tensor::Shape dims = spec.any_rank ? tensor::Shape{-1} : spec.shape;
    for (const int64_t dim : dims.dims()) {
      base::AppendVarint(shape, static_cast<uint64_t>(dim));
    }
    WriteText(1, spec.name, tensor);
    WriteText(2, tensor::DTypeName(spec.dtype), tensor);
    WriteText(3, shape, tensor);
    WriteMessage(field, tensor, out);
  }
}

void WriteDuration(uint32_t field, const ModelStats::Duration& duration, std::string& out) {
  std::string message;
  WriteNumber(1, duration.count, message);
  WriteNumber(2, duration.ns, message);
  WriteMessage(field, message, out);
}

// Inputs and outputs are decoded and encoded by request, not by batch: their times are 0 here.
void WriteBatch(int64_t rows, const ModelStats::BatchSize& batch, std::string& out) {
  std::string message;
  WriteNumber(1, static_cast<uint64_t>(rows), message);
  WriteDuration(2, {batch.executions, 0}, message);
  WriteDuration(3, {batch.executions, batch.infer_ns}, message);
  WriteDuration(4, {batch.executions, 0}, message);
  WriteMessage(7, message, out);
}

void WriteInferStatistics(const ModelStats::Totals& totals, std::string& out) {
  const auto phase = [&totals](Phase which) { return totals.phases[static_cast<size_t>(which)]; };
  std::string message;
  WriteDuration(1, totals.success, message);
  WriteDuration(2, totals.fail, message);
  WriteDuration(3, phase(Phase::kQueue), message);
  WriteDuration(4, phase(Phase::kInput), message);
  WriteDuration(5, phase(Phase::kInfer), message);
  WriteDuration(6, phase(Phase::kOutput), message);
  WriteDuration(7, totals.CacheHits(), message);
  WriteDuration(8, totals.cache_miss, message);
  WriteMessage(6, message, out);
}

void WriteStatistics(const LoadedModel& model, std::string& out) {
  const ModelStats::Totals totals = inference::ModelRuntime::Of(model).stats().Read();
  const auto last =
      std::chrono::duration_cast<std::chrono::milliseconds>(totals.last_request.time_since_epoch());
  std::string message;
  WriteText(1, model.id().name, message);
  WriteText(2, StrCat(model.id().version), message);
  WriteNumber(3, static_cast<uint64_t>(last.count()), message);
  WriteNumber(4, totals.rows, message);
  WriteNumber(5, totals.executions, message);
  WriteInferStatistics(totals, message);
  for (const auto& [rows, batch] : totals.batch_sizes) WriteBatch(rows, batch, message);
  std::string memory;
  WriteText(1, "CPU", memory);
  WriteNumber(3, model.estimated_bytes(), memory);
  WriteMessage(8, memory, message);
  WriteMessage(1, message, out);
}

}  // namespace

// A model that is unknown is not ready: clients ask this until it is.
void ModelReady(UnaryCall& call) {
  NamedModel named;
  const auto model = FindModel(call, named);
  Status status = model.status();
  if (status.code() == base::StatusCode::kNotFound ||
      status.code() == base::StatusCode::kUnavailable) {
    status = base::OkStatus();
  }
  WriteFlag(1, model.ok(), call.reply());
  call.Finish(status);
}

void ModelMetadata(UnaryCall& call) {
  NamedModel named;
  const auto found = FindModel(call, named);
  if (!found.ok()) {
    call.Finish(found.status());
    return;
  }
  const LoadedModel& model = *found;
  std::string& out = call.reply();
  const Services& services = call.services();
  const tensor::Signature& signature = model.engine().signature();
  WriteText(1, model.id().name, out);
  WriteText(3, openinference::PlatformName(services.state.backend()), out);
  WriteTensors(4, signature.inputs, out);
  WriteTensors(5, signature.outputs, out);
  if (named.version) {
    WriteText(2, StrCat(*named.version), out);
  } else if (const auto* all = services.dispatcher.snapshot().Find(named.name)) {
    for (const lifecycle::ModelHandle& version : all->versions) {
      WriteText(2, StrCat(version->id().version), out);
    }
  }
  for (const auto& [key, value] : signature.properties) {
    std::string entry;
    WriteText(1, key, entry);
    WriteText(2, value, entry);
    WriteMessage(6, entry, out);
  }
  call.Finish(base::OkStatus());
}

void ModelConfig(UnaryCall& call) {
  NamedModel named;
  const auto model = FindModel(call, named);
  if (model.ok()) {
    const std::string_view backend = call.services().state.backend();
    WriteMessage(1, ModelConfigMessage(call.schema(), *model, backend), call.reply());
  }
  call.Finish(model.status());
}

// Triton answers kInvalidArgument, not kNotFound, for a model that is not there.
void ModelStatistics(UnaryCall& call) {
  NamedModel named;
  const Status read = ReadName(call, named);
  const lifecycle::Snapshot& snapshot = call.services().dispatcher.snapshot();
  if (read.ok() && named.name.empty()) {
    for (const lifecycle::Snapshot::Model& model : snapshot.models()) {
      for (const lifecycle::ModelHandle& version : model.versions) {
        WriteStatistics(*version, call.reply());
      }
    }
    call.Finish(read);
    return;
  }
  const auto model = FindModel(call, named);
  if (!model.ok()) {
    call.Finish(base::InvalidArgument(model.status().message()));
    return;
  }
  if (named.version) {
    WriteStatistics(*model, call.reply());
  } else if (const auto* all = call.services().dispatcher.snapshot().Find(named.name)) {
    for (const lifecycle::ModelHandle& version : all->versions) {
      WriteStatistics(*version, call.reply());
    }
  }
  call.Finish(base::OkStatus());
}

}  // namespace slipway::frontend::grpc
