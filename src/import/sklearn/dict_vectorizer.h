#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "import/sklearn/estimator.h"

namespace slipway::import::sklearn {

// DictVectorizer takes dicts; as a model of columns it has one for each key: of texts where the key
// stands before values ("city=Paris"), else of numbers. Source: scikit-learn 1.9,
// sklearn/feature_extraction/_dict_vectorizer.py.

struct DictKey {
  std::string name;
  std::vector<std::string> texts;  // the values that it was seen with; none: it is a number
  std::vector<int64_t> positions;  // of each text, or of the number, in the output
  bool is_number = false;          // also where there are texts, which no key should have
};

// The keys in the order in which the output first names them. kInvalidArgument.
base::Result<std::vector<DictKey>> ReadDictKeys(const Record& record);

base::Result<Answer> ConvertDictVectorizer(Scope& scope, const Record& record, const Frame& input);

}  // namespace slipway::import::sklearn
