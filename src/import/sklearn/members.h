#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/pickle/value.h"

namespace slipway::import::sklearn {

// The model in a file that may hold more than it, as {"model": ..., "scaler": ...} does.
struct Member {
  pickle::Value value;
  std::vector<std::string> warnings;  // which other estimators are not a part of it
};

// `path`: keys of dicts and positions in lists and tuples, with '/' between them; empty: the file
// itself is the model. kInvalidArgument: nothing is there, or it is no object that could be a
// model; says what is there.
base::Result<Member> FindMember(const pickle::Value& root, std::string_view path);

}  // namespace slipway::import::sklearn
