#include "import/lightgbm/lightgbm_importer.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "base/str_cat.h"
#include "import/columns.h"
#include "import/finish.h"
#include "import/lightgbm/booster.h"
#include "import/lightgbm/model.h"

namespace slipway::import::lightgbm {
namespace {

using base::Result;
using base::Status;
using base::StrCat;
using graph::GraphBuilder;
using graph::Value;

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool Recognizes(std::span<const std::byte> file) {
  const std::string_view head = AsText(file).substr(0, 4096);
  const size_t line = head.find('\n');
  return line != std::string_view::npos && line < 64 &&
         head.substr(line + 1).starts_with("version=v") &&
         head.find("\nnum_tree_per_iteration=") != std::string_view::npos;
}

size_t IterationsToUse(const WrapperFacts& facts) {
  return facts.iterations > 0 ? static_cast<size_t>(facts.iterations)
                              : std::numeric_limits<uint32_t>::max();
}

Result<Answer> AddModel(GraphBuilder& graph, const Value& x, const Model& model,
                        const WrapperFacts& facts) {
  SLIPWAY_ASSIGN_OR_RETURN(const Answer answer,
                           AddBooster(graph, x, model, IterationsToUse(facts)));
  SLIPWAY_RETURN_IF_ERROR(CheckLabels(answer, facts.labels));
  return answer;
}

void Describe(const Model& model, ImportedModel& out) {
  out.format = "LightGBM text";
  out.framework = "LightGBM";
  out.structure.push_back(
      StrCat(model.trees.size(), " trees", model.average_output ? " (random forest)" : "", ", ",
             model.features, " features, objective ",
             model.objective.empty() ? std::string("of the caller's own") : model.objective));
  out.columns.resize(model.features);
  for (size_t i = 0; i < model.features; ++i) out.columns[i].name = model.feature_names[i];
  if (model.has_frame_categories) {
    out.warnings.emplace_back(
        "categories of the data frame are taken as codes, in the order of pandas_categorical at "
        "the end of the file");
  }
}

Result<ImportedModel> Import(std::span<const std::byte> file, const ImportOptions& options) {
  return ImportBoosterText(AsText(file), {}, options);
}

}  // namespace

const Importer& LightgbmImporter() {
  static constexpr Importer kImporter = {"lightgbm", &Recognizes, &Import};
  return kImporter;
}

Result<Answer> AddBoosterText(GraphBuilder& graph, const Value& x, std::string_view text,
                              const WrapperFacts& facts) {
  SLIPWAY_ASSIGN_OR_RETURN(const Model model, ReadModel(text));
  return AddModel(graph, x, model, facts);
}

Result<Description> DescribeBoosterText(std::string_view text) {
  SLIPWAY_ASSIGN_OR_RETURN(const Model model, ReadModel(text));
  Description out;
  Describe(model, out.about);
  out.category_columns = model.category_columns;
  return out;
}

Result<ImportedModel> ImportBoosterText(std::string_view text, const WrapperFacts& facts,
                                        const ImportOptions& options) {
  if (text.size() > options.limits.max_file_bytes) {
    return base::ResourceExhausted(StrCat("the file has ", text.size(), " bytes, the limit is ",
                                          options.limits.max_file_bytes));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Model model, ReadModel(text));
  ImportedModel out;
  Describe(model, out);
  GraphBuilder graph("lightgbm");
  SLIPWAY_ASSIGN_OR_RETURN(
      const Value x,
      AddNumberInput(graph, out.columns, graph::ElementType::kDouble, options.columns));
  SLIPWAY_ASSIGN_OR_RETURN(const Answer answer, AddModel(graph, x, model, facts));
  AddOutputs(graph, answer, facts.labels, OwnInputs(out.columns, options.columns));
  out.class_names = ClassNames(answer, facts.labels);
  Finish(std::move(graph), out);
  return out;
}

}  // namespace slipway::import::lightgbm
