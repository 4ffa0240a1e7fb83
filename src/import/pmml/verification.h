#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "import/importer.h"
#include "import/pmml/model_scope.h"

namespace slipway::import::pmml {

// Where among the outputs of the ONNX file an answer of the model is.
struct PlacedAnswer {
  std::string field;        // the target, or an OutputField
  std::string output = {};  // empty: the ONNX file does not say it
  int64_t column = 0;
  bool is_text = false;
  bool is_label = false;  // a text, and one of the classes
  bool is_target = false;
};

// The ModelVerification of a model: the rows of its table as inputs, and the answers to them. Those
// of OutputFields are compared, or those of the target where no VerificationField names one.
// nullopt where there is none; a table elsewhere, and answers that the ONNX file does not say, are
// warnings. kInvalidArgument: names, counts or numbers that are wrong; kResourceExhausted: too many
// rows. Source: PMML 4.4, Model Verification.
base::Result<std::optional<Verification>> ReadVerification(Conversion& all, const Element& model,
                                                           std::span<const PlacedAnswer> answers,
                                                           std::span<const std::string> classes);

}  // namespace slipway::import::pmml
