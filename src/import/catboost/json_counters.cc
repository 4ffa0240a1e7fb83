// Counters of categories ("ctrs") and their tables, as CatBoost's JSON files hold them.
#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/catboost/model.h"

namespace slipway::import::catboost {
namespace {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

constexpr int64_t kMaxCount = std::numeric_limits<int32_t>::max();
// The key of an empty place in CatBoost's own table, whose counts are another row's.
constexpr uint64_t kNoKey = std::numeric_limits<uint64_t>::max();

Result<Counter::Type> ReadType(const Place& place) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string type, place.Text());
  if (type == "Borders") return Counter::Type::kBorders;
  if (type == "Buckets") return Counter::Type::kBuckets;
  if (type == "BinarizedTargetMeanValue" || type == "FloatTargetMeanValue") {
    return Counter::Type::kMean;
  }
  if (type == "Counter" || type == "FeatureFreq") return Counter::Type::kFrequency;
  return place.Error(StrCat("the type '", base::Printable(type), "' is not known"));
}

class CounterReader {
 public:
  CounterReader(const Place& root, Model& model, std::vector<Split>& borders)
      : root_(root), model_(model), borders_(borders) {}

  Status Read(const Place& features) {
    const auto list = features.Find("ctrs");
    if (!list) return OkStatus();
    SLIPWAY_ASSIGN_OR_RETURN(const auto items, list->Items());
    for (const Place& item : items) SLIPWAY_RETURN_IF_ERROR(ReadCounter(item));
    return OkStatus();
  }

 private:
  static Result<float> Float(const Place& place, std::string_view name) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place number, place.At(name));
    SLIPWAY_ASSIGN_OR_RETURN(const double value, number.Number());
    return static_cast<float>(value);
  }

  Status ReadCounter(const Place& place) {
    Counter counter;
    SLIPWAY_ASSIGN_OR_RETURN(const Place type, place.At("ctr_type"));
    SLIPWAY_ASSIGN_OR_RETURN(counter.type, ReadType(type));
    SLIPWAY_ASSIGN_OR_RETURN(counter.prior, Float(place, "prior_numerator"));
    SLIPWAY_ASSIGN_OR_RETURN(counter.prior_denominator, Float(place, "prior_denomerator"));
    SLIPWAY_ASSIGN_OR_RETURN(counter.shift, Float(place, "shift"));
    SLIPWAY_ASSIGN_OR_RETURN(counter.scale, Float(place, "scale"));
    SLIPWAY_ASSIGN_OR_RETURN(const Place border, place.At("target_border_idx"));
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t border_index, border.Integer(0, kMaxCount));
    counter.target_border = static_cast<uint32_t>(border_index);
    SLIPWAY_ASSIGN_OR_RETURN(const Place parts, place.At("elements"));
    SLIPWAY_ASSIGN_OR_RETURN(const auto items, parts.Items());
    if (items.empty()) return parts.Error("a counter of nothing");
    for (const Place& item : items) {
      SLIPWAY_ASSIGN_OR_RETURN(Counter::Part part, ReadPart(item));
      counter.parts.push_back(part);
    }
    SLIPWAY_ASSIGN_OR_RETURN(const Place identifier, place.At("identifier"));
    SLIPWAY_ASSIGN_OR_RETURN(counter.table, ReadTable(identifier));
    SLIPWAY_RETURN_IF_ERROR(CheckWidth(place, counter));
    SLIPWAY_ASSIGN_OR_RETURN(const Place borders, place.At("borders"));
    SLIPWAY_ASSIGN_OR_RETURN(const auto numbers, borders.Numbers());
    const auto position = static_cast<uint32_t>(model_.counters.size());
    for (const double number : numbers) {
      borders_.push_back({.kind = Split::Kind::kCounter,
                          .feature = position,
                          .border = static_cast<float>(number)});
    }
    model_.counters.push_back(std::move(counter));
    return OkStatus();
  }

  Status CheckWidth(const Place& place, const Counter& counter) const {
    const size_t width = model_.tables[counter.table].width;
    const size_t least = CountsNeeded(counter);
    if (width >= least) return OkStatus();
    return place.Error(StrCat("needs ", least, " counts, its table has ", width));
  }

  Result<Counter::Part> ReadPart(const Place& place) const {
    SLIPWAY_ASSIGN_OR_RETURN(const Place kind_place, place.At("combination_element"));
    SLIPWAY_ASSIGN_OR_RETURN(const std::string kind, kind_place.Text());
    Counter::Part part;
    if (kind == "float_feature") {
      SLIPWAY_ASSIGN_OR_RETURN(part.split.feature,
                               Position(place, "float_feature_index", model_.floats));
      SLIPWAY_ASSIGN_OR_RETURN(part.split.border, Float(place, "border"));
      return part;
    }
    part.split.kind = Split::Kind::kOneHot;
    SLIPWAY_ASSIGN_OR_RETURN(part.split.feature,
                             Position(place, "cat_feature_index", model_.categories));
    if (kind == "cat_feature_value") {
      part.whole_category = true;
      return part;
    }
    if (kind != "cat_feature_exact_value") {
      return kind_place.Error(StrCat("'", base::Printable(kind), "' is not known"));
    }
    SLIPWAY_ASSIGN_OR_RETURN(const Place value, place.At("value"));
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t hash,
                             value.Integer(std::numeric_limits<int32_t>::min(), kMaxCount));
    part.split.value = static_cast<int32_t>(hash);
    return part;
  }

  template <typename Feature>
  static Result<uint32_t> Position(const Place& place, std::string_view name,
                                   const std::vector<Feature>& features) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place index, place.At(name));
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t value, index.Integer(0, kMaxCount));
    const auto found = std::ranges::find(features, static_cast<uint32_t>(value), &Feature::index);
    if (found == features.end()) return index.Error(StrCat("no feature has index ", value));
    return static_cast<uint32_t>(found - features.begin());
  }

  // Counters with other priors share a table.
  Result<uint32_t> ReadTable(const Place& identifier) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, identifier.Text());
    if (const auto known = table_at_.find(name); known != table_at_.end()) return known->second;
    SLIPWAY_ASSIGN_OR_RETURN(const Place tables, root_.At("ctr_data"));
    const auto place = tables.Find(name);
    if (!place) return identifier.Error("'ctr_data' has no such table");
    CounterTable table;
    SLIPWAY_ASSIGN_OR_RETURN(const Place stride_place, place->At("hash_stride"));
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t stride, stride_place.Integer(2, 1'000'000));
    table.width = static_cast<size_t>(stride - 1);
    if (const auto denominator = place->Find("counter_denominator")) {
      SLIPWAY_ASSIGN_OR_RETURN(table.denominator, denominator->Number());
    }
    SLIPWAY_ASSIGN_OR_RETURN(const Place rows, place->At("hash_map"));
    SLIPWAY_ASSIGN_OR_RETURN(const auto items, rows.Items());
    if (items.size() % static_cast<size_t>(stride) != 0) {
      return rows.Error(StrCat(items.size(), " entries in rows of ", stride));
    }
    std::set<int64_t> keys;
    for (size_t i = 0; i < items.size(); i += static_cast<size_t>(stride)) {
      SLIPWAY_ASSIGN_OR_RETURN(const uint64_t key, ReadKey(items[i]));
      if (key == kNoKey) continue;
      if (!keys.insert(static_cast<int64_t>(key)).second) return items[i].Error("a key twice");
      table.keys.push_back(static_cast<int64_t>(key));
      for (size_t k = 1; k <= table.width; ++k) {
        SLIPWAY_ASSIGN_OR_RETURN(const double count, items[i + k].Number());
        table.counts.push_back(count);
      }
    }
    if (table.keys.empty()) return rows.Error("a table without rows");
    const auto position = static_cast<uint32_t>(model_.tables.size());
    model_.tables.push_back(std::move(table));
    table_at_[name] = position;
    return position;
  }

  // All 64 bits, which a number of JSON does not hold.
  static Result<uint64_t> ReadKey(const Place& place) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string text, place.Text());
    uint64_t key = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), key);
    if (error == std::errc{} && end == text.data() + text.size()) return key;
    return place.Error(StrCat("expected a hash, got '", base::Printable(text), "'"));
  }

  const Place& root_;
  Model& model_;
  std::vector<Split>& borders_;
  std::map<std::string, uint32_t> table_at_;
};

}  // namespace

Status ReadJsonCounters(const Place& root, const Place& features, Model& model,
                        std::vector<Split>& borders) {
  return CounterReader(root, model, borders).Read(features);
}

}  // namespace slipway::import::catboost
