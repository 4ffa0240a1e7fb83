#pragma once

#include <functional>
#include <vector>

#include "base/status.h"
#include "import/sklearn/estimator.h"

namespace slipway::import::sklearn {

// How the rows of the training data vote on one output: a row of zeros for each, with a one where
// its class is.
struct VoteTable {
  Labels labels;
  Reals votes;  // [rows, labels]
};

// One for each output of a classifier by neighbours, from its `classes_` and `_y`. kInvalidArgument
// unless these fit `rows` rows, kUnimplemented for so many that the tables would be huge.
base::Result<std::vector<VoteTable>> ReadVotes(Scope& scope, const Record& record, int64_t rows);

// What such a classifier answers, of one output or several, where `sums` of a table gives the votes
// for each of its labels, [batch, labels].
Answer FromVotes(Scope& scope, const Record& record, std::vector<VoteTable> tables,
                 const std::function<graph::Value(const VoteTable& table, size_t output)>& sums);

}  // namespace slipway::import::sklearn
