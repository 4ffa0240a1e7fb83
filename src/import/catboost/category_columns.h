#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "graph/graph_builder.h"
#include "import/catboost/model.h"

namespace slipway::import::catboost {

// The inputs of a model, as its features have them.
struct Inputs {
  graph::Value numbers;                  // FP32 [batch, floats]; without a name if there are none
  std::vector<graph::Value> categories;  // STRING [batch, 1] each
};

// What trees ask of categories, as numbers: the hash of a category, and the values of counters.
//
// A combination is hashed like this, in 64 bits that overflow: key = m * (key + m * part), part by
// part, where a part is the hash of a category or whether a split holds. A counter is the row of
// its table (one more row for combinations that training has not met), worked out here in FP32 as
// CatBoost does. Thread-compatible.
class CategoryColumns {
 public:
  CategoryColumns(graph::GraphBuilder& graph, const Model& model, const Inputs& inputs)
      : graph_(graph), model_(model), inputs_(inputs) {}

  // INT64 [batch, 1]: the hash of the category; made once.
  graph::Value Hash(uint32_t category);
  // FP32 [batch, 1]: the counter's value.
  graph::Value Count(uint32_t counter);

 private:
  graph::Value Part(const Counter::Part& part);
  // The row of each table that holds the combination: 0 for none.
  graph::Value Row(const Counter& counter);

  graph::GraphBuilder& graph_;
  const Model& model_;
  const Inputs& inputs_;
  std::map<uint32_t, graph::Value> hashes_;
  std::map<uint32_t, graph::Value> rows_;  // by table
};

// What the counter is worth for the row of its table; for row 0, which none is, and then for each
// row in order.
std::vector<float> CounterValues(const Counter& counter, const CounterTable& table);

}  // namespace slipway::import::catboost
