#include "frontend/openinference/route.h"

#include <algorithm>

namespace slipway::frontend::openinference {

bool MatchPath(std::string_view pattern, std::string_view path, PathArguments& arguments) {
  arguments = {};
  for (;;) {
    const size_t brace = pattern.find('{');
    const std::string_view literal = pattern.substr(0, brace);
    if (!path.starts_with(literal)) return false;
    path.remove_prefix(literal.size());
    if (brace == std::string_view::npos) return path.empty();
    const char kind = pattern[brace + 1];
    pattern.remove_prefix(brace + 3);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    if (segment.empty()) return false;
    if (kind == 'm') {
      arguments.model = segment;
    } else if (kind == 'n') {
      arguments.name = segment;
    } else {
      if (!std::ranges::all_of(segment, [](char c) { return c >= '0' && c <= '9'; })) return false;
      arguments.version = segment;
    }
  }
}

}  // namespace slipway::frontend::openinference
