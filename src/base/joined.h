#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace slipway::base {

// The words one behind the other, with `between` between them.
inline std::string Joined(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out.append(between);
    out.append(word);
  }
  return out;
}

}  // namespace slipway::base
