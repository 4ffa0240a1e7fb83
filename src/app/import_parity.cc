#include "app/import_parity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "app/predict/input.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "tensor/csv.h"
#include "tensor/npy.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::DType;
using tensor::TensorView;

constexpr uint64_t kMaxFileBytes = uint64_t{4} << 30;
constexpr double kUnit = 1e-6;  // numbers below it are compared as if they were as large

// The values of an output, as texts where they have to be equal and as numbers where not.
struct Values {
  std::vector<std::string> texts;
  std::vector<double> numbers;
};

template <typename T>
Result<Values> Texts(const TensorView& view) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto elements, view.As<T>());
  Values out;
  for (const T element : elements) out.texts.push_back(StrCat(static_cast<int64_t>(element)));
  return out;
}

template <typename T>
Result<Values> Numbers(const TensorView& view) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto elements, view.As<T>());
  Values out;
  out.numbers.assign(elements.begin(), elements.end());
  return out;
}

Result<Values> ValuesOf(const TensorView& view) {
  switch (view.dtype()) {
    case DType::kFp64:
      return Numbers<double>(view);
    case DType::kFp32:
      return Numbers<float>(view);
    case DType::kInt64:
      return Texts<int64_t>(view);
    case DType::kInt32:
      return Texts<int32_t>(view);
    case DType::kBool:
      return Texts<bool>(view);
    case DType::kBytes: {
      SLIPWAY_ASSIGN_OR_RETURN(const auto strings, view.AsStrings());
      Values out;
      out.texts.assign(strings.begin(), strings.end());
      return out;
    }
    default:
      return base::Unimplemented(StrCat("answers of type ", view.dtype(), " cannot be compared"));
  }
}

// What the framework answered, for an output of ours that has numbers or labels: where it counts,
// say, its whole numbers stand for our numbers.
Result<Values> AnswersOf(const TensorView& view, DType output) {
  if (output == DType::kFp64 || output == DType::kFp32) {
    if (view.dtype() == DType::kInt64) return Numbers<int64_t>(view);
    if (view.dtype() == DType::kInt32) return Numbers<int32_t>(view);
    if (view.dtype() == DType::kBool) return Numbers<bool>(view);
  }
  return ValuesOf(view);
}

// "True" and "1" are the same label.
std::string LabelText(const std::string& text) {
  if (base::EqualsIgnoreCase(text, "true")) return "1";
  return base::EqualsIgnoreCase(text, "false") ? "0" : text;
}

Result<OutputParity> Compare(const std::string& name, const Values& got, const Values& want,
                             double tolerance) {
  OutputParity out;
  out.output = name;
  out.exact = got.numbers.empty();
  const size_t count = std::max(got.texts.size(), got.numbers.size());
  if (count != std::max(want.texts.size(), want.numbers.size()) ||
      (!out.exact && want.numbers.empty())) {
    return InvalidArgument(StrCat("output '", name, "': expected ", count, " ",
                                  out.exact ? "labels" : "numbers", " to compare with, got ",
                                  want.texts.size(), " texts and ", want.numbers.size(),
                                  " numbers"));
  }
  out.values = static_cast<int64_t>(count);
  for (size_t i = 0; i < count; ++i) {
    if (out.exact) {
      const std::string expected = want.texts.empty() ? StrCat(want.numbers[i]) : want.texts[i];
      const bool equal = got.texts[i] == expected || LabelText(got.texts[i]) == LabelText(expected);
      out.mismatches += equal ? 0 : 1;
      continue;
    }
    const double g = got.numbers[i];
    const double w = want.numbers[i];
    if (g == w || (std::isnan(g) && std::isnan(w))) continue;
    double error = std::abs(g - w) / std::max(std::abs(w), kUnit);
    if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
    out.max_error = std::max(out.max_error, error);
    out.mismatches += error <= tolerance ? 0 : 1;
  }
  return out;
}

// What the file holds beside the inputs.
struct Answers {
  std::map<std::string, Values> by_output;
  std::vector<std::string> names;  // of arrays and columns that are answers
};

Result<Answers> ReadNpzAnswers(std::span<const std::byte> content,
                               const tensor::Signature& signature) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto arrays, tensor::ReadNpz(content));
  Answers answers;
  for (const tensor::NamedTensor& array : arrays) {
    const auto output = signature.FindOutput(array.name);
    if (!output) continue;
    auto values = AnswersOf(array.tensor.view(), signature.outputs[*output].dtype);
    if (!values.ok()) return values.status().WithContext(StrCat("array '", array.name, "'"));
    answers.by_output[array.name] = *std::move(values);
    answers.names.push_back(array.name);
  }
  return answers;
}

// The columns of an output, in order: NAME, or NAME_0, NAME_1, ...
std::vector<const tensor::CsvColumn*> ColumnsOf(const tensor::CsvTable& table,
                                                const std::string& name) {
  std::map<std::string_view, const tensor::CsvColumn*> by_name;
  for (const tensor::CsvColumn& column : table.columns) by_name[column.name] = &column;
  if (const auto found = by_name.find(name); found != by_name.end()) return {found->second};
  std::vector<const tensor::CsvColumn*> columns;
  for (size_t i = 0;; ++i) {
    const auto found = by_name.find(StrCat(name, "_", i));
    if (found == by_name.end()) return columns;
    columns.push_back(found->second);
  }
}

Result<Answers> ReadCsvAnswers(std::string_view content, const tensor::Signature& signature) {
  SLIPWAY_ASSIGN_OR_RETURN(const tensor::CsvTable table, tensor::ReadCsv(content));
  Answers answers;
  for (const tensor::TensorSpec& output : signature.outputs) {
    const auto columns = ColumnsOf(table, output.name);
    if (columns.empty()) continue;
    Values values;
    const bool numbers = output.dtype == DType::kFp64 || output.dtype == DType::kFp32;
    for (size_t row = 0; row < table.rows; ++row) {
      for (const tensor::CsvColumn* column : columns) {
        if (!numbers) {
          values.texts.push_back(column->text[row]);
        } else if (column->numeric) {
          values.numbers.push_back(column->numbers[row]);
        } else {
          return InvalidArgument(
              StrCat("column '", base::Printable(column->name), "': expected numbers"));
        }
      }
    }
    for (const tensor::CsvColumn* column : columns) answers.names.push_back(column->name);
    answers.by_output[output.name] = std::move(values);
  }
  return answers;
}

std::string OutputNames(const tensor::Signature& signature) {
  std::string names;
  for (const auto& output : signature.outputs) {
    names += StrCat(names.empty() ? "'" : ", '", output.name, "'");
  }
  return names;
}

}  // namespace

bool ParityReport::passed() const {
  return std::ranges::all_of(outputs, [](const OutputParity& one) { return one.mismatches == 0; });
}

std::string ParityReport::Summary() const {
  std::string text = StrCat(rows, rows == 1 ? " row" : " rows");
  for (size_t i = 0; i < outputs.size(); ++i) {
    const OutputParity& one = outputs[i];
    text += StrCat(i == 0 ? ": " : "; ", one.output, " ");
    if (one.exact) {
      text += one.mismatches == 0 ? "all equal"
                                  : StrCat(one.mismatches, " of ", one.values, " not equal");
      continue;
    }
    text += StrCat("largest relative error ", one.max_error, " (tolerance ", tolerance, ")");
    if (one.mismatches > 0) text += StrCat(", ", one.mismatches, " of ", one.values, " beyond it");
  }
  return text;
}

Result<ParityReport> CheckParity(const base::FileSystem& fs, engine::Engine& engine,
                                 const std::string& path, double tolerance) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string content, fs.Read(path, kMaxFileBytes));
  const auto bytes = std::as_bytes(std::span(content));
  const tensor::Signature& signature = engine.signature();
  const InputFormat format = DetectFormat(path, content);
  if (format != InputFormat::kNpz && format != InputFormat::kCsv) {
    return InvalidArgument(
        StrCat("'", path, "': expected an NPZ or CSV file of inputs and answers"));
  }
  const bool npz = format == InputFormat::kNpz;
  auto answers = npz ? ReadNpzAnswers(bytes, signature) : ReadCsvAnswers(content, signature);
  if (!answers.ok()) return answers.status().WithContext(StrCat("'", path, "'"));
  if (answers->names.empty()) {
    return InvalidArgument(
        StrCat("'", path, "' holds no answers to compare with: expected ", OutputNames(signature)));
  }
  const InputOptions options{.renames = {}, .drop = answers->names, .ignore_extra = false};
  auto inputs =
      npz ? ReadNpzInputs(bytes, signature, options) : ReadCsvInputs(content, signature, options);
  if (!inputs.ok()) return inputs.status().WithContext(StrCat("'", path, "'"));

  ParityReport report;
  report.tolerance = tolerance;
  if (!inputs->views.empty() && inputs->views.front().shape().rank() > 0) {
    report.rows = inputs->views.front().shape()[0];
  }
  std::vector<size_t> outputs(signature.outputs.size());
  std::iota(outputs.begin(), outputs.end(), size_t{0});
  std::vector<tensor::Tensor> results;
  SLIPWAY_RETURN_IF_ERROR(engine.Run(inputs->views, outputs, base::Deadline::Never(), results));
  for (const size_t i : outputs) {
    const std::string& name = signature.outputs[i].name;
    const auto want = answers->by_output.find(name);
    if (want == answers->by_output.end()) continue;
    SLIPWAY_ASSIGN_OR_RETURN(const Values got, ValuesOf(results[i].view()));
    SLIPWAY_ASSIGN_OR_RETURN(OutputParity one, Compare(name, got, want->second, tolerance));
    report.outputs.push_back(std::move(one));
  }
  return report;
}

}  // namespace slipway::app
