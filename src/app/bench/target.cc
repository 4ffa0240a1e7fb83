#include "app/bench/target.h"

#include <charconv>
#include <cmath>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::StrCat;

constexpr double kMaxRate = 1e7;

template <typename T>
bool ParseWhole(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool ParseRate(std::string_view text, double& rate) {
  return ParseWhole(text, rate) && std::isfinite(rate) && rate > 0 && rate <= kMaxRate;
}

// Calls `take` for each piece between commas until it says no; whether it never did.
template <typename Take>
bool EachOf(std::string_view text, const Take& take) {
  while (true) {
    const size_t comma = text.find(',');
    if (!take(text.substr(0, comma))) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

base::Result<BenchTarget> ParseBenchTarget(std::string_view text) {
  const std::string_view head = text.substr(0, text.find(':'));
  const size_t at = head.rfind('@');
  BenchTarget target{
      .model = std::string(head.substr(0, at)),
      .input_file = std::string(text.substr(std::min(head.size() + 1, text.size())))};
  const bool rate_good =
      at == std::string_view::npos || ParseRate(head.substr(at + 1), target.rate);
  const bool file_good = head.size() == text.size() || !target.input_file.empty();
  if (!target.model.empty() && rate_good && file_good) return target;
  return InvalidArgument(StrCat("--target '", base::Printable(text),
                                "': expected MODEL[@RATE][:FILE] such as digits@500:body.json, "
                                "with RATE in requests a second"));
}

base::Result<std::vector<int>> ParseCounts(std::string_view flag, std::string_view text, int most) {
  std::vector<int> counts;
  const bool good = EachOf(text, [&](std::string_view piece) {
    int count = 0;
    if (!ParseWhole(piece, count) || count < 1 || count > most) return false;
    counts.push_back(count);
    return true;
  });
  if (good) return counts;
  return InvalidArgument(StrCat(flag, " '", base::Printable(text),
                                "': expected whole numbers from 1 to ", most,
                                ", with commas between them"));
}

base::Result<std::vector<double>> ParseRates(std::string_view flag, std::string_view text) {
  std::vector<double> rates;
  const bool good = EachOf(text, [&](std::string_view piece) {
    double rate = 0;
    if (!ParseRate(piece, rate)) return false;
    rates.push_back(rate);
    return true;
  });
  if (good) return rates;
  return InvalidArgument(StrCat(flag, " '", base::Printable(text),
                                "': expected requests a second above 0 and up to 10,000,000, with "
                                "commas between them"));
}

}  // namespace slipway::app
