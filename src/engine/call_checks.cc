#include "engine/call_checks.h"

#include <algorithm>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::engine {

using base::Deadline;
using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Status;
using base::StrCat;
using tensor::Signature;
using tensor::TensorSpec;
using tensor::TensorView;

std::string InputName(const TensorSpec& spec) {
  return StrCat("input '", Printable(spec.name), "'");
}

Status CheckInputs(const Signature& signature, std::span<const TensorView> inputs) {
  if (inputs.size() != signature.inputs.size()) {
    return InvalidArgument(
        StrCat("expected ", signature.inputs.size(), " inputs, got ", inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = signature.inputs[i];
    if (inputs[i].absent()) {
      if (spec.optional) continue;
      return InvalidArgument(StrCat(InputName(spec), ": expected ", spec, ", got nothing"));
    }
    if (!spec.Accepts(inputs[i].dtype(), inputs[i].shape())) {
      return InvalidArgument(StrCat(InputName(spec), ": expected ", spec, ", got ",
                                    inputs[i].dtype(), inputs[i].shape()));
    }
  }
  return OkStatus();
}

Status CheckOutputs(const Signature& signature, std::span<const size_t> outputs) {
  bool ascending = true;  // as nearly always, and then none comes twice
  for (size_t i = 0; i < outputs.size(); ++i) {
    ascending = ascending && (i == 0 || outputs[i] > outputs[i - 1]);
    if (outputs[i] < signature.outputs.size()) continue;
    return InvalidArgument(
        StrCat("output ", outputs[i], ": expected a position below ", signature.outputs.size()));
  }
  if (ascending) return OkStatus();
  std::vector<size_t> sorted(outputs.begin(), outputs.end());
  std::ranges::sort(sorted);
  const auto twice = std::ranges::adjacent_find(sorted);
  if (twice == sorted.end()) return OkStatus();
  return InvalidArgument(StrCat("output '", Printable(signature.outputs[*twice].name),
                                "': expected once, asked for twice"));
}

Status Stopped(Deadline deadline, std::string_view when) {
  if (deadline.IsAbandoned()) {
    return base::Cancelled(StrCat("nobody waits any more: given up ", when));
  }
  return base::DeadlineExceeded(StrCat("the deadline of the request passed ", when));
}

}  // namespace slipway::engine
