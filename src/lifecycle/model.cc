#include "lifecycle/model.h"

#include <algorithm>
#include <utility>

namespace slipway::lifecycle {

std::ostream& operator<<(std::ostream& out, const ModelId& id) {
  return out << "model '" << id.name << "' version " << id.version;
}

Snapshot::Snapshot(std::vector<Model> models) : models_(std::move(models)) {
  std::erase_if(models_, [](const Model& model) { return model.versions.empty(); });
  std::ranges::sort(models_, {}, &Model::name);
  for (Model& model : models_) {
    std::ranges::sort(model.versions, {},
                      [](const ModelHandle& handle) { return handle->id().version; });
  }
}

const Snapshot::Model* Snapshot::Find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(models_, name, {}, &Model::name);
  return found != models_.end() && found->name == name ? &*found : nullptr;
}

const ModelHandle* Snapshot::Find(std::string_view name, std::optional<int64_t> version) const {
  const Model* model = Find(name);
  if (model == nullptr) return nullptr;
  if (!version) return &model->versions.back();
  const auto found =
      std::ranges::lower_bound(model->versions, *version, {},
                               [](const ModelHandle& handle) { return handle->id().version; });
  if (found == model->versions.end() || (*found)->id().version != *version) return nullptr;
  return &*found;
}

}  // namespace slipway::lifecycle
