#include "app/bench/arrivals.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "base/random.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::SteadyTime;
using std::chrono::nanoseconds;

double Exponential(base::Random& random) { return -std::log1p(-random.NextDouble()); }

double StandardNormal(base::Random& random) {  // Box and Muller 1958
  const double radius = std::sqrt(2 * Exponential(random));
  return radius * std::cos(2 * M_PI * random.NextDouble());
}

// A gamma variate of mean `shape` and scale 1. Source: Marsaglia and Tsang, "A simple method for
// generating gamma variables", 2000; a shape below 1 is made of one above, by their section 6.
double Gamma(double shape, base::Random& random) {
  if (shape < 1) {
    return Gamma(shape + 1, random) * std::exp(-Exponential(random) / shape);
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = StandardNormal(random);
    const double v = std::pow(1 + c * x, 3);
    if (v <= 0) continue;
    if (-Exponential(random) < x * x / 2 + d - d * v + d * std::log(v)) return d * v;
  }
}

// Arrivals whose gaps are drawn one after the other.
class GapArrivals final : public Arrivals {
 public:
  GapArrivals(const ArrivalPlan& plan, uint64_t seed, SteadyTime start)
      : plan_(plan), random_(seed), start_(start) {
    if (plan.kind == ArrivalPlan::Kind::kOnOff) {
      const auto on = static_cast<double>(plan.on.count());
      mean_gap_ns_ = 1e9 / plan.rate * on / (on + static_cast<double>(plan.off.count()));
    } else {
      mean_gap_ns_ = 1e9 / plan.rate;
    }
    Advance();
  }

  void Advance() override {
    busy_ns_ += Gap() * mean_gap_ns_;
    double offset = busy_ns_;
    if (plan_.kind == ArrivalPlan::Kind::kOnOff) {  // time stands still while it is off
      offset += std::floor(busy_ns_ / static_cast<double>(plan_.on.count())) *
                static_cast<double>(plan_.off.count());
    }
    next_ = start_ + nanoseconds(static_cast<int64_t>(offset));
  }

 private:
  double Gap() {
    if (plan_.kind == ArrivalPlan::Kind::kConstant) return 1;
    if (plan_.kind == ArrivalPlan::Kind::kGamma) {
      const double shape = 1 / (plan_.cv * plan_.cv);
      return Gamma(shape, random_) / shape;
    }
    return Exponential(random_);
  }

  const ArrivalPlan plan_;
  base::Random random_;
  const SteadyTime start_;
  double mean_gap_ns_ = 0;
  double busy_ns_ = 0;  // a double, so that rounding does not add up
};

class TraceArrivals final : public Arrivals {
 public:
  TraceArrivals(std::shared_ptr<const std::vector<TraceEvent>> trace, SteadyTime start)
      : trace_(std::move(trace)), start_(start) {
    Advance();
  }

  void Advance() override {
    if (at_ == trace_->size()) {
      next_ = SteadyTime::max();
      return;
    }
    next_ = start_ + (*trace_)[at_].offset;
    request_ = (*trace_)[at_].request;
    ++at_;
  }

 private:
  const std::shared_ptr<const std::vector<TraceEvent>> trace_;
  const SteadyTime start_;
  size_t at_ = 0;
};

bool ParseOnOff(std::string_view text, ArrivalPlan& plan) {
  const size_t comma = text.find(',');
  if (comma == std::string_view::npos) return false;
  const auto on = base::ParseDuration(text.substr(0, comma));
  const auto off = base::ParseDuration(text.substr(comma + 1));
  if (!on.ok() || !off.ok() || on->count() <= 0 || off->count() < 0) return false;
  plan.on = *on;
  plan.off = *off;
  return true;
}

bool ParseCv(std::string_view text, double& cv) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cv);
  return error == std::errc() && end == text.data() + text.size() && cv >= 0.01 && cv <= 100;
}

}  // namespace

base::Status ParseArrivals(std::string_view text, ArrivalPlan& plan) {
  using Kind = ArrivalPlan::Kind;
  constexpr std::string_view kGamma = "gamma:";
  constexpr std::string_view kOnOff = "on-off:";
  bool good = true;
  if (text == "poisson") {
    plan.kind = Kind::kPoisson;
  } else if (text == "constant") {
    plan.kind = Kind::kConstant;
  } else if (text.starts_with(kGamma)) {
    plan.kind = Kind::kGamma;
    good = ParseCv(text.substr(kGamma.size()), plan.cv);
  } else if (text.starts_with(kOnOff)) {
    plan.kind = Kind::kOnOff;
    good = ParseOnOff(text.substr(kOnOff.size()), plan);
  } else {
    good = false;
  }
  if (good) return base::OkStatus();
  return base::InvalidArgument(
      base::StrCat("--arrivals '", base::Printable(text),
                   "': expected poisson, constant, gamma:CV with CV from 0.01 to 100 (4 comes in "
                   "clumps), or on-off:ON,OFF such as on-off:100ms,400ms"));
}

std::unique_ptr<Arrivals> Arrivals::Create(const ArrivalPlan& plan, uint64_t seed,
                                           SteadyTime start) {
  if (plan.kind == ArrivalPlan::Kind::kTrace) {
    return std::make_unique<TraceArrivals>(plan.trace, start);
  }
  return std::make_unique<GapArrivals>(plan, seed, start);
}

}  // namespace slipway::app
