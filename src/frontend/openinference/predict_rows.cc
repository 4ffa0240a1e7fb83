#include "frontend/openinference/predict_rows.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/http_answer.h"
#include "frontend/openinference/json_object.h"
#include "frontend/openinference/json_text.h"
#include "frontend/openinference/request_parameters.h"
#include "tensor/json_number_scanner.h"
#include "tensor/json_writer.h"

namespace slipway::frontend::openinference {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::DType;
using tensor::JsonReader;
using tensor::Shape;
using tensor::TensorSpec;
using tensor::TensorView;

// A column of rows: an input of its own, or one of the columns of the only input.
struct Column {
  std::string_view name;  // empty: it has none
  DType dtype = DType::kFp32;
  std::span<std::byte> memory = {};   // of the whole input, for numbers
  std::vector<std::byte> texts = {};  // for BYTES, which is always an input of its own
  size_t first = 0;                   // element of row 0
  size_t step = 1;                    // elements from row to row
};

bool IsColumn(const TensorSpec& spec) {
  const size_t rank = spec.shape.rank();
  const bool batched = rank > 0 && spec.shape[0] == -1;
  return batched && (rank == 1 || (rank == 2 && (spec.shape[1] == 1 || spec.shape[1] == -1)));
}

// Writes a missing value; false where the dtype has none.
bool WriteMissing(DType dtype, std::byte* to) {
  if (dtype == DType::kFp64) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    std::memcpy(to, &nan, sizeof(nan));
    return true;
  }
  if (dtype == DType::kFp32) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(to, &nan, sizeof(nan));
    return true;
  }
  return false;
}

Status ReadText(JsonReader& reader, std::vector<std::byte>& out) {
  std::string_view text;
  if (!reader.ReadString(text)) return reader.status();
  const auto length = static_cast<uint32_t>(text.size());
  const auto* const prefix = reinterpret_cast<const std::byte*>(&length);
  const auto* const bytes = reinterpret_cast<const std::byte*>(text.data());
  out.insert(out.end(), prefix, prefix + sizeof(length));
  out.insert(out.end(), bytes, bytes + text.size());
  return OkStatus();
}

Status ReadCell(JsonReader& reader, Column& column, size_t row) {
  if (column.dtype == DType::kBytes) return ReadText(reader, column.texts);
  const size_t size = tensor::SizeOf(column.dtype);
  const std::span<std::byte> element =
      column.memory.subspan((column.first + row * column.step) * size, size);
  if (reader.Peek() != JsonReader::Kind::kNull) {
    return tensor::ScanJsonScalar(reader, column.dtype, element);
  }
  if (!WriteMissing(column.dtype, element.data())) {
    return InvalidArgument(StrCat("expected ", tensor::DTypeName(column.dtype),
                                  ", got null, and that type has no missing value"));
  }
  reader.SkipValue();
  return reader.status();
}

// Rows, by name or by position, into the inputs of one model.
class RowReader {
 public:
  RowReader(const tensor::Signature& signature, InferRequest& request, InferDecoder& decoder)
      : signature_(signature), request_(request), decoder_(decoder) {}

  // Makes room for `rows` rows, of a body of `body_size` bytes. kInvalidArgument when the model
  // does not take rows.
  Status Begin(size_t rows, size_t body_size);
  Status ReadNamed(JsonReader& reader, size_t row);
  Status ReadPositional(JsonReader& reader, size_t row);
  // Call once.
  Status Finish(std::vector<TensorView>& inputs);

 private:
  Status BeginOneInput(const TensorSpec& spec);
  Status BeginInputs();
  std::optional<size_t> Find(std::string_view name);
  Status Missing() const;

  const tensor::Signature& signature_;
  InferRequest& request_;
  InferDecoder& decoder_;
  size_t rows_ = 0;
  size_t next_ = 0;  // where the next name is likely found: rows mostly keep the columns' order
  std::vector<Column> columns_;
  std::vector<size_t> by_name_;  // positions in columns_, once a name was not the next one
  std::vector<bool> seen_;
};

Status RowReader::Begin(size_t rows, size_t body_size) {
  rows_ = rows;
  const auto& inputs = signature_.inputs;
  const bool one = inputs.size() == 1 && (!signature_.columns.empty() || !IsColumn(inputs.front()));
  const size_t count = one ? signature_.columns.size() : inputs.size();
  // A cell takes two bytes at least, so that no body makes more room than a multiple of itself.
  if (count > 0 && rows > body_size / (2 * count)) {
    return InvalidArgument(StrCat("expected ", count, " columns in each of ", rows,
                                  " rows, got a body of ", body_size, " bytes"));
  }
  return one ? BeginOneInput(inputs.front()) : BeginInputs();
}

Status RowReader::BeginOneInput(const TensorSpec& spec) {
  if (signature_.columns.empty()) {
    return InvalidArgument(StrCat("the model does not say how the columns of its input '",
                                  spec.name, "' are called; send {\"input\": ...}"));
  }
  const size_t width = signature_.columns.size();
  if (spec.shape.rank() != 2 || spec.dtype == DType::kBytes ||
      !spec.Accepts(spec.dtype, Shape{static_cast<int64_t>(rows_), static_cast<int64_t>(width)})) {
    return InvalidArgument(StrCat("the model takes ", spec, ", which ", rows_, " rows of ", width,
                                  " columns are not"));
  }
  const std::span<std::byte> memory =
      decoder_.arena().Allocate(rows_ * width * tensor::SizeOf(spec.dtype));
  for (size_t i = 0; i < width; ++i) {
    columns_.push_back({.name = signature_.columns[i],
                        .dtype = spec.dtype,
                        .memory = memory,
                        .first = i,
                        .step = width});
  }
  return OkStatus();
}

Status RowReader::BeginInputs() {
  for (const TensorSpec& spec : signature_.inputs) {
    if (!IsColumn(spec)) {
      return InvalidArgument(StrCat("input '", spec.name, "' is ", spec,
                                    ", no column; send an infer request instead"));
    }
    Column column{.name = spec.name, .dtype = spec.dtype};
    if (spec.dtype != DType::kBytes) {
      column.memory = decoder_.arena().Allocate(rows_ * tensor::SizeOf(spec.dtype));
    }
    columns_.push_back(std::move(column));
  }
  return OkStatus();
}

std::optional<size_t> RowReader::Find(std::string_view name) {
  const auto name_of = [this](size_t at) { return columns_[at].name; };
  size_t at = next_;
  if (at >= columns_.size() || columns_[at].name != name) {
    if (by_name_.empty()) {
      by_name_.resize(columns_.size());
      std::iota(by_name_.begin(), by_name_.end(), size_t{0});
      std::ranges::stable_sort(by_name_, {}, name_of);
    }
    const auto found = std::ranges::lower_bound(by_name_, name, {}, name_of);
    if (found == by_name_.end() || columns_[*found].name != name) return std::nullopt;
    at = *found;
  }
  next_ = at + 1;
  return at;
}

Status RowReader::Missing() const {
  std::string names;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (seen_[i]) continue;
    names += StrCat(names.empty() ? "'" : ", '", Printable(columns_[i].name), "'");
    if (names.size() > 500) break;
  }
  return InvalidArgument(StrCat("missing ", names));
}

Status RowReader::ReadNamed(JsonReader& reader, size_t row) {
  seen_.assign(columns_.size(), false);
  next_ = 0;
  size_t count = 0;
  std::string_view key;
  if (!reader.BeginObject()) return reader.status();
  while (reader.NextKey(key)) {
    const std::optional<size_t> at = Find(key);
    if (!at) {
      if (request_.ignored.find(key) == std::string::npos) request_.Ignore("", key);
      reader.SkipValue();
      continue;
    }
    if (seen_[*at]) return InvalidArgument(StrCat("column '", Printable(key), "' is there twice"));
    seen_[*at] = true;
    ++count;
    const Status status = ReadCell(reader, columns_[*at], row);
    if (!status.ok()) {
      return status.WithContext(StrCat("column '", Printable(columns_[*at].name), "'"));
    }
  }
  if (!reader.ok()) return reader.status();
  return count == columns_.size() ? OkStatus() : Missing();
}

Status RowReader::ReadPositional(JsonReader& reader, size_t row) {
  size_t at = 0;
  if (!reader.BeginArray()) return reader.status();
  while (reader.NextElement()) {
    if (at == columns_.size()) {
      return InvalidArgument(StrCat("expected ", columns_.size(), " columns, got more"));
    }
    const Status status = ReadCell(reader, columns_[at], row);
    if (!status.ok()) {
      return status.WithContext(StrCat("column '", Printable(columns_[at].name), "'"));
    }
    ++at;
  }
  if (!reader.ok()) return reader.status();
  if (at == columns_.size()) return OkStatus();
  return InvalidArgument(StrCat("expected ", columns_.size(), " columns, got ", at));
}

Status RowReader::Finish(std::vector<TensorView>& inputs) {
  const auto rows = static_cast<int64_t>(rows_);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = signature_.inputs[i];
    Column& column = columns_[i];
    std::span<const std::byte> data = column.memory;
    if (spec.dtype == DType::kBytes) {
      data = column.texts;
      decoder_.NewStrings() = std::move(column.texts);
    }
    const bool flat = spec.shape.rank() == 1;
    const auto width = static_cast<int64_t>(column.step);
    SLIPWAY_ASSIGN_OR_RETURN(
        inputs[i], TensorView::Create(spec.dtype, flat ? Shape{rows} : Shape{rows, width}, data));
  }
  return OkStatus();
}

// The body of /predict.
class PredictReader {
 public:
  PredictReader(size_t body_size, const tensor::Signature& signature, InferRequest& request,
                InferDecoder& decoder, std::vector<TensorView>& inputs)
      : body_size_(body_size),
        signature_(signature),
        request_(request),
        decoder_(decoder),
        inputs_(inputs) {}

  Status Read(JsonReader& reader) {
    SLIPWAY_RETURN_IF_ERROR(ReadObject(reader, [&](std::string_view key) -> Status {
      if (key == "id") {
        reader.ReadString(request_.id);
        return reader.status();
      }
      if (key == "input" || key == "rows") {
        if (found_) return InvalidArgument("expected either 'input' or 'rows', got both");
        found_ = true;
        return key == "rows" ? ReadRows(reader, JsonReader::Kind::kObject) : ReadInput(reader);
      }
      if (request_.has_sequences && IsAboutSequence(key)) {
        return ReadRequestParameter(reader, key, request_, nullptr);
      }
      request_.Ignore("", key);
      reader.SkipValue();
      return reader.status();
    }));
    if (found_) return OkStatus();
    return InvalidArgument("expected {\"input\": [...]} or {\"rows\": [{...}, ...]}");
  }

 private:
  // Rows of objects (kObject) or of arrays (kArray), or one such row alone.
  Status ReadRows(JsonReader& reader, JsonReader::Kind row_kind) {
    const bool alone = IsAlone(reader, row_kind);
    size_t count = 1;
    if (!alone) {
      JsonReader ahead = reader;
      count = 0;
      if (!ahead.BeginArray()) return ahead.status();
      for (; ahead.NextElement(); ++count) ahead.SkipValue();
      if (!ahead.ok()) return ahead.status();
    }
    RowReader rows(signature_, request_, decoder_);
    SLIPWAY_RETURN_IF_ERROR(rows.Begin(count, body_size_));
    if (!alone && !reader.BeginArray()) return reader.status();
    for (size_t row = 0; row < count && (alone || reader.NextElement()); ++row) {
      const Status status = row_kind == JsonReader::Kind::kObject
                                ? rows.ReadNamed(reader, row)
                                : rows.ReadPositional(reader, row);
      if (!status.ok()) return alone ? status : status.WithContext(StrCat("row ", row));
    }
    if (!alone) reader.NextElement();  // passes the closing bracket
    if (!reader.ok()) return reader.status();
    return rows.Finish(inputs_);
  }

  static bool IsAlone(JsonReader& reader, JsonReader::Kind row_kind) {
    if (row_kind == JsonReader::Kind::kObject) return reader.Peek() == row_kind;
    JsonReader ahead = reader;
    return ahead.BeginArray() && ahead.NextElement() && ahead.Peek() != JsonReader::Kind::kArray;
  }

  Status ReadInput(JsonReader& reader) {
    const TensorSpec& spec = signature_.inputs.front();
    if (signature_.inputs.size() > 1) return ReadRows(reader, JsonReader::Kind::kArray);
    const Status status = ReadTensor(reader, spec);
    return status.ok() ? status : status.WithContext(StrCat("input '", Printable(spec.name), "'"));
  }

  // The only input: as it is, or one row of it, or, for one column, rows.
  Status ReadTensor(JsonReader& reader, const TensorSpec& spec) {
    JsonReader ahead = reader;
    SLIPWAY_ASSIGN_OR_RETURN(Shape shape, tensor::MeasureJsonArray(ahead));
    if (shape.rank() == 1 && spec.shape.rank() == 2) {
      shape = spec.shape[1] == 1 ? Shape{shape[0], 1} : Shape{1, shape[0]};
    }
    if (!spec.Accepts(spec.dtype, shape)) {
      return InvalidArgument(StrCat("expected ", spec, ", got the shape ", shape));
    }
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t count, tensor::ElementCount(shape));
    if (spec.dtype == DType::kBytes) {
      std::vector<std::byte>& strings = decoder_.NewStrings();
      SLIPWAY_RETURN_IF_ERROR(tensor::ScanJsonStrings(reader, count, strings));
      SLIPWAY_ASSIGN_OR_RETURN(inputs_[0], TensorView::Create(spec.dtype, shape, strings));
      return OkStatus();
    }
    const std::span<std::byte> memory =
        decoder_.arena().Allocate(static_cast<size_t>(count) * tensor::SizeOf(spec.dtype));
    SLIPWAY_RETURN_IF_ERROR(tensor::ScanJsonNumbers(reader, spec.dtype, count, memory));
    SLIPWAY_ASSIGN_OR_RETURN(inputs_[0], TensorView::Create(spec.dtype, shape, memory));
    return OkStatus();
  }

  const size_t body_size_;
  const tensor::Signature& signature_;
  InferRequest& request_;
  InferDecoder& decoder_;
  std::vector<TensorView>& inputs_;
  bool found_ = false;
};

// The elements from `first` on that have the shape `dims`, as nested lists.
Status AppendNested(const TensorView& view, std::span<const int64_t> dims, int64_t first,
                    tensor::NotFinite not_finite, std::string& out) {
  out.push_back('[');
  Status status;
  if (dims.size() == 1) {
    status = tensor::AppendJsonElements(view, first, dims[0], not_finite, out);
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t step, tensor::ElementCount(dims.subspan(1)));
    for (int64_t i = 0; i < dims[0] && status.ok(); ++i) {
      if (i > 0) out.push_back(',');
      status = AppendNested(view, dims.subspan(1), first + i * step, not_finite, out);
    }
  }
  out.push_back(']');
  return status;
}

// A list for each row; where a row has one value, that value.
Status AppendRows(const TensorView& view, tensor::NotFinite not_finite, std::string& out) {
  std::span<const int64_t> dims = view.shape().dims();
  if (dims.empty()) return tensor::AppendJsonElements(view, 0, 1, not_finite, out);
  if (dims.size() == 2 && dims[1] == 1) dims = dims.first(1);
  return AppendNested(view, dims, 0, not_finite, out);
}

void AppendTexts(const std::vector<std::string>& texts, std::string& out) {
  out.push_back('[');
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out.push_back(',');
    base::AppendJsonString(out, texts[i]);
  }
  out.push_back(']');
}

}  // namespace

Status DecodePredict(std::span<std::byte> body, const tensor::Signature& signature,
                     InferRequest& request, InferDecoder& decoder,
                     std::vector<TensorView>& inputs) {
  decoder.Reset();
  inputs.assign(signature.inputs.size(), TensorView());
  if (inputs.empty()) return InvalidArgument("the model has no inputs; send an infer request");
  JsonReader reader({reinterpret_cast<char*>(body.data()), body.size()});
  SLIPWAY_RETURN_IF_ERROR(
      PredictReader(body.size(), signature, request, decoder, inputs).Read(reader));
  if (!reader.Finish()) return reader.status();
  for (size_t i = 0; i < signature.outputs.size(); ++i) {
    request.outputs.push_back({.index = i, .binary = false, .classes = 0});
  }
  return OkStatus();
}

Status EncodePredict(const lifecycle::LoadedModel& model, const InferRequest& request,
                     const std::vector<tensor::Tensor>& results, net::HttpResponse& response) {
  using tensor::NotFinite;
  const tensor::Signature& signature = model.engine().signature();
  const NotFinite not_finite =
      request.literal_not_finite ? NotFinite::kLiteral : NotFinite::kRefuse;
  std::string& out = response.body;
  out.push_back('{');
  if (!request.id.empty()) {
    out.append("\"id\":");
    base::AppendJsonString(out, request.id);
    out.push_back(',');
  }
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    const std::string& name = signature.outputs[request.outputs[i].index].name;
    base::AppendJsonString(out, name);
    out.push_back(':');
    const Status status = AppendRows(results[i].view(), not_finite, out);
    if (!status.ok()) return status.WithContext(StrCat("output '", name, "'"));
    out.push_back(',');
  }
  if (!signature.classes.empty()) {
    out.append("\"classes\":");
    AppendTexts(signature.classes, out);
    out.push_back(',');
  }
  out.append("\"model_name\":");
  base::AppendJsonString(out, model.id().name);
  out.append(",\"model_version\":\"");
  AppendNumber(model.id().version, out);
  out.append("\"}");
  response.content_type = kJsonType;
  return OkStatus();
}

}  // namespace slipway::frontend::openinference
