#include "import/sklearn/neighbor_votes.h"

#include <algorithm>
#include <utility>

#include "base/str_cat.h"
#include "import/sklearn/combined.h"
#include "import/sklearn/formulas.h"

// Source: scikit-learn 1.9, sklearn/neighbors/_base.py (SupervisedIntegerMixin).
namespace slipway::import::sklearn {

using base::Result;
using base::StrCat;
using graph::Value;

namespace {

// Whether the target had several columns, for each of which classes_ then has a list.
Result<bool> HasSeveral(const Record& record) { return record.BoolOr("outputs_2d_", false); }

Result<std::vector<Labels>> ReadLabels(const Record& record) {
  std::vector<Labels> out;
  SLIPWAY_ASSIGN_OR_RETURN(const bool several, HasSeveral(record));
  if (!several) {
    SLIPWAY_ASSIGN_OR_RETURN(Labels labels, Labels::Read(record, "classes_"));
    out.push_back(std::move(labels));
    return out;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const auto lists, record.List("classes_"));
  for (const pickle::Value& list : lists) {
    SLIPWAY_ASSIGN_OR_RETURN(Labels labels, Labels::Read(record, "classes_", list));
    out.push_back(std::move(labels));
  }
  if (out.empty()) return record.Damaged("classes_: of no output");
  return out;
}

}  // namespace

Result<std::vector<VoteTable>> ReadVotes(Scope& scope, const Record& record, int64_t rows) {
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<Labels> labels, ReadLabels(record));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> codes, record.Integers("_y"));
  const size_t outputs = labels.size();
  const auto count = static_cast<size_t>(rows);
  if (codes.size() / outputs != count || codes.size() % outputs != 0) {
    return record.Damaged("_y: of other rows");
  }
  uint64_t cells = 0;
  for (const Labels& one : labels) cells += count * static_cast<uint64_t>(one.size());
  constexpr uint64_t kMaxCells = 100'000'000;
  if (cells > kMaxCells) {
    return scope.Unsupported(record, "so many rows and classes are not supported");
  }
  std::vector<VoteTable> tables;
  for (size_t output = 0; output < outputs; ++output) {
    const int64_t classes = labels[output].size();
    VoteTable table{.labels = std::move(labels[output]),
                    .votes = {.shape = {rows, classes}, .values = {}}};
    table.votes.values.assign(count * static_cast<size_t>(classes), 0.0);
    for (size_t i = 0; i < count; ++i) {
      const int64_t code = codes[i * outputs + output];
      if (code < 0 || code >= classes) return record.Damaged("_y: a class out of range");
      table.votes.values[i * static_cast<size_t>(classes) + static_cast<size_t>(code)] = 1;
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

Answer FromVotes(Scope& scope, const Record& record, std::vector<VoteTable> tables,
                 const std::function<Value(const VoteTable& table, size_t output)>& sums) {
  const auto several_outputs = HasSeveral(record);
  Several several;
  std::vector<Value> codes;
  for (size_t output = 0; output < tables.size(); ++output) {
    const Value votes = sums(tables[output], output);
    codes.push_back(FirstMaximum(scope.graph, votes));
    several.each.push_back(Normalized(scope.graph, votes, 0));
    several.labels.push_back(std::move(tables[output].labels));
  }
  Answer answer;
  if (several_outputs.ok() && !*several_outputs) {
    answer.labels = std::move(several.labels.front());
    answer.code = codes.front();
    answer.probabilities = several.each.front();
    return answer;
  }
  for (Value& code : codes) code = ColumnOf(scope.graph, code);
  several.codes = scope.graph.Concat(std::move(codes));
  answer.several = std::move(several);
  return answer;
}

}  // namespace slipway::import::sklearn
