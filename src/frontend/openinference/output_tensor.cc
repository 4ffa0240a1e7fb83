#include "frontend/openinference/output_tensor.h"

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/str_cat.h"
#include "frontend/openinference/classification.h"

namespace slipway::frontend::openinference {

base::Status ClassifyIfAsked(const lifecycle::LoadedModel& model, const RequestedOutput& output,
                             tensor::Tensor& tensor) {
  if (output.classes == 0) return base::OkStatus();
  const tensor::Signature& signature = model.engine().signature();
  const std::string& name = signature.outputs[output.index].name;
  const auto labels = model.config().labels.find(name);
  const bool named = labels != model.config().labels.end();
  base::Result<tensor::Tensor> classified = Classify(
      tensor.view(), output.classes, signature.batched(),
      named ? std::span<const std::string>(labels->second) : std::span<const std::string>());
  if (!classified.ok()) return classified.status().WithContext(base::StrCat("output '", name, "'"));
  tensor = *std::move(classified);
  return base::OkStatus();
}

base::Buffer TakeMemory(tensor::Tensor tensor) {
  auto owner = std::make_unique<tensor::Tensor>(std::move(tensor));
  const std::span<std::byte> bytes = owner->mutable_data();
  return {bytes.data(), bytes.size(), owner.release(),
          [](void* held) { delete static_cast<tensor::Tensor*>(held); }};
}

}  // namespace slipway::frontend::openinference
