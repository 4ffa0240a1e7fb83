#include "import/lightgbm/importances.h"

#include "base/str_cat.h"
#include "base/text.h"
#include "import/document.h"

namespace slipway::import::lightgbm {
namespace {

using base::InvalidArgument;
using base::Result;
using base::StrCat;

constexpr double kMaxFeatures = 1'000'000;

Result<std::vector<double>> Numbers(std::string_view words) {
  std::vector<double> out;
  while (!words.empty()) {
    const size_t space = words.find(' ');
    const std::string_view word = base::TrimWhitespace(words.substr(0, space));
    words.remove_prefix(space == std::string_view::npos ? words.size() : space + 1);
    if (word.empty()) continue;
    const auto number = ParseNumber(word);
    if (!number) return InvalidArgument(StrCat("'", base::Printable(word), "' is no number"));
    out.push_back(*number);
  }
  return out;
}

}  // namespace

Result<std::vector<double>> ColumnImportances(std::string_view text, std::string_view type) {
  const bool by_gain = type == "gain";
  if (!by_gain && type != "split") {
    return base::Unimplemented(StrCat("importance_type '", base::Printable(type), "'"));
  }
  constexpr std::string_view kLastFeature = "max_feature_idx=";
  constexpr std::string_view kFeatures = "split_feature=";
  constexpr std::string_view kGains = "split_gain=";
  std::vector<double> out;
  std::vector<double> features;  // of the tree whose lines these are
  for (size_t line_number = 1; !text.empty(); ++line_number) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.starts_with("end of trees")) break;
    const auto error = [&](std::string_view what) {
      return InvalidArgument(StrCat("line ", line_number, ": ", what));
    };
    if (line.starts_with(kLastFeature)) {
      const auto last = ParseNumber(base::TrimWhitespace(line.substr(kLastFeature.size())));
      if (!last || !(*last >= 0 && *last < kMaxFeatures)) return error("max_feature_idx");
      out.assign(static_cast<size_t>(*last) + 1, 0.0);
    } else if (line.starts_with(kFeatures)) {
      SLIPWAY_ASSIGN_OR_RETURN(features, Numbers(line.substr(kFeatures.size())));
    } else if (line.starts_with(kGains)) {
      SLIPWAY_ASSIGN_OR_RETURN(const auto gains, Numbers(line.substr(kGains.size())));
      if (gains.size() != features.size()) return error("split_gain: not one for each split");
      for (size_t i = 0; i < gains.size(); ++i) {
        const double feature = features[i];
        if (!(feature >= 0 && feature < static_cast<double>(out.size()))) {
          return error("a split by a feature out of range");
        }
        if (gains[i] > 0) out[static_cast<size_t>(feature)] += by_gain ? gains[i] : 1;
      }
    }
  }
  if (out.empty()) return InvalidArgument("'max_feature_idx' is missing");
  return out;
}

}  // namespace slipway::import::lightgbm
