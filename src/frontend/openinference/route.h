#pragma once

#include <string_view>

namespace slipway::frontend::openinference {

// What a path says where its pattern has a name in braces; still percent-encoded.
struct PathArguments {
  std::string_view model;    // {m}
  std::string_view version;  // {v}: digits; "" when the pattern has none
  std::string_view name;     // {n}: a repository or region
};

// True when `path` is as `pattern`: equal character by character, but for {m} and {n}, which stand
// for one segment that is not empty, and {v}, which stands for digits.
bool MatchPath(std::string_view pattern, std::string_view path, PathArguments& arguments);

}  // namespace slipway::frontend::openinference
