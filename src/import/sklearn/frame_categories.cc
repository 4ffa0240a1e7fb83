#include "import/sklearn/frame_categories.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "base/text.h"

namespace slipway::import::sklearn {
namespace {

using base::Result;
using graph::Value;
using Kind = pickle::Value::Kind;

// Texts, or numbers; nullopt for anything else.
std::optional<Categories> ReadList(const pickle::Value& list) {
  if (!list.Is(Kind::kList)) return std::nullopt;
  Categories out;
  for (const pickle::Value& item : list.node().items) {
    if (const auto text = pickle::ReadText(item); text.ok()) {
      if (!base::IsValidUtf8(*text)) return std::nullopt;
      out.texts.push_back(*text);
    } else if (const auto number = pickle::ReadNumber(item); number.ok()) {
      out.numbers.push_back(*number);
    }
  }
  out.text = !out.texts.empty();
  return out.size() == list.node().items.size() && out.size() > 0 ? std::optional(std::move(out))
                                                                  : std::nullopt;
}

}  // namespace

Result<std::optional<std::vector<Categories>>> FrameCategories(const Record& booster,
                                                               size_t columns) {
  using Found = std::optional<std::vector<Categories>>;
  if (!booster.Has("pandas_categorical")) return Found();
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<pickle::Value> lists,
                           booster.List("pandas_categorical"));
  if (lists.empty() || lists.size() != columns) return Found();
  std::vector<Categories> out;
  uint64_t& left = booster.budget().elements_left;
  for (const pickle::Value& list : lists) {
    auto categories = ReadList(list);
    if (!categories) return Found();
    if (categories->size() > left) {
      return base::ResourceExhausted("the model reads the same categories over and over");
    }
    left -= categories->size();
    out.push_back(*std::move(categories));
  }
  return Found(std::move(out));
}

Result<Value> WithCodes(Scope& scope, const Record& record, const Frame& input,
                        std::span<const int64_t> columns, std::span<const Categories> categories) {
  std::vector<Value> parts;
  int64_t next = 0;
  // The numbers in front of a column.
  const auto add_numbers = [&](int64_t end) -> base::Status {
    if (next == end) return base::OkStatus();
    std::vector<int64_t> run(static_cast<size_t>(end - next));
    std::iota(run.begin(), run.end(), next);
    SLIPWAY_ASSIGN_OR_RETURN(const Frame chosen, scope.Select(record, input, run));
    SLIPWAY_ASSIGN_OR_RETURN(Value numbers, scope.Matrix(record, chosen));
    parts.push_back(std::move(numbers));
    return base::OkStatus();
  };
  for (size_t i = 0; i < columns.size(); ++i) {
    SLIPWAY_RETURN_IF_ERROR(add_numbers(columns[i]));
    std::vector<double> codes(categories[i].size());
    std::iota(codes.begin(), codes.end(), 0.0);
    constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
    SLIPWAY_ASSIGN_OR_RETURN(Value code, LookUpNumbers(scope, record, input, columns[i],
                                                       categories[i], codes, kMissing));
    parts.push_back(std::move(code));
    next = columns[i] + 1;
  }
  SLIPWAY_RETURN_IF_ERROR(add_numbers(input.width()));
  return scope.graph.Concat(std::move(parts));
}

}  // namespace slipway::import::sklearn
