#include "import/pmml/verification.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/inline_table.h"
#include "import/pmml/model.h"

namespace slipway::import::pmml {
namespace {

using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;

constexpr size_t kMaxRows = 10'000;
constexpr size_t kMaxCells = 2'000'000;

// A VerificationField, and whom it names: an input or an answer.
struct Verified {
  Element at;
  std::string name;
  std::string column;
  const ImportedColumn* input = nullptr;
  const PlacedAnswer* answer = nullptr;
  std::vector<std::optional<std::string>> cells = {};  // one for each row
};

Result<std::vector<Verified>> ReadFields(Conversion& all, const Element& verification,
                                         std::span<const PlacedAnswer> answers) {
  std::map<std::string, const ImportedColumn*> inputs;
  for (const ImportedColumn& column : all.columns) inputs.emplace(column.name, &column);
  std::map<std::string, const PlacedAnswer*> by_name;
  for (const PlacedAnswer& answer : answers) {  // an OutputField goes before the target
    const auto [at, is_new] = by_name.emplace(answer.field, &answer);
    if (!is_new && at->second->is_target) at->second = &answer;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Element list, verification.NeedChild("VerificationFields"));
  std::vector<Verified> out;
  std::set<std::string> names;
  for (const Element& at : list.Children("VerificationField")) {
    Verified one = {.at = at, .name = {}, .column = {}};
    SLIPWAY_ASSIGN_OR_RETURN(one.name, at.Need("field"));
    one.column = at.Or("column", one.name);
    if (!names.insert(one.name).second) return at.Error("the second one");
    if (const auto found = inputs.find(one.name); found != inputs.end()) one.input = found->second;
    if (const auto found = by_name.find(one.name); found != by_name.end()) {
      one.answer = found->second;
    }
    if (one.input == nullptr && one.answer == nullptr && !all.data_fields.contains(one.name)) {
      return at.Error("there is no such field");
    }
    out.push_back(std::move(one));
  }
  if (out.empty()) return list.Error("expected a VerificationField");
  return out;
}

void ReadCells(std::span<const Element> rows, std::span<Verified> fields) {
  std::vector<std::string> columns;
  for (const Verified& field : fields) columns.push_back(field.column);
  const RowReader reader(columns);
  for (const Element& row : rows) {
    std::vector<std::optional<std::string>> cells = reader.Read(row);
    for (size_t i = 0; i < fields.size(); ++i) fields[i].cells.push_back(std::move(cells[i]));
  }
}

// The cells as numbers, NaN where there is none. An empty cell is a missing input, but no answer.
Result<std::vector<double>> Numbers(const Verified& field, std::span<const Element> rows,
                                    bool empty_is_missing) {
  std::vector<double> out;
  for (size_t row = 0; row < rows.size(); ++row) {
    const std::optional<std::string>& cell = field.cells[row];
    const bool none = !cell || (empty_is_missing && cell->empty());
    const auto number = none ? std::nan("") : ParseValue(*cell);
    if (!number) {
      return rows[row].Error(StrCat("'", Printable(field.column), "': expected a number, got '",
                                    Printable(*cell), "'"));
    }
    out.push_back(*number);
  }
  return out;
}

// "1.0" as the class "1", when the target's values are numbers.
void NameClasses(Conversion& all, const Element& model, std::span<const std::string> classes,
                 std::vector<std::optional<std::string>>& texts) {
  const auto target = all.data_fields.find(TargetName(model));
  if (target == all.data_fields.end() || target->second.Or("dataType", "") == "string") return;
  const std::set<std::string> names(classes.begin(), classes.end());
  std::map<double, std::string> by_number;
  for (const std::string& name : classes) {
    const auto number = ParseValue(name);
    if (number && !std::isnan(*number)) by_number.emplace(*number, name);
  }
  for (std::optional<std::string>& text : texts) {
    if (!text || names.contains(*text)) continue;
    const auto number = ParseValue(*text);
    if (!number || std::isnan(*number)) continue;
    if (const auto at = by_number.find(*number); at != by_number.end()) text = at->second;
  }
}

Result<Verification::Answer> ReadAnswer(Conversion& all, const Element& model,
                                        const Verified& field, std::span<const Element> rows,
                                        std::span<const std::string> classes) {
  Verification::Answer out = {
      .field = field.name, .output = field.answer->output, .column = field.answer->column};
  SLIPWAY_ASSIGN_OR_RETURN(out.precision, field.at.NumberOr("precision", 1e-6));
  SLIPWAY_ASSIGN_OR_RETURN(out.zero_threshold, field.at.NumberOr("zeroThreshold", 1e-16));
  if (out.precision < 0 || out.zero_threshold < 0) {
    return field.at.Error("expected a precision and a zeroThreshold of at least 0");
  }
  if (field.answer->is_text) {
    out.texts = field.cells;
    if (field.answer->is_label) NameClasses(all, model, classes, out.texts);
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(out.numbers, Numbers(field, rows, false));
  }
  return out;
}

// A column for every input of the model, whether the table has it or not.
Status ReadInputs(Conversion& all, std::span<const Verified> fields, std::span<const Element> rows,
                  Verification& out) {
  std::map<const ImportedColumn*, const Verified*> given;
  for (const Verified& field : fields) given.emplace(field.input, &field);
  for (const ImportedColumn& column : all.columns) {
    const auto field = given.find(&column);
    Verification::Input input = {.name = column.name};
    if (column.kind == ImportedColumn::Kind::kText) {
      input.texts.resize(rows.size());
      for (size_t row = 0; field != given.end() && row < rows.size(); ++row) {
        input.texts[row] = field->second->cells[row].value_or(std::string());
      }
    } else if (field != given.end()) {
      SLIPWAY_ASSIGN_OR_RETURN(input.numbers, Numbers(*field->second, rows, true));
    } else {
      input.numbers.assign(rows.size(), std::nan(""));
    }
    out.inputs.push_back(std::move(input));
  }
  return OkStatus();
}

}  // namespace

Result<std::optional<Verification>> ReadVerification(Conversion& all, const Element& model,
                                                     std::span<const PlacedAnswer> answers,
                                                     std::span<const std::string> classes) {
  const auto at = model.Child("ModelVerification");
  if (!at) return std::optional<Verification>();
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<Verified> fields, ReadFields(all, *at, answers));
  SLIPWAY_RETURN_IF_ERROR(CheckCount(*at, "fieldCount", fields.size()));
  const auto rows = TableRows(*at, kMaxRows);
  if (rows.status().code() == base::StatusCode::kUnimplemented) {
    all.warnings.push_back(rows.status().message());
    return std::optional<Verification>();
  }
  SLIPWAY_RETURN_IF_ERROR(rows.status());
  SLIPWAY_RETURN_IF_ERROR(CheckCount(*at, "recordCount", rows->size()));
  if (rows->size() * (fields.size() + all.columns.size()) > kMaxCells) {
    return base::ResourceExhausted(StrCat(at->Where(), ": more than ", kMaxCells, " cells"));
  }
  ReadCells(*rows, fields);
  Verification out;
  out.rows = static_cast<int64_t>(rows->size());
  SLIPWAY_RETURN_IF_ERROR(ReadInputs(all, fields, *rows, out));
  const bool has_outputs = std::ranges::any_of(fields, [](const Verified& field) {
    return field.answer != nullptr && !field.answer->is_target;
  });
  for (const Verified& field : fields) {
    if (field.answer == nullptr || (has_outputs && field.answer->is_target)) continue;
    if (field.answer->output.empty()) {
      all.warnings.push_back(
          StrCat(field.at.Where(), ": is no output of the ONNX file, so it is not verified"));
      continue;
    }
    SLIPWAY_ASSIGN_OR_RETURN(Verification::Answer answer,
                             ReadAnswer(all, model, field, *rows, classes));
    out.answers.push_back(std::move(answer));
  }
  if (!out.answers.empty()) return std::optional<Verification>(std::move(out));
  all.warnings.push_back(StrCat(at->Where(), ": no answers that can be compared"));
  return std::optional<Verification>();
}

}  // namespace slipway::import::pmml
