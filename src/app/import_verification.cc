#include "app/import_verification.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "tensor/tensor.h"

namespace slipway::app {
namespace {

using base::Result;
using base::Status;
using base::StrCat;
using import::Verification;
using tensor::Tensor;
using tensor::TensorView;

Result<Tensor> TensorOf(const Verification& verification, const std::string& name) {
  for (const Verification::Input& input : verification.inputs) {
    if (input.name != name) continue;
    const tensor::Shape shape({verification.rows, 1});
    if (!input.texts.empty()) return Tensor::FromStrings(shape, input.texts);
    return Tensor::FromValues<double>(shape, input.numbers);
  }
  return base::Internal(StrCat("no column for input '", name, "'"));
}

// Source: PMML 4.4, Model Verification.
bool IsWithin(const Verification::Answer& answer, double expected, double got) {
  if (std::abs(expected) <= answer.zero_threshold && std::abs(got) <= answer.zero_threshold) {
    return true;
  }
  const double a = expected * (1 - answer.precision);
  const double b = expected * (1 + answer.precision);
  return got >= std::min(a, b) && got <= std::max(a, b);
}

// The first row that differs, and how many do.
struct Differences {
  std::string first;
  int64_t count = 0;

  void Add(const Verification::Answer& answer, size_t row, const std::string& expected,
           const std::string& got) {
    if (count++ > 0) return;
    first = StrCat("row ", row + 1, ", field '", base::Printable(answer.field), "': expected ",
                   expected, ", got ", got);
  }
};

// `columns` is how many the output has, of which the answer's is compared.
Status Compare(const Verification::Answer& answer, const TensorView& view, size_t columns,
               Differences& differences) {
  const auto column = static_cast<size_t>(answer.column);
  if (!answer.texts.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto got, view.AsStrings());
    for (size_t row = 0; row < answer.texts.size(); ++row) {
      const std::optional<std::string>& expected = answer.texts[row];
      const std::string_view text = got[row * columns + column];
      if (!expected || *expected == text) continue;
      differences.Add(answer, row, StrCat("'", base::Printable(*expected), "'"),
                      StrCat("'", base::Printable(text), "'"));
    }
    return base::OkStatus();
  }
  SLIPWAY_ASSIGN_OR_RETURN(const auto got, view.As<double>());
  for (size_t row = 0; row < answer.numbers.size(); ++row) {
    const double expected = answer.numbers[row];
    const double number = got[row * columns + column];
    if (std::isnan(expected) || IsWithin(answer, expected, number)) continue;
    differences.Add(answer, row, StrCat(expected), StrCat(number));
  }
  return base::OkStatus();
}

}  // namespace

Status CheckVerification(engine::Engine& engine, const Verification& verification) {
  const tensor::Signature& signature = engine.signature();
  std::vector<Tensor> inputs;
  std::vector<TensorView> views;
  for (const tensor::TensorSpec& input : signature.inputs) {
    SLIPWAY_ASSIGN_OR_RETURN(Tensor tensor, TensorOf(verification, input.name));
    inputs.push_back(std::move(tensor));
  }
  views.reserve(inputs.size());
  for (const Tensor& input : inputs) views.push_back(input.view());
  std::vector<size_t> outputs(signature.outputs.size());
  std::iota(outputs.begin(), outputs.end(), size_t{0});
  std::vector<Tensor> results;
  SLIPWAY_RETURN_IF_ERROR(engine.Run(views, outputs, base::Deadline::Never(), results));
  Differences differences;
  for (const Verification::Answer& answer : verification.answers) {
    const auto output = std::ranges::find(signature.outputs, answer.output,
                                          [](const tensor::TensorSpec& one) { return one.name; });
    const auto position = static_cast<size_t>(output - signature.outputs.begin());
    if (position == results.size()) {
      return base::Internal(StrCat("the model has no output '", answer.output, "'"));
    }
    const TensorView& view = results[position].view();
    const auto columns = static_cast<size_t>(view.element_count() / verification.rows);
    SLIPWAY_RETURN_IF_ERROR(Compare(answer, view, columns, differences));
  }
  if (differences.count == 0) return base::OkStatus();
  return base::FailedPrecondition(
      StrCat("the answers that the file holds itself: ", differences.first, "; ", differences.count,
             differences.count == 1 ? " answer differs" : " answers differ"));
}

}  // namespace slipway::app
