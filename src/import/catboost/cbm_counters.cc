// Counters of categories, and their tables, as CatBoost's binary files hold them: the counters
// among the features, the tables behind the trees, each a FlatBuffers table of its own with its
// size in front. Sources: CatBoost 1.2, catboost/libs/model/flatbuffers/ctr_data.fbs, features.fbs,
// catboost/libs/model/ctr_data.cpp and catboost/libs/model/static_ctr_provider.cpp.
#include <algorithm>
#include <bit>
#include <compare>
#include <cstring>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/str_cat.h"
#include "import/catboost/model.h"

namespace slipway::import::catboost {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

// Fields of the tables, by their position in the schema.
namespace ctr_feature {
enum Field { kCtr, kBorders };
}
namespace ctr {
enum Field { kBase, kTargetBorder, kPrior, kPriorDenominator, kShift, kScale };
}
namespace ctr_base {
enum Field { kCombination, kType, kTargetClassifier };
}
namespace combination {
enum Field { kCategories, kNumbers, kOneHot };
}
namespace value_table {
enum Field { kBase, kIndex, kCounts, kDenominator, kTargetClasses };
}

// CatBoost's numbers for the types.
enum class CtrType : int8_t { kBorders, kBuckets, kBinarizedMean, kMean, kCounter, kFrequency };

struct NumberSplit {
  int32_t index = 0;
  float border = 0;
  auto operator<=>(const NumberSplit&) const = default;
};
struct OneHotSplit {
  int32_t index = 0;
  int32_t value = 0;
  auto operator<=>(const OneHotSplit&) const = default;
};

// A row's place in the index of a table: hash and number of the row, without padding.
constexpr size_t kBucketBytes = 12;
constexpr uint64_t kNoKey = ~uint64_t{0};

// By what counters and tables find each other.
struct Base {
  int8_t type = 0;
  int32_t target_classifier = 0;
  std::vector<int32_t> categories;
  std::vector<NumberSplit> numbers;
  std::vector<OneHotSplit> one_hot;

  bool operator<(const Base& other) const {
    return std::tie(type, target_classifier, categories, numbers, one_hot) <
           std::tie(other.type, other.target_classifier, other.categories, other.numbers,
                    other.one_hot);
  }
};

Result<Base> ReadBase(const FlatTable& table, int field) {
  Base base;
  SLIPWAY_ASSIGN_OR_RETURN(const auto found, table.Table(field));
  if (!found) return InvalidArgument("a counter without a combination");
  SLIPWAY_ASSIGN_OR_RETURN(base.type, found->Scalar<int8_t>(ctr_base::kType, 0));
  if (base.type < 0 || base.type > static_cast<int8_t>(CtrType::kFrequency)) {
    return InvalidArgument(StrCat("a counter of the unknown type ", int{base.type}));
  }
  SLIPWAY_ASSIGN_OR_RETURN(base.target_classifier,
                           found->Scalar<int32_t>(ctr_base::kTargetClassifier, 0));
  SLIPWAY_ASSIGN_OR_RETURN(const auto parts, found->Table(ctr_base::kCombination));
  if (!parts) return InvalidArgument("a counter without a combination");
  SLIPWAY_ASSIGN_OR_RETURN(base.categories, parts->Vector<int32_t>(combination::kCategories));
  SLIPWAY_ASSIGN_OR_RETURN(base.numbers, parts->Vector<NumberSplit>(combination::kNumbers));
  SLIPWAY_ASSIGN_OR_RETURN(base.one_hot, parts->Vector<OneHotSplit>(combination::kOneHot));
  return base;
}

template <typename Feature>
Result<uint32_t> PositionOf(const std::vector<Feature>& features, int32_t index) {
  const auto found = std::ranges::find(features, static_cast<uint32_t>(index), &Feature::index);
  if (found == features.end()) return InvalidArgument(StrCat("no feature has index ", index));
  return static_cast<uint32_t>(found - features.begin());
}

// In the order of the combination's hash.
Result<std::vector<Counter::Part>> ToParts(const Base& base, const Model& model) {
  std::vector<Counter::Part> parts;
  for (const int32_t index : base.categories) {
    SLIPWAY_ASSIGN_OR_RETURN(const uint32_t position, PositionOf(model.categories, index));
    parts.push_back(
        {.whole_category = true, .split = {.kind = Split::Kind::kOneHot, .feature = position}});
  }
  for (const NumberSplit& split : base.numbers) {
    SLIPWAY_ASSIGN_OR_RETURN(const uint32_t position, PositionOf(model.floats, split.index));
    parts.push_back(
        {.whole_category = false, .split = {.feature = position, .border = split.border}});
  }
  for (const OneHotSplit& split : base.one_hot) {
    SLIPWAY_ASSIGN_OR_RETURN(const uint32_t position, PositionOf(model.categories, split.index));
    parts.push_back(
        {.whole_category = false,
         .split = {.kind = Split::Kind::kOneHot, .feature = position, .value = split.value}});
  }
  if (parts.empty()) return InvalidArgument("a counter of nothing");
  return parts;
}

Counter::Type TypeOf(const Base& base) {
  switch (static_cast<CtrType>(base.type)) {
    case CtrType::kBorders:
      return Counter::Type::kBorders;
    case CtrType::kBuckets:
      return Counter::Type::kBuckets;
    case CtrType::kBinarizedMean:
    case CtrType::kMean:
      return Counter::Type::kMean;
    case CtrType::kCounter:
    case CtrType::kFrequency:
      break;
  }
  return Counter::Type::kFrequency;
}

// The counts of a table as numbers: 4 bytes each, whole ones but for the sum of a mean.
double CountAt(std::span<const uint8_t> counts, size_t i, bool is_float) {
  uint32_t bits = 0;
  std::memcpy(&bits, counts.data() + i * 4, 4);
  return is_float ? static_cast<double>(std::bit_cast<float>(bits))
                  : static_cast<double>(std::bit_cast<int32_t>(bits));
}

Result<CounterTable> ReadTable(const FlatTable& place, const Base& base) {
  CounterTable table;
  SLIPWAY_ASSIGN_OR_RETURN(const auto index, place.Vector<uint8_t>(value_table::kIndex));
  SLIPWAY_ASSIGN_OR_RETURN(const auto counts, place.Vector<uint8_t>(value_table::kCounts));
  SLIPWAY_ASSIGN_OR_RETURN(const auto denominator,
                           place.Scalar<int32_t>(value_table::kDenominator, 0));
  SLIPWAY_ASSIGN_OR_RETURN(const auto classes,
                           place.Scalar<int32_t>(value_table::kTargetClasses, 0));
  const Counter::Type type = TypeOf(base);
  table.denominator = denominator;
  table.width = static_cast<size_t>(std::max(classes, 1));
  if (type == Counter::Type::kMean) table.width = 2;
  if (type == Counter::Type::kFrequency) table.width = 1;
  const uint64_t rows = counts.size() / 4 / table.width;
  std::set<int64_t> keys;
  for (size_t at = 0; at + kBucketBytes <= index.size(); at += kBucketBytes) {
    uint64_t key = 0;
    uint32_t row = 0;
    std::memcpy(&key, index.data() + at, 8);
    std::memcpy(&row, index.data() + at + 8, 4);
    if (key == kNoKey) continue;
    if (row >= rows) return InvalidArgument(StrCat("row ", row, " of ", rows));
    if (!keys.insert(std::bit_cast<int64_t>(key)).second) return InvalidArgument("a key twice");
    table.keys.push_back(std::bit_cast<int64_t>(key));
    for (size_t k = 0; k < table.width; ++k) {
      const bool is_sum = type == Counter::Type::kMean && k == 0;
      table.counts.push_back(CountAt(counts, row * table.width + k, is_sum));
    }
  }
  if (table.keys.empty()) return InvalidArgument("a table without rows");
  return table;
}

// A size as CatBoost writes it: 4 bytes, or all ones and 8 more.
Result<uint64_t> TakeSize(std::span<const std::byte>& bytes) {
  uint32_t small = 0;
  if (bytes.size() < 4) return InvalidArgument("the file ends within the tables of counters");
  std::memcpy(&small, bytes.data(), 4);
  bytes = bytes.subspan(4);
  if (small != 0xFFFFFFFF) return small;
  uint64_t size = 0;
  if (bytes.size() < 8) return InvalidArgument("the file ends within the tables of counters");
  std::memcpy(&size, bytes.data(), 8);
  bytes = bytes.subspan(8);
  return size;
}

// All tables of the file, by what their counters are made of; adds them to the model.
Result<std::map<Base, uint32_t>> ReadTables(std::span<const std::byte> bytes, Model& model) {
  std::map<Base, uint32_t> positions;
  SLIPWAY_ASSIGN_OR_RETURN(const uint64_t count, TakeSize(bytes));
  for (uint64_t i = 0; i < count; ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(const uint64_t size, TakeSize(bytes));
    if (size > bytes.size()) {
      return InvalidArgument(
          StrCat("table ", i, " of counters takes ", size, " bytes, the file has ", bytes.size()));
    }
    SLIPWAY_ASSIGN_OR_RETURN(const FlatTable root,
                             FlatTable::Root(bytes.first(static_cast<size_t>(size))));
    bytes = bytes.subspan(static_cast<size_t>(size));
    SLIPWAY_ASSIGN_OR_RETURN(Base base, ReadBase(root, value_table::kBase));
    auto table = ReadTable(root, base);
    if (!table.ok()) return table.status().WithContext(StrCat("table ", i, " of counters"));
    positions.emplace(std::move(base), static_cast<uint32_t>(model.tables.size()));
    model.tables.push_back(*std::move(table));
  }
  return positions;
}

Result<Counter> ReadCounter(const FlatTable& feature, const std::map<Base, uint32_t>& tables,
                            const Model& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto place, feature.Table(ctr_feature::kCtr));
  if (!place) return InvalidArgument("without a description");
  SLIPWAY_ASSIGN_OR_RETURN(const Base base, ReadBase(*place, ctr::kBase));
  const auto table = tables.find(base);
  if (table == tables.end()) return InvalidArgument("the file has no table for it");
  Counter counter;
  counter.type = TypeOf(base);
  counter.table = table->second;
  SLIPWAY_ASSIGN_OR_RETURN(counter.parts, ToParts(base, model));
  SLIPWAY_ASSIGN_OR_RETURN(const auto border, place->Scalar<int32_t>(ctr::kTargetBorder, 0));
  if (border < 0) return InvalidArgument(StrCat("of target border ", border));
  counter.target_border = static_cast<uint32_t>(border);
  SLIPWAY_ASSIGN_OR_RETURN(counter.prior, place->Scalar<float>(ctr::kPrior, 0));
  SLIPWAY_ASSIGN_OR_RETURN(counter.prior_denominator,
                           place->Scalar<float>(ctr::kPriorDenominator, 1));
  SLIPWAY_ASSIGN_OR_RETURN(counter.shift, place->Scalar<float>(ctr::kShift, 0));
  SLIPWAY_ASSIGN_OR_RETURN(counter.scale, place->Scalar<float>(ctr::kScale, 1));
  const size_t width = model.tables[counter.table].width;
  if (width < CountsNeeded(counter)) {
    return InvalidArgument(
        StrCat("needs ", CountsNeeded(counter), " counts, its table has ", width));
  }
  return counter;
}

}  // namespace

Status ReadBinaryCounters(std::span<const FlatTable> features, std::span<const std::byte> parts,
                          Model& model, std::vector<Split>& borders) {
  if (features.empty()) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const auto tables, ReadTables(parts, model));
  for (size_t i = 0; i < features.size(); ++i) {
    auto counter = ReadCounter(features[i], tables, model);
    if (!counter.ok()) return counter.status().WithContext(StrCat("counter ", i));
    SLIPWAY_ASSIGN_OR_RETURN(const auto numbers, features[i].Vector<float>(ctr_feature::kBorders));
    for (const float border : numbers) {
      borders.push_back(
          {.kind = Split::Kind::kCounter, .feature = static_cast<uint32_t>(i), .border = border});
    }
    model.counters.push_back(*std::move(counter));
  }
  return OkStatus();
}

}  // namespace slipway::import::catboost
