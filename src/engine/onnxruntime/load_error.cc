#include "engine/onnxruntime/load_error.h"

#include <optional>
#include <string>

#include "base/str_cat.h"
#include "base/text.h"
#include "engine/onnxruntime/ort_handle.h"
#include "engine/onnxruntime/ort_status.h"

namespace slipway::engine {

using base::InvalidArgument;
using base::Printable;
using base::Status;
using base::StrCat;
using graph::OnnxOperator;
using graph::OnnxSummary;

namespace {

// What stands in `words` between `before` and `after`.
std::optional<std::string_view> Between(std::string_view words, std::string_view before,
                                        std::string_view after) {
  const size_t start = words.find(before);
  if (start == std::string_view::npos) return std::nullopt;
  words.remove_prefix(start + before.size());
  const size_t end = words.find(after);
  if (end == std::string_view::npos) return std::nullopt;
  return words.substr(0, end);
}

std::string Library() { return StrCat("ONNX Runtime ", OrtGetApiBase()->GetVersionString()); }

// " of domain 'd', operator set 17": the domain of the model's operator of that type.
std::string DomainOf(std::string_view type, const OnnxSummary& summary) {
  for (const OnnxOperator& op : summary.operators) {
    if (op.type != type) continue;
    const auto opset = summary.opsets.find(op.domain);
    return StrCat(
        " of domain '", Printable(op.domain), "'",
        opset == summary.opsets.end() ? std::string() : StrCat(", operator set ", opset->second));
  }
  return "";
}

Status UnknownOperator(std::string_view type, const OnnxSummary& summary) {
  return InvalidArgument(StrCat("operator '", Printable(type), "'", DomainOf(type, summary),
                                ": expected an operator of ", Library(),
                                ", which has none of that name; export with standard operators"));
}

// "Fatal error: com.example:Scale(-1) is not a registered function/op".
std::optional<Status> NotRegistered(std::string_view words, const OnnxSummary& summary) {
  if (const auto type = Between(words, "No Op registered for ", " with domain_version")) {
    return UnknownOperator(*type, summary);
  }
  const auto full = Between(words, "Fatal error: ", " is not a registered function/op");
  if (!full) return std::nullopt;
  std::string_view type = full->substr(0, full->rfind('('));
  const size_t colon = type.rfind(':');
  if (colon != std::string_view::npos) type.remove_prefix(colon + 1);
  return UnknownOperator(type, summary);
}

// "Could not find an implementation for Add(1) node with name 'n'".
std::optional<Status> NotImplemented(std::string_view words, const OnnxSummary& summary) {
  const auto full = Between(words, "Could not find an implementation for ", " node with name");
  if (!full) return std::nullopt;
  const std::string_view type = full->substr(0, full->find('('));
  return InvalidArgument(StrCat("operator '", Printable(type), "'", DomainOf(type, summary), ": ",
                                Library(),
                                " has no implementation for this operator set and these "
                                "types; convert the model to a newer operator set, or its tensors "
                                "to a common type such as FLOAT"));
}

// The number that stands in `words` behind `before`; "?" when there is none.
std::string NumberBehind(std::string_view words, std::string_view before) {
  const size_t start = words.find(before);
  if (start == std::string_view::npos) return "?";
  words.remove_prefix(start + before.size());
  const std::string_view number = words.substr(0, words.find_first_not_of("0123456789"));
  return number.empty() ? "?" : std::string(number);
}

std::optional<Status> TooNew(std::string_view words) {
  if (const auto got = Between(words, "Unsupported model IR version: ", ",")) {
    return InvalidArgument(StrCat("IR version ", *got, ": expected at most ",
                                  NumberBehind(words, "max supported IR version: "), ", which ",
                                  Library(), " reads; export with an older version"));
  }
  const auto got = Between(words, "Opset ", " is under development");
  const auto domain = Between(words, "support for domain ", " is till opset ");
  if (!got || !domain) return std::nullopt;
  return InvalidArgument(StrCat("operator set ", *got, " of domain '", Printable(*domain),
                                "': expected at most ", NumberBehind(words, " is till opset "),
                                ", which ", Library(), " has; export with an older operator set"));
}

std::optional<Status> WrongTypes(std::string_view words) {
  if (const auto type = Between(words, "MLDataType for: tensor(", ")")) {
    return InvalidArgument(
        StrCat("type '", Printable(*type), "': ", Library(), " has no tensors of it"));
  }
  const size_t at = words.find("Type Error: ");
  if (at == std::string_view::npos) return std::nullopt;
  return InvalidArgument(StrCat("types do not fit together: ", CleanWords(words.substr(at + 12))));
}

}  // namespace

Status ExplainLoadFailure(std::string_view words, const OnnxSummary& summary) {
  if (const auto status = NotRegistered(words, summary)) return *status;
  if (const auto status = NotImplemented(words, summary)) return *status;
  if (const auto status = TooNew(words)) return *status;
  if (const auto status = WrongTypes(words)) return *status;
  return InvalidArgument(StrCat(Library(), " refuses the graph: ", CleanWords(words)));
}

Status ExplainLoadFailure(OrtStatus* failure, const OnnxSummary& summary) {
  const std::string words = Api().GetErrorMessage(failure);
  const Status status = FromOrt(failure);
  if (status.code() == base::StatusCode::kResourceExhausted) {
    return base::ResourceExhausted(
        StrCat("memory does not suffice to load the model: ", status.message(),
               "; unload other models, or give the process more memory"));
  }
  return ExplainLoadFailure(words, summary);
}

}  // namespace slipway::engine
