#include "import/pmml/model_scope.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/expression.h"
#include "import/pmml/formulas.h"

namespace slipway::import::pmml {

using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

constexpr size_t kMaxProblems = 50;  // that one message names

}  // namespace

double Texts::Code(std::string_view text) {
  const auto [at, is_new] = codes_.try_emplace(std::string(text), all_.size());
  if (is_new) all_.emplace_back(text);
  return static_cast<double>(at->second);
}

Status Conversion::Unsupported(const Element& at, std::string_view what) {
  return base::Unimplemented(StrCat(at.Where(), ": ", what, " is not supported"));
}

Status Conversion::Recover(const Status& status) {
  if (status.code() != base::StatusCode::kUnimplemented) return status;
  if (problems.size() >= kMaxProblems) return status;
  if (std::ranges::find(problems, status.message()) == problems.end()) {
    problems.push_back(status.message());
  }
  return base::OkStatus();
}

void Conversion::Describe(std::string_view line) {
  structure.push_back(StrCat(std::string(2 * static_cast<size_t>(depth), ' '), line));
}

bool ModelScope::Knows(const std::string& name) const {
  return fields_.contains(name) || derived_.contains(name) ||
         (around_ != nullptr && around_->Knows(name));
}

Result<const Field*> ModelScope::Find(const Element& at, const std::string& name) {
  if (const auto field = fields_.find(name); field != fields_.end()) return &field->second;
  const auto derived = derived_.find(name);
  if (derived == derived_.end()) {
    if (around_ != nullptr) return around_->Find(at, name);
    return at.Error(StrCat("there is no field '", Printable(name), "'"));
  }
  if (!in_progress_.insert(name).second) {
    return at.Error(StrCat("field '", Printable(name), "' is defined by itself"));
  }
  auto made = MakeDerivedField(*this, derived->second);
  in_progress_.erase(name);
  if (!made.ok()) return std::move(made).status();
  return &fields_.emplace(name, *std::move(made)).first->second;
}

Result<const Field*> ModelScope::Use(const Element& at, const std::string& name) {
  SLIPWAY_ASSIGN_OR_RETURN(const Field* const field, Find(at, name));
  if (!field->fails.name.empty()) Fail(field->fails);
  return field;
}

void ModelScope::Fail(const graph::Value& rows) {
  if (rows.name == fails_.name) return;
  fails_ = Or(graph(), fails_, rows);
}

Result<double> ConstantOf(Conversion& all, const Element& at, DataType type,
                          std::string_view text) {
  if (type == DataType::kText) return all.texts.Code(text);
  const auto number = ParseValue(text);
  if (!number || std::isnan(*number)) {
    return at.Error(StrCat("expected a number, got '", Printable(text), "'"));
  }
  if (type == DataType::kFloat) return static_cast<double>(static_cast<float>(*number));
  if (type == DataType::kBoolean && *number != 0 && *number != 1) {
    return at.Error(StrCat("expected true or false, got '", Printable(text), "'"));
  }
  return *number;
}

Result<DataType> ReadDataType(Conversion& all, const Element& at, std::string_view otherwise) {
  const std::string name = at.Or("dataType", otherwise);
  if (name == "double") return DataType::kDouble;
  if (name == "float") return DataType::kFloat;
  if (name == "integer") return DataType::kInteger;
  if (name == "boolean") return DataType::kBoolean;
  if (name == "string") return DataType::kText;
  if (name.empty()) return at.Error("'dataType' is missing");
  return all.Unsupported(at, StrCat("dataType='", Printable(name), "'"));
}

}  // namespace slipway::import::pmml
