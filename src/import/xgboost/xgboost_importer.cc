#include "import/xgboost/xgboost_importer.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "import/columns.h"
#include "import/document.h"
#include "import/finish.h"
#include "import/xgboost/booster.h"
#include "import/xgboost/model.h"
#include "import/xgboost/ubjson.h"

namespace slipway::import::xgboost {
namespace {

using base::Result;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

enum class Format : uint8_t { kUnknown, kJson, kUbjson, kBinary };

// In front of the binary model in pickles of XGBoost 1.0 to 1.3, with the 8-byte offset of the
// configuration behind the model.
constexpr std::string_view kConfigOffset = "CONFIG-offset:";

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The names of the objectives' families, one of which a binary file has behind its first structure.
bool LooksBinary(std::string_view text) {
  if (text.starts_with("binf")) return true;
  constexpr size_t kObjectiveAt = 136 + 8;
  if (text.size() < kObjectiveAt + 4) return false;
  const std::string_view name = text.substr(kObjectiveAt);
  return std::ranges::any_of(
      std::vector<std::string_view>{"reg:", "binary:", "multi:", "rank:", "count:", "survival:"},
      [name](std::string_view family) { return name.starts_with(family); });
}

Format FormatOf(std::string_view text) {
  if (LooksBinary(text)) return Format::kBinary;
  const std::string_view head = text.substr(0, 4096);
  // The first member's name follows: a length in UBJSON, a quote in JSON.
  if (head.starts_with("{L") || head.starts_with("{i")) {
    const bool known = head.find("learner") != head.npos || head.find("Config") != head.npos;
    return known ? Format::kUbjson : Format::kUnknown;
  }
  const size_t brace = head.find_first_not_of(" \t\r\n");
  if (brace == head.npos || head[brace] != '{') return Format::kUnknown;
  for (const std::string_view name : {"\"learner\"", "\"Config\"", "\"Model\"", "\"version\""}) {
    const size_t first = head.find_first_not_of(" \t\r\n", brace + 1);
    if (first != head.npos && head.substr(first).starts_with(name)) return Format::kJson;
  }
  return Format::kUnknown;
}

bool Recognizes(std::span<const std::byte> file) {
  const std::string_view text = AsText(file);
  return text.starts_with(kConfigOffset) || FormatOf(text) != Format::kUnknown;
}

struct ReadBooster {
  Model model;
  Format format = Format::kUnknown;
};

Result<ReadBooster> Read(std::span<const std::byte> bytes, const ImportLimits& limits) {
  if (AsText(bytes).starts_with(kConfigOffset)) {
    const size_t header = kConfigOffset.size() + 8;
    bytes = bytes.subspan(std::min(header, bytes.size()));
  }
  ReadBooster out;
  out.format = FormatOf(AsText(bytes));
  if (out.format == Format::kBinary) {
    SLIPWAY_ASSIGN_OR_RETURN(out.model, ReadBinaryModel(bytes));
    return out;
  }
  if (out.format == Format::kUnknown) {
    return base::InvalidArgument("not a model of XGBoost in JSON, UBJSON or its old binary format");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Document document, out.format == Format::kJson
                                                        ? ReadJson(AsText(bytes), limits)
                                                        : ReadUbjson(bytes, limits));
  SLIPWAY_ASSIGN_OR_RETURN(out.model, ReadModel(document));
  return out;
}

// The rounds that early stopping found best; nullopt where it did not run.
std::optional<size_t> BestRounds(const Model& model) {
  const auto found = model.attributes.find("best_iteration");
  if (found == model.attributes.end()) return std::nullopt;
  const auto best = ParseNumber(found->second);
  if (!best || !(*best >= 0) || !(*best < 1e9)) return std::nullopt;
  return static_cast<size_t>(*best) + 1;
}

// The trees of the first `rounds` rounds.
size_t TreesOf(const Model& model, size_t rounds) {
  const size_t all = model.trees.size();
  if (!model.iteration_start.empty()) {
    if (rounds >= model.iteration_start.size()) return all;
    return static_cast<size_t>(model.iteration_start[rounds]);
  }
  const bool vector_leaves = all > 0 && model.trees.front().leaf_size > 1;
  const size_t groups = vector_leaves ? 1 : std::max(model.groups(), 1U);
  return std::min(all, rounds * groups * model.parallel_trees);
}

// Files that XGBClassifier and its relatives saved say so.
bool FromWrapper(const Model& model) { return model.attributes.contains("scikit_learn"); }

size_t TreesToUse(const Model& model, const WrapperFacts& facts) {
  const auto best = BestRounds(model);
  const bool stop = facts.stop_at_best_iteration || FromWrapper(model);
  return best && stop ? TreesOf(model, *best) : model.trees.size();
}

std::string FormatName(Format format) {
  switch (format) {
    case Format::kJson:
      return "XGBoost JSON";
    case Format::kUbjson:
      return "XGBoost UBJSON";
    default:
      return "XGBoost binary";
  }
}

std::string BoosterLine(const Model& model, size_t trees) {
  if (model.booster == BoosterKind::kLinear) {
    return StrCat("gblinear, ", model.features, " features, objective ", model.objective);
  }
  return StrCat(model.booster == BoosterKind::kDart ? "dart" : "gbtree", ", ", trees, " of ",
                model.trees.size(), " trees, ", model.features, " features, objective ",
                model.objective);
}

void AddWarnings(const Model& model, size_t trees, ImportedModel& out) {
  const auto best = BestRounds(model);
  if (best && trees == model.trees.size() && TreesOf(model, *best) < trees) {
    out.warnings.push_back(StrCat(
        "early stopping found iteration ", *best - 1,
        " best; all trees are used, as Booster.predict() does (a file saved by XGBClassifier or "
        "XGBRegressor would stop there)"));
  }
  const auto by_category = [](const Tree& tree) { return !tree.categories.empty(); };
  if (std::ranges::any_of(model.trees, by_category)) {
    out.warnings.emplace_back(
        model.has_category_names
            ? "categories are taken as codes, in the order of the frame's categories"
            : "categories are taken as codes; the file does not say what they mean");
  }
}

void Describe(const Model& model, Format format, size_t trees, ImportedModel& out) {
  out.format = FormatName(format);
  out.framework = "XGBoost";
  if (model.version[0] > 0) {
    out.framework_version = StrCat(model.version[0], ".", model.version[1], ".", model.version[2]);
  }
  out.structure.push_back(BoosterLine(model, trees));
  out.columns.resize(model.features);
  for (size_t i = 0; i < model.feature_names.size(); ++i) {
    out.columns[i].name = model.feature_names[i];
  }
  AddWarnings(model, trees, out);
}

Result<ImportedModel> Import(std::span<const std::byte> file, const ImportOptions& options) {
  return ImportBoosterBytes(file, {}, options);
}

}  // namespace

const Importer& XgboostImporter() {
  static constexpr Importer kImporter = {"xgboost", &Recognizes, &Import};
  return kImporter;
}

Result<Answer> AddBoosterBytes(GraphBuilder& graph, const Value& x,
                               std::span<const std::byte> bytes, const WrapperFacts& facts,
                               const ImportLimits& limits) {
  SLIPWAY_ASSIGN_OR_RETURN(const ReadBooster booster, Read(bytes, limits));
  SLIPWAY_RETURN_IF_ERROR(CheckModel(booster.model));
  SLIPWAY_ASSIGN_OR_RETURN(const Answer answer,
                           AddBooster(graph, x, booster.model, TreesToUse(booster.model, facts)));
  SLIPWAY_RETURN_IF_ERROR(CheckLabels(answer, facts.labels));
  return answer;
}

Result<Description> DescribeBoosterBytes(std::span<const std::byte> bytes,
                                         const WrapperFacts& facts, const ImportLimits& limits) {
  SLIPWAY_ASSIGN_OR_RETURN(ReadBooster booster, Read(bytes, limits));
  SLIPWAY_RETURN_IF_ERROR(CheckModel(booster.model));
  Description out;
  Describe(booster.model, booster.format, TreesToUse(booster.model, facts), out.about);
  if (booster.model.frame_categories.size() == booster.model.features) {
    out.categories = std::move(booster.model.frame_categories);
  }
  return out;
}

Result<ImportedModel> ImportBoosterBytes(std::span<const std::byte> bytes,
                                         const WrapperFacts& facts, const ImportOptions& options) {
  if (bytes.size() > options.limits.max_file_bytes) {
    return base::ResourceExhausted(StrCat("the file has ", bytes.size(), " bytes, the limit is ",
                                          options.limits.max_file_bytes));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const ReadBooster booster, Read(bytes, options.limits));
  const size_t trees = TreesToUse(booster.model, facts);
  SLIPWAY_RETURN_IF_ERROR(CheckModel(booster.model));
  ImportedModel out;
  Describe(booster.model, booster.format, trees, out);
  GraphBuilder graph("xgboost");
  SLIPWAY_ASSIGN_OR_RETURN(
      const Value x,
      AddNumberInput(graph, out.columns, graph::ElementType::kFloat, options.columns));
  SLIPWAY_ASSIGN_OR_RETURN(const Answer answer, AddBooster(graph, x, booster.model, trees));
  SLIPWAY_RETURN_IF_ERROR(CheckLabels(answer, facts.labels));
  AddOutputs(graph, answer, facts.labels, OwnInputs(out.columns, options.columns));
  out.class_names = ClassNames(answer, facts.labels);
  Finish(std::move(graph), out);
  return out;
}

}  // namespace slipway::import::xgboost
