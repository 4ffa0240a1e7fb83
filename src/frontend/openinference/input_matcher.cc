#include "frontend/openinference/input_matcher.h"

#include <optional>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::frontend::openinference {

using base::InvalidArgument;
using base::Status;
using base::StrCat;
using tensor::TensorSpec;

void InputMatcher::Begin(const tensor::Signature& signature) {
  signature_ = &signature;
  seen_.assign(signature.inputs.size(), 0);
}

Status InputMatcher::Match(std::string_view name, std::string_view dtype_name,
                           const tensor::Shape& shape, MatchedInput& match) {
  const std::optional<size_t> index = signature_->FindInput(name);
  if (!index) {
    if (signature_->FindStateInput(name)) {
      return InvalidArgument(StrCat(
          "it is a state, which the server keeps for each sequence; leave it out; ", Expected()));
    }
    return InvalidArgument(StrCat("the model has no such input; ", Expected()));
  }
  if (seen_[*index] != 0) return InvalidArgument("is there twice");
  seen_[*index] = 1;
  const TensorSpec& spec = signature_->inputs[*index];
  const std::optional<tensor::DType> dtype = tensor::ParseDType(dtype_name);
  if (!dtype) {
    return InvalidArgument(StrCat("expected ", spec, ", got the unknown datatype '",
                                  base::Printable(dtype_name), "'"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(match.count, tensor::ElementCount(shape));
  if (!spec.Accepts(*dtype, shape)) {
    return InvalidArgument(StrCat("expected ", spec, ", got ", *dtype, shape));
  }
  match.index = *index;
  match.dtype = *dtype;
  return base::OkStatus();
}

Status InputMatcher::CheckComplete(const std::vector<tensor::TensorView>& inputs) const {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = signature_->inputs[i];
    if (inputs[i].absent() && !spec.optional) {
      return InvalidArgument(StrCat(Quoted(spec.name), " is missing: the model expects ", spec));
    }
  }
  return base::OkStatus();
}

std::string InputMatcher::Expected() const {
  std::string text = "it expects";
  for (const TensorSpec& spec : signature_->inputs) {
    text.append(StrCat(&spec == &signature_->inputs.front() ? " '" : ", '", spec.name, "' ", spec));
  }
  return signature_->inputs.empty() ? "it expects no inputs" : text;
}

std::string InputMatcher::Quoted(std::string_view name) {
  return StrCat("input '", base::Printable(name), "'");
}

}  // namespace slipway::frontend::openinference
