#include "app/server/model_control.h"

#include <utility>

#include "app/server/triton_config.h"

namespace slipway::app {
namespace {

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
                                                   const ModelSettings& defaults,
                                                   size_t processors) {
  lifecycle::LoadRequest load;
  load.name = std::move(request.name);
  load.files = std::move(request.files);
  if (request.config_json.empty()) return load;
  SLIPWAY_ASSIGN_OR_RETURN(const TritonConfig config, ReadTritonConfig(request.config_json));
  SLIPWAY_ASSIGN_OR_RETURN(const ModelSettings settings, config.Applied(defaults));
  load.policy = config.version_policy;
  load.config = settings.ToConfig(processors);
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
  const ModelSettings settings = settings_of_(request.name);
  auto load = ToLoadRequest(std::move(request), settings, processors_);
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
