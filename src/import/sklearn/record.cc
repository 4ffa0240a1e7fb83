#include "import/sklearn/record.h"

#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::import::sklearn {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using pickle::Node;
using pickle::Value;
using Kind = pickle::Value::Kind;

namespace {

constexpr size_t kMaxAttributes = 1000;

Status Charge(Budget& budget, uint64_t elements) {
  if (elements > budget.elements_left) {
    return base::ResourceExhausted("the model reads the same arrays over and over");
  }
  budget.elements_left -= elements;
  return base::OkStatus();
}

}  // namespace

Result<Reals> ReadReals(const Value& value, Budget& budget) {
  if (value.Is(Kind::kList) || value.Is(Kind::kTuple)) {
    const std::vector<Value>& items = value.node().items;
    SLIPWAY_RETURN_IF_ERROR(Charge(budget, items.size()));
    Reals out{.shape = {static_cast<int64_t>(items.size())}, .values = {}};
    for (const Value& item : items) {
      SLIPWAY_ASSIGN_OR_RETURN(const double number, pickle::ReadNumber(item));
      out.values.push_back(number);
    }
    return out;
  }
  if (!pickle::IsArray(value)) {
    SLIPWAY_ASSIGN_OR_RETURN(const double one, pickle::ReadNumber(value));
    return Reals{.shape = {}, .values = {one}};
  }
  SLIPWAY_ASSIGN_OR_RETURN(pickle::Array array, pickle::ReadArray(value));
  SLIPWAY_RETURN_IF_ERROR(Charge(budget, array.count));
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<double> values, pickle::ToDoubles(array));
  return Reals{.shape = std::move(array.shape), .values = std::move(values)};
}

Result<Record> Record::From(const Value& value, std::string place, Budget& budget) {
  if (!value.Is(Kind::kObject) || !value.node().callable.Is(Kind::kGlobal)) {
    return InvalidArgument(
        StrCat(place, ": expected an object, got ", pickle::KindName(value.kind())));
  }
  Record record(value, std::move(place), budget);
  record.module_ = value.node().callable.node().text;
  record.name_ = value.node().callable.node().name;
  const Value& state = value.node().state;
  if (state.Is(Kind::kDict)) record.attributes_.push_back(&state.node());
  if (state.Is(Kind::kTuple)) {
    for (const Value& part : state.node().items) {
      if (part.Is(Kind::kDict)) record.attributes_.push_back(&part.node());
    }
  }
  for (const Node* dict : record.attributes_) {
    if (dict->items.size() > 2 * kMaxAttributes)
      return record.Damaged("more than 1,000 attributes");
  }
  return record;
}

std::string Record::PlaceOf(std::string_view attribute) const {
  return place_.empty() ? std::string(attribute) : StrCat(place_, ".", attribute);
}

Status Record::Damaged(std::string_view what) const {
  return InvalidArgument(StrCat(place_.empty() ? "the model" : place_, " (", base::Printable(name_),
                                "): ", base::Printable(what, kMaxMessageBytes)));
}

Status Record::At(std::string_view attribute, const Status& status) const {
  return {status.code(), StrCat(place_.empty() ? "the model" : place_, " (", base::Printable(name_),
                                "): ", attribute, ": ", status.message())};
}

const Value* Record::Find(std::string_view attribute) const {
  for (size_t i = attributes_.size(); i-- > 0;) {
    if (const Value* found = pickle::FindKey(attributes_[i]->items, attribute)) return found;
  }
  return nullptr;
}

bool Record::Has(std::string_view attribute) const {
  const Value* found = Find(attribute);
  return found != nullptr && !found->Is(Kind::kNone);
}

bool Record::Is(std::string_view attribute, std::string_view text) const {
  const Value* found = Find(attribute);
  return found != nullptr && found->Is(Kind::kText) && found->node().text == text;
}

std::string_view Record::FirstOf(std::span<const std::string_view> attributes) const {
  for (const std::string_view attribute : attributes) {
    if (Has(attribute)) return attribute;
  }
  return attributes.front();
}

Result<const Value*> Record::Get(std::string_view attribute) const {
  const Value* found = Find(attribute);
  if (found != nullptr) return found;
  return Damaged(StrCat("has no ", attribute,
                        "; was the estimator fitted before it was saved? A version of scikit-learn "
                        "that is not known may name it differently"));
}

Result<double> Record::Number(std::string_view attribute) const {
  SLIPWAY_ASSIGN_OR_RETURN(const Value* found, Get(attribute));
  auto number = pickle::ReadNumber(*found);
  return number.ok() ? number : At(attribute, number.status());
}

Result<int64_t> Record::Integer(std::string_view attribute) const {
  SLIPWAY_ASSIGN_OR_RETURN(const Value* found, Get(attribute));
  auto number = pickle::ReadInteger(*found);
  return number.ok() ? number : At(attribute, number.status());
}

Result<std::string> Record::Text(std::string_view attribute) const {
  SLIPWAY_ASSIGN_OR_RETURN(const Value* found, Get(attribute));
  auto text = pickle::ReadText(*found);
  return text.ok() ? text : At(attribute, text.status());
}

Result<pickle::Array> Record::Array(std::string_view attribute) const {
  SLIPWAY_ASSIGN_OR_RETURN(const Value* found, Get(attribute));
  auto array = pickle::ReadArray(*found);
  if (!array.ok()) return At(attribute, array.status());
  const Status charged = Charge(*budget_, array->count);
  return charged.ok() ? array : At(attribute, charged);
}

Result<Reals> Record::Numbers(std::string_view attribute) const {
  SLIPWAY_ASSIGN_OR_RETURN(const Value* found, Get(attribute));
  auto reals = ReadReals(*found, *budget_);
  return reals.ok() ? std::move(reals) : At(attribute, reals.status());
}

Result<std::vector<int64_t>> Record::Integers(std::string_view attribute) const {
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array array, Array(attribute));
  auto integers = pickle::ToIntegers(array);
  return integers.ok() ? std::move(integers) : At(attribute, integers.status());
}

Result<Record> Record::Child(std::string_view attribute) const {
  SLIPWAY_ASSIGN_OR_RETURN(const Value* found, Get(attribute));
  return From(*found, PlaceOf(attribute), *budget_);
}

Result<std::vector<Value>> Record::List(std::string_view attribute) const {
  SLIPWAY_ASSIGN_OR_RETURN(const Value* found, Get(attribute));
  std::vector<Value> items;
  if (found->Is(Kind::kList) || found->Is(Kind::kTuple)) {
    items = found->node().items;
  } else {
    SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array array, Array(attribute));
    if (array.type.kind != 'O') return At(attribute, InvalidArgument("expected a list"));
    items.assign(array.objects.begin(), array.objects.end());
  }
  const Status charged = Charge(*budget_, items.size());
  if (!charged.ok()) return At(attribute, charged);
  return items;
}

Result<double> Record::NumberOr(std::string_view attribute, double otherwise) const {
  return Has(attribute) ? Number(attribute) : Result<double>(otherwise);
}

Result<int64_t> Record::IntegerOr(std::string_view attribute, int64_t otherwise) const {
  return Has(attribute) ? Integer(attribute) : Result<int64_t>(otherwise);
}

Result<bool> Record::BoolOr(std::string_view attribute, bool otherwise) const {
  const Value* found = Find(attribute);
  if (found == nullptr || found->Is(Kind::kNone)) return otherwise;
  auto value = pickle::ReadBool(*found);
  return value.ok() ? value : At(attribute, value.status());
}

std::string Record::TextOr(std::string_view attribute, std::string_view otherwise) const {
  const Value* found = Find(attribute);
  if (found == nullptr) return std::string(otherwise);
  auto text = pickle::ReadText(*found);
  return text.ok() ? *std::move(text) : std::string(otherwise);
}

}  // namespace slipway::import::sklearn
