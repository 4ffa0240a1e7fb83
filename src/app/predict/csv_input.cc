// CSV files as inputs of a model.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <utility>

#include "app/predict/input.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "tensor/csv.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::CsvColumn;
using tensor::CsvTable;
using tensor::DType;
using tensor::Shape;
using tensor::Signature;
using tensor::Tensor;
using tensor::TensorSpec;
using Columns = std::vector<const CsvColumn*>;

size_t LineEndsIn(std::string_view text) {
  return static_cast<size_t>(std::ranges::count(text, '\n'));
}

// The line of the file on which a row begins: cells in quotes may hold line ends.
size_t LineOf(const CsvTable& table, size_t row) {
  size_t line = row + 2;
  for (const CsvColumn& column : table.columns) {
    line += LineEndsIn(column.name);
    for (size_t i = 0; i < row; ++i) line += LineEndsIn(column.text[i]);
  }
  return line;
}

// ----- One cell -----

template <typename T>
bool ParseInteger(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// Rounded once, from the decimal text. What is too small becomes 0; what is too large is refused.
template <typename T>
bool ParseFloat(std::string_view text, T& value) {
  const char* end_of_text = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), end_of_text, value);
  if (end != end_of_text) return false;
  if (error == std::errc()) return true;
  double wide = 0;
  const auto again = std::from_chars(text.data(), end_of_text, wide);
  value = static_cast<T>(wide);
  return again.ec == std::errc() && std::isfinite(value);
}

template <typename Narrow, typename Round>
bool ParseNarrow(std::string_view text, Narrow& value, Round round) {
  double wide = 0;
  if (!ParseFloat(text, wide)) return false;
  value = round(wide);
  return std::isfinite(tensor::ToFloat(value)) || !std::isfinite(wide);
}

bool ParseBool(std::string_view text, bool& value) {
  value = text == "1" || base::EqualsIgnoreCase(text, "true");
  return value || text == "0" || base::EqualsIgnoreCase(text, "false");
}

template <typename T>
bool ParseCell(std::string_view text, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return ParseBool(text, value);
  } else if constexpr (std::is_same_v<T, tensor::Fp16>) {
    return ParseNarrow(text, value, tensor::ToFp16);
  } else if constexpr (std::is_same_v<T, tensor::Bf16>) {
    return ParseNarrow(text, value, tensor::ToBf16);
  } else if constexpr (std::is_floating_point_v<T>) {
    return ParseFloat(text, value);
  } else {
    return ParseInteger(text, value);
  }
}

// ----- Columns to tensors -----

Status BadCell(const CsvTable& table, const CsvColumn& column, size_t row, DType dtype) {
  const std::string& text = column.text[row];
  const auto number = static_cast<size_t>(&column - table.columns.data()) + 1;
  const bool is_float = dtype == DType::kFp16 || dtype == DType::kBf16 || dtype == DType::kFp32 ||
                        dtype == DType::kFp64;
  return InvalidArgument(
      StrCat("line ", LineOf(table, row), ", column ", number, " '", Printable(column.name),
             "': expected a value of ", dtype, ", got ",
             text.empty() ? std::string("nothing") : StrCat("'", Printable(text, 40), "'"),
             text.empty() && is_float ? "; write NaN where a value is missing" : ""));
}

template <typename T>
Status FillCells(const CsvTable& table, const Columns& columns, std::span<std::byte> out) {
  std::byte* at = out.data();
  for (size_t row = 0; row < table.rows; ++row) {
    for (const CsvColumn* column : columns) {
      T value{};
      if (!ParseCell(base::TrimWhitespace(column->text[row]), value)) {
        return BadCell(table, *column, row, tensor::DTypeOf<T>::value);
      }
      std::memcpy(at, &value, sizeof(T));
      at += sizeof(T);
    }
  }
  return OkStatus();
}

Status Fill(const CsvTable& table, const Columns& columns, DType dtype, std::span<std::byte> out) {
  switch (dtype) {
    case DType::kBool:
      return FillCells<bool>(table, columns, out);
    case DType::kUint8:
      return FillCells<uint8_t>(table, columns, out);
    case DType::kUint16:
      return FillCells<uint16_t>(table, columns, out);
    case DType::kUint32:
      return FillCells<uint32_t>(table, columns, out);
    case DType::kUint64:
      return FillCells<uint64_t>(table, columns, out);
    case DType::kInt8:
      return FillCells<int8_t>(table, columns, out);
    case DType::kInt16:
      return FillCells<int16_t>(table, columns, out);
    case DType::kInt32:
      return FillCells<int32_t>(table, columns, out);
    case DType::kInt64:
      return FillCells<int64_t>(table, columns, out);
    case DType::kFp16:
      return FillCells<tensor::Fp16>(table, columns, out);
    case DType::kBf16:
      return FillCells<tensor::Bf16>(table, columns, out);
    case DType::kFp32:
      return FillCells<float>(table, columns, out);
    case DType::kFp64:
      return FillCells<double>(table, columns, out);
    case DType::kBytes:
      break;
  }
  return base::Internal("text cells are not numbers");
}

Result<Tensor> MakeTensor(const CsvTable& table, const Columns& columns, DType dtype,
                          const Shape& shape) {
  if (dtype == DType::kBytes) {
    std::vector<std::string> cells;
    for (size_t row = 0; row < table.rows; ++row) {
      for (const CsvColumn* column : columns) cells.push_back(column->text[row]);
    }
    return Tensor::FromStrings(shape, cells);
  }
  SLIPWAY_ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(dtype, shape));
  SLIPWAY_RETURN_IF_ERROR(Fill(table, columns, dtype, tensor.mutable_data()));
  return tensor;
}

// The shape of `width` columns as `spec` wants it: its own, with as many rows as the table has.
Result<Shape> ShapeOf(const TensorSpec& spec, size_t rows, size_t width) {
  Shape shape = spec.any_rank ? Shape{-1, -1} : spec.shape;
  if (shape.rank() == 0) return InvalidArgument(StrCat("a column cannot be ", spec));
  shape.set_dim(0, static_cast<int64_t>(rows));
  if (shape.rank() == 2 && shape[1] == -1) shape.set_dim(1, static_cast<int64_t>(width));
  const auto elements = tensor::ElementCount(shape.dims().subspan(1));
  if (!elements.ok() || *elements != static_cast<int64_t>(width)) {
    return InvalidArgument(
        StrCat("expected ", spec, ", got ", width, width == 1 ? " column" : " columns"));
  }
  return shape;
}

Status AddInput(const CsvTable& table, const Columns& columns, const Signature& signature,
                size_t index, PredictInputs& inputs) {
  const TensorSpec& spec = signature.inputs[index];
  const auto add = [&]() -> Status {
    SLIPWAY_ASSIGN_OR_RETURN(const Shape shape, ShapeOf(spec, table.rows, columns.size()));
    SLIPWAY_ASSIGN_OR_RETURN(Tensor tensor, MakeTensor(table, columns, spec.dtype, shape));
    inputs.tensors.push_back(std::move(tensor));
    inputs.views[index] = inputs.tensors.back().view();
    return OkStatus();
  };
  return add().WithContext(StrCat("input '", spec.name, "'"));
}

// ----- Columns to inputs -----

std::string Names(const Columns& columns, size_t first) {
  constexpr size_t kShown = 8;
  std::string list;
  const size_t stop = std::min(columns.size(), first + kShown);
  for (size_t i = first; i < stop; ++i) {
    list += StrCat(list.empty() ? "'" : ", '", Printable(columns[i]->name), "'");
  }
  if (columns.size() > stop) list += StrCat(" and ", columns.size() - stop, " more");
  return list;
}

// Each column is the input of its name.
Status ReadByName(const CsvTable& table, const Signature& signature, const InputOptions& options,
                  PredictInputs& inputs) {
  InputMatcher matcher(signature, options);
  std::vector<std::pair<size_t, const CsvColumn*>> matched;
  for (const CsvColumn& column : table.columns) {
    if (const auto index = matcher.Find(column.name)) matched.emplace_back(*index, &column);
  }
  SLIPWAY_RETURN_IF_ERROR(matcher.Finish(inputs.notes));
  for (const auto& [index, column] : matched) {
    SLIPWAY_RETURN_IF_ERROR(AddInput(table, {column}, signature, index, inputs));
  }
  return OkStatus();
}

// All columns, in their order, are the elements of the only input's rows.
Status ReadByOrder(const CsvTable& table, const Signature& signature, const InputOptions& options,
                   PredictInputs& inputs) {
  const TensorSpec& spec = signature.inputs.front();
  const InputMatcher matcher(signature, options);
  Columns columns;
  for (const CsvColumn& column : table.columns) {
    if (!matcher.Dropped(column.name)) columns.push_back(&column);
  }
  const auto wanted = spec.any_rank || spec.shape.rank() == 0
                          ? base::Result<int64_t>(InvalidArgument("any number"))
                          : tensor::ElementCount(spec.shape.dims().subspan(1));
  const size_t width = wanted.ok() ? static_cast<size_t>(*wanted) : columns.size();
  if (columns.size() < width) {
    return InvalidArgument(StrCat("expected ", width, " columns for input '", spec.name, "' ", spec,
                                  ", got ", columns.size(), ": ", Names(columns, 0)));
  }
  if (columns.size() > width && !options.ignore_extra) {
    return InvalidArgument(
        StrCat("expected ", width, " columns for input '", spec.name, "' ", spec, ", got ",
               columns.size(), "; beyond the first ", width, ": ", Names(columns, width),
               "; leave columns out with --drop NAME, or those at the end with --ignore-extra"));
  }
  if (columns.size() > width)
    inputs.notes.push_back(StrCat("passed over: ", Names(columns, width)));
  columns.resize(width);
  return AddInput(table, columns, signature, 0, inputs);
}

// The columns of the model's only input, wherever they stand in the table.
Status ReadByColumnName(const CsvTable& table, const Signature& signature,
                        const InputOptions& options, PredictInputs& inputs) {
  Signature wanted;
  for (const std::string& name : signature.columns) {
    wanted.inputs.push_back(
        {.name = name, .dtype = signature.inputs.front().dtype, .shape = {-1, 1}});
  }
  InputMatcher matcher(wanted, options, "column");
  Columns columns(wanted.inputs.size());
  for (const CsvColumn& column : table.columns) {
    if (const auto index = matcher.Find(column.name)) columns[*index] = &column;
  }
  const Status matched = matcher.Finish(inputs.notes);
  if (!matched.ok()) {
    return InvalidArgument(StrCat(matched.message(),
                                  "; to take the columns in their order, whatever their names: "
                                  "slipway predict --by-position"));
  }
  return AddInput(table, columns, signature, 0, inputs);
}

// Whether a column has the name of an input.
bool NamesInputs(const CsvTable& table, const Signature& signature, const InputOptions& options) {
  InputMatcher matcher(signature, options);
  return std::ranges::any_of(table.columns, [&](const CsvColumn& column) {
    return matcher.Find(column.name).has_value();
  });
}

}  // namespace

Result<PredictInputs> ReadCsvInputs(std::string_view content, const Signature& signature,
                                    const InputOptions& options) {
  SLIPWAY_ASSIGN_OR_RETURN(const CsvTable table, tensor::ReadCsv(content));
  if (table.rows == 0) return InvalidArgument("has no rows below its header");
  PredictInputs inputs;
  inputs.views.resize(signature.inputs.size());
  const auto read = [&] {
    if (signature.inputs.size() != 1) return ReadByName;
    if (options.by_position) return ReadByOrder;
    if (!signature.columns.empty()) return ReadByColumnName;
    return NamesInputs(table, signature, options) ? ReadByName : ReadByOrder;
  }();
  SLIPWAY_RETURN_IF_ERROR(read(table, signature, options, inputs));
  return inputs;
}

}  // namespace slipway::app
