#include "app/predict/output.h"

#include <array>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "tensor/json_writer.h"
#include "tensor/npy.h"

namespace slipway::app {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::DType;
using tensor::NotFinite;
using tensor::Shape;
using tensor::TensorView;

namespace {

constexpr std::array<std::pair<std::string_view, OutputFormat>, 4> kFormats = {
    {{"json", OutputFormat::kJson},
     {"csv", OutputFormat::kCsv},
     {"npy", OutputFormat::kNpy},
     {"npz", OutputFormat::kNpz}}};

Status AppendJsonOutput(const Prediction::Output& output, std::string& out) {
  const TensorView& view = output.tensor->view();
  out += StrCat("\n{\"name\":", base::JsonString(output.name), ",\"datatype\":\"", view.dtype(),
                "\",\"shape\":", view.shape(), ",\"data\":");
  SLIPWAY_RETURN_IF_ERROR(tensor::AppendJsonArray(view, NotFinite::kLiteral, out)
                              .WithContext(StrCat("output '", output.name, "'")));
  out.push_back('}');
  return base::OkStatus();
}

Result<std::string> FormatJson(const Prediction& prediction) {
  std::string out = StrCat("{\"model_name\":", base::JsonString(prediction.model));
  if (!prediction.version.empty()) {
    out += StrCat(",\"model_version\":", base::JsonString(prediction.version));
  }
  out += ",\"outputs\":[";
  for (const Prediction::Output& output : prediction.outputs) {
    if (&output != &prediction.outputs.front()) out.push_back(',');
    SLIPWAY_RETURN_IF_ERROR(AppendJsonOutput(output, out));
  }
  return out + "]}\n";
}

// Elements in one row of an output.
Result<int64_t> Width(const Prediction::Output& output) {
  const Shape& shape = output.tensor->shape();
  if (shape.rank() == 0) {
    return InvalidArgument(StrCat("output '", output.name,
                                  "' is a single number without rows: CSV cannot hold it; use "
                                  "--format json or npz"));
  }
  return tensor::ElementCount(shape.dims().subspan(1));
}

// RFC 4180: in quotes where it holds a comma, a quote or a line end.
void AppendCsvCell(std::string_view text, std::string& out) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out.append(text);
    return;
  }
  out.push_back('"');
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

// "name", or "name_0_1" for elements of rows that hold several.
void AppendCsvTitles(const Prediction::Output& output, int64_t width, std::string& out) {
  const auto dims = output.tensor->shape().dims().subspan(1);
  for (int64_t i = 0; i < width; ++i) {
    std::string indices;
    int64_t rest = i;
    for (size_t dim = dims.size(); dim-- > 0;) {
      indices = StrCat("_", rest % dims[dim], indices);
      rest /= dims[dim];
    }
    if (!out.empty()) out.push_back(',');
    AppendCsvCell(StrCat(output.name, width == 1 ? "" : indices), out);
  }
}

// One output's part of the rows: its elements, as text where they are BYTES.
struct CsvColumns {
  const Prediction::Output* output;
  int64_t width;
  std::vector<std::string_view> strings;
};

Status AppendCsvRow(const CsvColumns& columns, int64_t row, std::string& out) {
  const TensorView& view = columns.output->tensor->view();
  const int64_t first = row * columns.width;
  if (view.dtype() != DType::kBytes) {
    return tensor::AppendJsonElements(view, first, columns.width, NotFinite::kLiteral, out);
  }
  for (int64_t i = 0; i < columns.width; ++i) {
    if (i > 0) out.push_back(',');
    AppendCsvCell(columns.strings[static_cast<size_t>(first + i)], out);
  }
  return base::OkStatus();
}

Result<std::string> FormatCsv(const Prediction& prediction) {
  std::string out;
  std::vector<CsvColumns> parts;
  for (const Prediction::Output& output : prediction.outputs) {
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t width, Width(output));
    const Prediction::Output& first = prediction.outputs.front();
    if (output.tensor->shape()[0] != first.tensor->shape()[0]) {
      return InvalidArgument(StrCat("output '", output.name, "' has ", output.tensor->shape()[0],
                                    " rows, output '", first.name, "' has ",
                                    first.tensor->shape()[0],
                                    ": one CSV cannot hold both; choose with --outputs"));
    }
    AppendCsvTitles(output, width, out);
    CsvColumns columns{.output = &output, .width = width, .strings = {}};
    if (output.tensor->dtype() == DType::kBytes) {
      SLIPWAY_ASSIGN_OR_RETURN(columns.strings, output.tensor->view().AsStrings());
    }
    if (width > 0) parts.push_back(std::move(columns));
  }
  out.push_back('\n');
  const int64_t rows = parts.empty() ? 0 : parts.front().output->tensor->shape()[0];
  for (int64_t row = 0; row < rows; ++row) {
    for (const CsvColumns& columns : parts) {
      if (&columns != &parts.front()) out.push_back(',');
      SLIPWAY_RETURN_IF_ERROR(AppendCsvRow(columns, row, out));
    }
    out.push_back('\n');
  }
  return out;
}

Result<std::string> FormatNpy(const Prediction& prediction) {
  if (prediction.outputs.size() != 1) {
    std::string names;
    for (const Prediction::Output& output : prediction.outputs) {
      names += StrCat(names.empty() ? "" : ", ", output.name);
    }
    return InvalidArgument(StrCat("NPY holds one array, but there are ", prediction.outputs.size(),
                                  " outputs (", names, "): use NPZ, or choose one with --outputs"));
  }
  return tensor::WriteNpy(prediction.outputs.front().tensor->view());
}

}  // namespace

Result<OutputFormat> ParseOutputFormat(std::string_view name) {
  for (const auto& [known, format] : kFormats) {
    if (known == name) return format;
  }
  return InvalidArgument(
      StrCat("output format: expected json, csv, npy or npz, got '", base::Printable(name), "'"));
}

Result<std::string> FormatPrediction(const Prediction& prediction, OutputFormat format) {
  switch (format) {
    case OutputFormat::kJson:
      return FormatJson(prediction);
    case OutputFormat::kCsv:
      return FormatCsv(prediction);
    case OutputFormat::kNpy:
      return FormatNpy(prediction);
    case OutputFormat::kNpz:
      break;
  }
  std::vector<tensor::NamedView> arrays;
  arrays.reserve(prediction.outputs.size());
  for (const Prediction::Output& output : prediction.outputs) {
    arrays.push_back({.name = output.name, .tensor = output.tensor->view()});
  }
  return tensor::WriteNpz(arrays);
}

}  // namespace slipway::app
