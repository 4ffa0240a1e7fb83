#include "frontend/openinference/model_config_json.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "frontend/openinference/metadata_json.h"
#include "inference/model_runtime.h"

namespace slipway::frontend::openinference {
namespace {

using Json = nlohmann::ordered_json;

std::string TypeName(tensor::DType dtype) {
  if (dtype == tensor::DType::kBytes) return "TYPE_STRING";
  return std::string("TYPE_").append(tensor::DTypeName(dtype));
}

Json Dims(const tensor::TensorSpec& spec, bool without_batch) {
  Json dims = Json::array();
  if (spec.any_rank) return Json::array({-1});
  for (size_t i = without_batch ? 1 : 0; i < spec.shape.rank(); ++i) dims.push_back(spec.shape[i]);
  return dims;
}

Json InputConfig(const tensor::TensorSpec& spec, bool without_batch) {
  return {{"name", spec.name},        {"data_type", TypeName(spec.dtype)},
          {"format", "FORMAT_NONE"},  {"dims", Dims(spec, without_batch)},
          {"is_shape_tensor", false}, {"allow_ragged_batch", false},
          {"optional", spec.optional}};
}

Json OutputConfig(const tensor::TensorSpec& spec, bool without_batch) {
  return {{"name", spec.name},
          {"data_type", TypeName(spec.dtype)},
          {"dims", Dims(spec, without_batch)},
          {"label_filename", ""},
          {"is_shape_tensor", false}};
}

// What Triton calls the sequence batcher of a model with state.
Json SequenceConfig(const lifecycle::LoadedModel& model, bool without_batch) {
  const std::chrono::nanoseconds idle =
      inference::ModelRuntime::Of(model).sequences()->idle_timeout();
  Json config = {{"max_sequence_idle_microseconds",
                  std::chrono::duration_cast<std::chrono::microseconds>(idle).count()},
                 {"state", Json::array()}};
  for (const tensor::StateSpec& state : model.engine().signature().states) {
    config["state"].push_back({{"input_name", state.input.name},
                               {"output_name", state.output_name},
                               {"data_type", TypeName(state.input.dtype)},
                               {"dims", Dims(state.input, without_batch)}});
  }
  return config;
}

// The fields of a configuration that a client sent with a load call; an object, possibly empty.
Json OverrideOf(const lifecycle::LoadedModel& model) {
  const std::string& text = model.config().override_json;
  Json fields = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return fields.is_object() ? fields : Json::object();
}

int64_t MaxBatchSize(const lifecycle::LoadedModel& model, const Json& given) {
  if (!model.engine().signature().batched()) return 0;
  const auto found = given.find("max_batch_size");
  if (found == given.end() || !found->is_number_integer()) return kAnnouncedBatchSize;
  return std::max<int64_t>(0, found->get<int64_t>());
}

}  // namespace

std::string ModelConfigJson(const lifecycle::LoadedModel& model, std::string_view backend) {
  const tensor::Signature& signature = model.engine().signature();
  const Json given = OverrideOf(model);
  const int64_t max_batch_size = MaxBatchSize(model, given);
  Json config = {{"name", model.id().name},
                 {"platform", PlatformName(backend)},
                 {"backend", backend},
                 {"runtime", ""},
                 {"max_batch_size", max_batch_size},
                 {"input", Json::array()},
                 {"output", Json::array()},
                 {"default_model_filename", model.model_file()},
                 {"parameters", Json::object()}};
  for (const tensor::TensorSpec& spec : signature.inputs) {
    config["input"].push_back(InputConfig(spec, max_batch_size > 0));
  }
  for (const tensor::TensorSpec& spec : signature.outputs) {
    config["output"].push_back(OutputConfig(spec, max_batch_size > 0));
  }
  if (inference::ModelRuntime::Of(model).cache() != nullptr) {
    config["response_cache"] = {{"enable", true}};
  }
  if (!signature.states.empty()) {
    config["sequence_batching"] = SequenceConfig(model, max_batch_size > 0);
  }
  // What the model itself says wins; the rest is as it was given.
  for (const auto& [key, value] : given.items()) {
    if (!config.contains(key) || key == "parameters") config[key] = value;
  }
  return config.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace slipway::frontend::openinference
