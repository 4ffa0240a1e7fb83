#include "import/sklearn/column_choice.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::import::sklearn {
namespace {

using base::Result;
using base::StrCat;
using pickle::Value;
using Kind = pickle::Value::Kind;

// Turns names and positions into positions.
class Chooser {
 public:
  Chooser(const Record& record, std::span<const std::string> names, int64_t width)
      : record_(record), width_(width) {
    for (size_t i = 0; i < names.size(); ++i) {
      by_name_.try_emplace(names[i], static_cast<int64_t>(i));
    }
  }

  Result<int64_t> One(const Value& value) const {
    if (value.Is(Kind::kText)) return ByName(value.node().text);
    const auto position = pickle::ReadInteger(value);
    if (!position.ok()) {
      const auto text = pickle::ReadText(value);
      if (text.ok()) return ByName(*text);
      return record_.Damaged("expected a column's name or position");
    }
    const int64_t at = *position < 0 ? *position + width_ : *position;
    if (at >= 0 && at < width_) return at;
    return record_.Damaged(StrCat("chooses column ", *position, " of ", width_));
  }

  Result<std::vector<int64_t>> Many(std::span<const Value> values) const {
    std::vector<int64_t> chosen;
    const bool mask = !values.empty() && std::ranges::all_of(values, [](const Value& value) {
      return value.Is(Kind::kBool);
    });
    if (mask) {
      for (size_t i = 0; i < values.size(); ++i) {
        if (values[i].boolean()) chosen.push_back(static_cast<int64_t>(i));
      }
      return chosen;
    }
    for (const Value& value : values) {
      SLIPWAY_ASSIGN_OR_RETURN(const int64_t one, One(value));
      chosen.push_back(one);
    }
    return chosen;
  }

  // slice(start, stop, step)
  Result<std::vector<int64_t>> Slice(std::span<const Value> parts) const {
    if (parts.size() != 3) return record_.Damaged("a slice without its three parts");
    const bool named = parts[0].Is(Kind::kText) || parts[1].Is(Kind::kText);
    int64_t step = 1;
    if (!parts[2].Is(Kind::kNone)) {
      SLIPWAY_ASSIGN_OR_RETURN(step, pickle::ReadInteger(parts[2]));
    }
    if (step <= 0) return record_.Damaged("a slice with a step that is not positive");
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t first, SliceEnd(parts[0], 0, false));
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t last, SliceEnd(parts[1], width_, named));
    std::vector<int64_t> chosen;
    for (int64_t i = first; i < last; i += std::min(step, width_)) chosen.push_back(i);
    return chosen;
  }

 private:
  Result<int64_t> ByName(std::string_view name) const {
    const auto found = by_name_.find(std::string(name));
    if (found != by_name_.end() && found->second < width_) return found->second;
    return record_.Damaged(
        StrCat("chooses column '", base::Printable(name), "', which is none of its columns"));
  }

  Result<int64_t> SliceEnd(const Value& value, int64_t otherwise, bool include) const {
    if (value.Is(Kind::kNone)) return otherwise;
    if (value.Is(Kind::kText)) {
      SLIPWAY_ASSIGN_OR_RETURN(const int64_t at, ByName(value.node().text));
      return at + (include ? 1 : 0);
    }
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t position, pickle::ReadInteger(value));
    if (position < -width_) return 0;
    return std::min(position < 0 ? position + width_ : position, width_);
  }

  const Record& record_;
  const int64_t width_;
  std::unordered_map<std::string, int64_t> by_name_;
};

// pandas writes an index as _new_Index(Index, {"data": array, "name": ...}).
const Value* DataOfIndex(const Value& value) {
  if (!pickle::IsCallOf(value, "pandas.core.indexes.base", "_new_Index")) return nullptr;
  const std::vector<Value>& args = value.node().args.node().items;
  if (args.size() != 2 || !args[1].Is(Kind::kDict)) return nullptr;
  return pickle::FindKey(args[1].node().items, "data");
}

// The list of columns that some versions wrap in a class of their own.
const Value* DataOfRemainder(const Value& value) {
  if (!pickle::IsCallOf(value, "sklearn.compose._column_transformer", "_RemainderColsList")) {
    return nullptr;
  }
  const Value& state = value.node().state;
  return state.Is(Kind::kDict) ? pickle::FindKey(state.node().items, "data") : nullptr;
}

Result<std::vector<int64_t>> ChooseByArray(const Record& record, const Chooser& chooser,
                                           const Value& choice) {
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array array, pickle::ReadArray(choice));
  if (array.count > 1'000'000) return record.Damaged("chooses more than 1,000,000 columns");
  if (array.type.kind == 'O') return chooser.Many(array.objects);
  std::vector<int64_t> chosen;
  if (array.type.kind == 'U') {
    SLIPWAY_ASSIGN_OR_RETURN(const auto names, pickle::ToTexts(array));
    for (const std::string& name : names) {
      pickle::Node node;
      node.text = name;
      SLIPWAY_ASSIGN_OR_RETURN(const int64_t one, chooser.One(Value::Of(Kind::kText, node)));
      chosen.push_back(one);
    }
    return chosen;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, pickle::ToIntegers(array));
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (array.type.kind == 'b') {
      if (numbers[i] != 0) chosen.push_back(static_cast<int64_t>(i));
      continue;
    }
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t one, chooser.One(Value::Int(numbers[i])));
    chosen.push_back(one);
  }
  return chosen;
}

}  // namespace

Result<std::vector<std::string>> ColumnNames(const Record& record) {
  // Until scikit-learn 1.0 only a ColumnTransformer had them, or None.
  const std::string_view attribute =
      record.Has("feature_names_in_") ? "feature_names_in_" : "_feature_names_in";
  const pickle::Value* value = record.Find(attribute);
  if (value == nullptr || value->Is(Kind::kNone)) return std::vector<std::string>();
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array array, record.Array(attribute));
  auto names = pickle::ToTexts(array);
  if (!names.ok()) return record.At(attribute, names.status());
  return *std::move(names);
}

Result<std::vector<int64_t>> ChooseColumns(const Record& record, const Value& choice,
                                           std::span<const std::string> names, int64_t width) {
  const Chooser chooser(record, names, width);
  if (const Value* data = DataOfRemainder(choice)) {
    if (!data->Is(Kind::kList)) return record.Damaged("a remainder without its columns");
    return chooser.Many(data->node().items);
  }
  if (const Value* data = DataOfIndex(choice)) return ChooseByArray(record, chooser, *data);
  if (choice.Is(Kind::kList) || choice.Is(Kind::kTuple)) return chooser.Many(choice.node().items);
  if (pickle::IsCallOf(choice, "builtins", "slice")) {
    return chooser.Slice(choice.node().args.node().items);
  }
  const bool array = pickle::IsArray(choice);
  if (array) {
    SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array read, pickle::ReadArray(choice));
    if (!read.shape.empty()) return ChooseByArray(record, chooser, choice);
  }
  if (choice.Is(Kind::kObject) && !array)
    return record.Damaged("a choice of columns by a function");
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t one, chooser.One(choice));
  return std::vector<int64_t>{one};
}

}  // namespace slipway::import::sklearn
