#include "app/model_control.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::StrCat;
using lifecycle::VersionPolicy;

// The fields of Triton's ModelConfig. Source: model_config.proto.
constexpr std::array<std::string_view, 26> kModelConfigFields = {"name",
                                                                 "platform",
                                                                 "backend",
                                                                 "runtime",
                                                                 "version_policy",
                                                                 "max_batch_size",
                                                                 "input",
                                                                 "output",
                                                                 "batch_input",
                                                                 "batch_output",
                                                                 "optimization",
                                                                 "dynamic_batching",
                                                                 "sequence_batching",
                                                                 "ensemble_scheduling",
                                                                 "instance_group",
                                                                 "default_model_filename",
                                                                 "cc_model_filenames",
                                                                 "metric_tags",
                                                                 "parameters",
                                                                 "model_warmup",
                                                                 "model_operations",
                                                                 "model_transaction_policy",
                                                                 "model_repository_agents",
                                                                 "response_cache",
                                                                 "model_metrics",
                                                                 "scheduling_choice"};

// A number that ModelConfig's JSON form may write as a number or as text.
base::Result<int64_t> Number(const nlohmann::json& value, std::string_view where) {
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_string()) {
    try {
      return std::stoll(value.get<std::string>());
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the error follows below
    }
  }
  return base::InvalidArgument(
      StrCat("model config, ", where, ": expected a whole number, got ", value.dump()));
}

// The member of that name, null when there is none.
base::Result<nlohmann::json> Member(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) {
    return base::InvalidArgument(StrCat("model config, version_policy: expected an object with '",
                                        name, "', got ", base::Printable(object.dump())));
  }
  return object.contains(name) ? object[name] : nlohmann::json();
}

// A parser and a printer of JSON that call themselves must not meet text as deep as it likes.
base::Status CheckDepth(std::string_view json) {
  constexpr int kMaxDepth = 64;
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) {
        return base::InvalidArgument(
            StrCat("model config: expected at most ", kMaxDepth, " nested levels"));
      }
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return base::OkStatus();
}

base::Result<VersionPolicy> ToPolicy(const nlohmann::json& json) {
  VersionPolicy policy;
  if (json.is_object() && json.contains("all")) {
    policy.kind = VersionPolicy::Kind::kAll;
    return policy;
  }
  if (json.is_object() && json.contains("latest")) {
    SLIPWAY_ASSIGN_OR_RETURN(const nlohmann::json number, Member(json["latest"], "num_versions"));
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t count,
                             Number(number.is_null() ? nlohmann::json(1) : number,
                                    "version_policy.latest.num_versions"));
    if (count < 1) {
      return base::InvalidArgument(StrCat(
          "model config, version_policy.latest.num_versions: expected at least 1, got ", count));
    }
    policy.count = static_cast<size_t>(count);
    return policy;
  }
  if (json.is_object() && json.contains("specific")) {
    policy.kind = VersionPolicy::Kind::kSpecific;
    SLIPWAY_ASSIGN_OR_RETURN(const nlohmann::json versions, Member(json["specific"], "versions"));
    if (!versions.is_array()) {
      return base::InvalidArgument(
          StrCat("model config, version_policy.specific.versions: expected ", "a list, got ",
                 base::Printable(versions.dump())));
    }
    for (const auto& version : versions) {
      SLIPWAY_ASSIGN_OR_RETURN(const int64_t number,
                               Number(version, "version_policy.specific.versions"));
      policy.versions.push_back(number);
    }
    std::ranges::sort(policy.versions);
    const auto repeated = std::ranges::unique(policy.versions);
    policy.versions.erase(repeated.begin(), repeated.end());
    return policy;
  }
  return base::InvalidArgument(
      StrCat("model config, version_policy: expected 'latest', 'all' or 'specific', got ",
             base::Printable(json.dump())));
}

base::Status CheckFields(const nlohmann::json& config) {
  if (!config.is_object()) {
    return base::InvalidArgument("model config: expected a JSON object");
  }
  for (const auto& [key, unused] : config.items()) {
    if (std::ranges::find(kModelConfigFields, key) == kModelConfigFields.end()) {
      const std::string_view near = base::NearestName(key, kModelConfigFields);
      return base::InvalidArgument(StrCat("model config: unknown field '", base::Printable(key),
                                          "'", near.empty() ? "" : "; did you mean '", near,
                                          near.empty() ? "" : "'?"));
    }
  }
  return base::OkStatus();
}

void AppendEntries(const lifecycle::ModelStatus& model,
                   std::vector<frontend::ModelControl::Entry>& entries) {
  if (model.versions.empty()) {
    entries.push_back({.name = model.name, .version = std::nullopt, .state = "", .reason = ""});
  }
  for (const lifecycle::VersionStatus& version : model.versions) {
    entries.push_back({.name = model.name,
                       .version = version.version,
                       .state = lifecycle::ModelStateName(version.state),
                       .reason = version.reason});
  }
}

}  // namespace

base::Result<lifecycle::LoadRequest> ToLoadRequest(frontend::ModelControl::LoadRequest request,
                                                   const lifecycle::ModelConfig& defaults) {
  lifecycle::LoadRequest load;
  load.name = std::move(request.name);
  load.files = std::move(request.files);
  if (request.config_json.empty()) return load;
  SLIPWAY_RETURN_IF_ERROR(CheckDepth(request.config_json));
  constexpr bool kThrow = false;
  const auto config = nlohmann::json::parse(request.config_json, nullptr, kThrow);
  if (config.is_discarded()) return base::InvalidArgument("model config: not valid JSON");
  SLIPWAY_RETURN_IF_ERROR(CheckFields(config));
  if (config.contains("version_policy")) {
    SLIPWAY_ASSIGN_OR_RETURN(load.policy, ToPolicy(config["version_policy"]));
  }
  load.config = defaults;
  load.config->override_json = std::move(request.config_json);
  return load;
}

std::vector<frontend::ModelControl::Entry> ManagerModelControl::Index() const {
  std::vector<Entry> entries;
  for (const lifecycle::ModelStatus& model : manager_.Index()) AppendEntries(model, entries);
  return entries;
}

std::vector<frontend::ModelControl::Entry> ManagerModelControl::Find(std::string_view name) const {
  std::vector<Entry> entries;
  for (const lifecycle::ModelStatus& model : manager_.Index()) {
    if (model.name == name) AppendEntries(model, entries);
  }
  return entries;
}

void ManagerModelControl::Load(LoadRequest request, Done done) {
  const lifecycle::ModelConfig config = config_of_(request.name);
  auto load = ToLoadRequest(std::move(request), config);
  if (!load.ok()) {
    done(load.status());
    return;
  }
  manager_.Load(*std::move(load), [done = std::move(done)](const base::Status& s) { done(s); });
}

void ManagerModelControl::Unload(std::string name, Done done) {
  manager_.Unload(std::move(name), [done = std::move(done)](const base::Status& s) { done(s); });
}

}  // namespace slipway::app
