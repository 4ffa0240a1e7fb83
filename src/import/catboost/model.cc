#include "import/catboost/model.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::import::catboost {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

constexpr uint32_t kMaxColumns = 1'000'000;

// A member of `info`: an object in JSON files, the text of one in binary files. `parsed` keeps the
// latter.
Result<std::optional<Place>> InfoObject(const Place& info, std::string_view name,
                                        const ImportLimits& limits, Document& parsed) {
  const auto found = info.Find(name);
  if (!found || !found->is_text()) return found;
  SLIPWAY_ASSIGN_OR_RETURN(const std::string text, found->Text());
  auto document = ReadJson(text, limits);
  if (!document.ok()) return document.status().WithContext(found->path());
  parsed = *std::move(document);
  return std::optional<Place>(Place(parsed, found->path()));
}

bool IsWhole(double number) {
  return number == std::floor(number) && std::abs(number) < 9007199254740992.0;
}

// Numbers that are whole become INT64; others, and texts, become texts.
Result<ClassLabels> ReadLabels(const Place& place) {
  ClassLabels labels;
  const auto numbers = place.Numbers();
  if (!numbers.ok()) {
    SLIPWAY_ASSIGN_OR_RETURN(labels.texts, place.Texts());
    return labels;
  }
  const bool whole = std::ranges::all_of(*numbers, IsWhole);
  for (const double number : *numbers) {
    if (whole) {
      labels.numbers.push_back(static_cast<int64_t>(number));
    } else {
      labels.texts.push_back(StrCat(number));
    }
  }
  return labels;
}

Status ReadClasses(const Place& classes, Model& model) {
  for (const std::string_view name : {"class_names", "class_to_label"}) {
    const auto found = classes.Find(name);
    if (!found || !found->is_array()) continue;
    SLIPWAY_ASSIGN_OR_RETURN(model.labels, ReadLabels(*found));
    if (!model.labels.empty()) return OkStatus();
  }
  return OkStatus();
}

}  // namespace

void AddObliviousTree(std::span<const uint32_t> splits, size_t first_leaf, Model& model) {
  const size_t depth = splits.size();
  if (depth == 0) {
    model.trees.push_back({.root = ~static_cast<int32_t>(first_leaf)});
    return;
  }
  // Level by level; the root asks for the highest bit, so that leaves stay in order.
  const size_t root = model.nodes.size();
  for (size_t level = 0; level < depth; ++level) {
    const size_t next = root + (size_t{1} << (level + 1)) - 1;
    for (size_t i = 0; i < (size_t{1} << level); ++i) {
      const bool last = level + 1 == depth;
      const size_t no = last ? first_leaf + 2 * i : next + 2 * i;
      Node node{.split = splits[depth - 1 - level]};
      node.no = last ? ~static_cast<int32_t>(no) : static_cast<int32_t>(no);
      node.yes = last ? ~static_cast<int32_t>(no + 1) : static_cast<int32_t>(no + 1);
      model.nodes.push_back(node);
    }
  }
  model.trees.push_back({.root = static_cast<int32_t>(root)});
}

size_t CountsNeeded(const Counter& counter) {
  switch (counter.type) {
    case Counter::Type::kMean:
      return 2;
    case Counter::Type::kBuckets:
      return size_t{counter.target_border} + 1;
    case Counter::Type::kBorders:
      return size_t{counter.target_border} + 2;
    case Counter::Type::kFrequency:
      break;
  }
  return 1;
}

Status ReadModelInfo(const Place& info, const ImportLimits& limits, Model& model) {
  if (const auto version = info.Find("catboost_version_info"); version && version->is_text()) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string text, version->Text());
    constexpr std::string_view kTag = "tags/v";
    const size_t at = text.find(kTag);
    if (at != std::string::npos) {
      const size_t end = text.find_first_not_of("0123456789.", at + kTag.size());
      model.version = text.substr(at + kTag.size(), end - at - kTag.size());
    }
  }
  Document parsed;
  SLIPWAY_ASSIGN_OR_RETURN(auto params, InfoObject(info, "params", limits, parsed));
  if (const auto loss = params ? params->Find("loss_function") : std::nullopt) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place type, loss->At("type"));
    SLIPWAY_ASSIGN_OR_RETURN(model.loss, type.Text());
  }
  if (const auto threshold = info.Find("binclass_probability_threshold")) {
    SLIPWAY_ASSIGN_OR_RETURN(model.threshold, threshold->Number());
  }
  for (const std::string_view name : {"class_params", "multiclass_params"}) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto classes, InfoObject(info, name, limits, parsed));
    if (!classes) continue;
    return ReadClasses(*classes, model);
  }
  return OkStatus();
}

Status CheckModel(const Model& model) {
  if (!std::isfinite(model.scale) ||
      !std::ranges::all_of(model.bias, [](double b) { return std::isfinite(b); })) {
    return InvalidArgument("scale_and_bias: expected finite numbers");
  }
  if (model.bias.size() != model.dimension) {
    return InvalidArgument(
        StrCat("scale_and_bias: ", model.bias.size(), " biases for ", model.dimension, " outputs"));
  }
  std::set<uint32_t> columns;
  const auto check_column = [&](uint32_t column) -> Status {
    if (column >= kMaxColumns) {
      return InvalidArgument(StrCat("column ", column, " of at most ", kMaxColumns));
    }
    if (columns.insert(column).second) return OkStatus();
    return InvalidArgument(StrCat("two features are column ", column));
  };
  for (const FloatFeature& feature : model.floats) {
    SLIPWAY_RETURN_IF_ERROR(check_column(feature.column));
  }
  for (const CategoricalFeature& feature : model.categories) {
    SLIPWAY_RETURN_IF_ERROR(check_column(feature.column));
  }
  if (columns.empty()) return InvalidArgument("a model without features");
  return OkStatus();
}

}  // namespace slipway::import::catboost
