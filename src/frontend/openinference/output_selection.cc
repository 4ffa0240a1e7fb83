#include "frontend/openinference/output_selection.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::frontend::openinference {
namespace {

std::string NamesOf(const std::vector<tensor::TensorSpec>& specs) {
  std::string names;
  for (const tensor::TensorSpec& spec : specs) {
    if (!names.empty()) names.append(", ");
    names.append(base::StrCat("'", spec.name, "'"));
  }
  return names;
}

}  // namespace

base::Status AddOutput(const tensor::Signature& signature, std::string_view name, bool binary,
                       int64_t classes, InferRequest& request) {
  const std::optional<size_t> index = signature.FindOutput(name);
  if (!index && signature.FindStateOutput(name)) {
    return base::InvalidArgument(base::StrCat(
        "output '", base::Printable(name),
        "': it is a state, which the server keeps for each sequence; the model's outputs are ",
        NamesOf(signature.outputs)));
  }
  if (!index) {
    return base::InvalidArgument(base::StrCat("output '", base::Printable(name),
                                              "': the model has no such output; it has ",
                                              NamesOf(signature.outputs)));
  }
  const auto same = [&](const RequestedOutput& output) { return output.index == *index; };
  if (std::ranges::any_of(request.outputs, same)) {
    return base::InvalidArgument(
        base::StrCat("output '", base::Printable(name), "' is there twice"));
  }
  request.outputs.push_back({.index = *index, .binary = binary, .classes = classes});
  return base::OkStatus();
}

void AddAllOutputs(const tensor::Signature& signature, bool binary, InferRequest& request) {
  for (size_t i = 0; i < signature.outputs.size(); ++i) {
    request.outputs.push_back({.index = i, .binary = binary, .classes = 0});
  }
}

}  // namespace slipway::frontend::openinference
