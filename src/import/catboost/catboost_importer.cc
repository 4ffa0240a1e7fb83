#include "import/catboost/catboost_importer.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "graph/graph_builder.h"
#include "import/catboost/booster.h"
#include "import/catboost/category_columns.h"
#include "import/catboost/model.h"
#include "import/columns.h"
#include "import/document.h"
#include "import/finish.h"

namespace slipway::import::catboost {
namespace {

using base::Result;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool IsBinary(std::string_view text) { return text.starts_with("CBM1"); }

bool Recognizes(std::span<const std::byte> file) {
  const std::string_view text = AsText(file);
  if (IsBinary(text)) return true;
  const std::string_view head = text.substr(0, 4096);
  const size_t brace = head.find_first_not_of(" \t\r\n");
  if (brace == std::string_view::npos || head[brace] != '{') return false;
  // Members come in alphabetical order; any of the first three may be missing.
  const size_t quote = head.find('"', brace);
  if (quote == std::string_view::npos) return false;
  const std::string_view first = head.substr(quote + 1);
  return first.starts_with("ctr_data\"") || first.starts_with("features_info\"") ||
         (first.starts_with("model_info\"") && text.find("\"oblivious_trees\"") != text.npos);
}

Result<Model> Read(std::span<const std::byte> file, const ImportLimits& limits) {
  if (IsBinary(AsText(file))) return ReadBinaryModel(file, limits);
  SLIPWAY_ASSIGN_OR_RETURN(const Document document, ReadJson(AsText(file), limits));
  return ReadJsonModel(document, limits);
}

void Describe(const Model& model, bool binary, ImportedModel& out) {
  out.format = binary ? "CatBoost binary" : "CatBoost JSON";
  out.framework = "CatBoost";
  out.framework_version = model.version;
  out.structure.push_back(StrCat(model.trees.size(), " trees, ", model.floats.size(), " numbers, ",
                                 model.categories.size(), " categories, loss ",
                                 model.loss.empty() ? "unknown" : model.loss));
  uint32_t width = 0;
  for (const auto& feature : model.floats) width = std::max(width, feature.column + 1);
  for (const auto& feature : model.categories) width = std::max(width, feature.column + 1);
  out.columns.resize(width);
  // A feature without a name has its column's number for one.
  const auto name_of = [](const auto& feature) {
    return feature.name == std::to_string(feature.column) ? std::string() : feature.name;
  };
  for (const auto& feature : model.floats) out.columns[feature.column].name = name_of(feature);
  for (const auto& feature : model.categories) {
    out.columns[feature.column] = {.name = name_of(feature), .kind = ImportedColumn::Kind::kText};
  }
  const auto asks_for_category = [&model](const Node& node) {
    return model.splits[node.split].kind != Split::Kind::kNumber;
  };
  if (std::ranges::any_of(model.nodes, asks_for_category)) {
    out.warnings.emplace_back(
        "categories are told apart by the operator org.slipway.CategoryHash, which other runtimes "
        "do not have; texts must be written as they were in training");
  }
  if (model.loss.empty()) {
    out.warnings.emplace_back(
        "the file does not say which loss it was trained for: the raw sum of "
        "the trees is the prediction");
  }
}

Result<Inputs> AddInputs(GraphBuilder& graph, const Model& model, const ImportedModel& out,
                         Columns how) {
  Inputs inputs;
  if (how != Columns::kSeparate) {
    SLIPWAY_ASSIGN_OR_RETURN(const Value x,
                             AddNumberInput(graph, out.columns, ElementType::kFloat, how));
    std::vector<int64_t> columns;
    columns.reserve(model.floats.size());
    for (const FloatFeature& feature : model.floats) columns.push_back(feature.column);
    bool in_place = columns.size() == out.columns.size();
    for (size_t i = 0; i < columns.size() && in_place; ++i) {
      in_place = columns[i] == static_cast<int64_t>(i);
    }
    inputs.numbers = in_place ? x : graph.Columns(x, columns);
    return inputs;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Value> columns,
                           AddSeparateInputs(graph, out.columns, ElementType::kFloat));
  std::vector<Value> numbers;
  numbers.reserve(model.floats.size());
  for (const FloatFeature& feature : model.floats) numbers.push_back(columns[feature.column]);
  if (!numbers.empty()) inputs.numbers = graph.Concat(std::move(numbers));
  for (const CategoricalFeature& feature : model.categories) {
    inputs.categories.push_back(columns[feature.column]);
  }
  return inputs;
}

Result<Model> ReadChecked(std::span<const std::byte> file, const ImportLimits& limits) {
  SLIPWAY_ASSIGN_OR_RETURN(Model model, Read(file, limits));
  SLIPWAY_RETURN_IF_ERROR(CheckModel(model));
  SLIPWAY_RETURN_IF_ERROR(CheckSupported(model));
  return model;
}

Result<AddedModel> Add(GraphBuilder& graph, const Inputs& inputs, const Model& model) {
  AddedModel out;
  SLIPWAY_ASSIGN_OR_RETURN(out.answer, AddModel(graph, inputs, model));
  const Answer::Kind kind = out.answer.kind;
  if (kind == Answer::Kind::kBinary || kind == Answer::Kind::kMulticlass) {
    out.labels = model.labels;
  }
  SLIPWAY_RETURN_IF_ERROR(CheckLabels(out.answer, out.labels));
  return out;
}

Result<ImportedModel> Import(std::span<const std::byte> file, const ImportOptions& options) {
  if (file.size() > options.limits.max_file_bytes) {
    return base::ResourceExhausted(StrCat("the file has ", file.size(), " bytes, the limit is ",
                                          options.limits.max_file_bytes));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Model model, ReadChecked(file, options.limits));
  ImportedModel out;
  Describe(model, IsBinary(AsText(file)), out);
  const bool mixed = !model.categories.empty();
  const Columns how =
      options.columns == Columns::kAuto && mixed ? Columns::kSeparate : options.columns;
  GraphBuilder graph("catboost");
  SLIPWAY_ASSIGN_OR_RETURN(const Inputs inputs, AddInputs(graph, model, out, how));
  SLIPWAY_ASSIGN_OR_RETURN(const AddedModel added, Add(graph, inputs, model));
  AddOutputs(graph, added.answer, added.labels, OwnInputs(out.columns, how));
  out.class_names = ClassNames(added.answer, added.labels);
  Finish(std::move(graph), out);
  return out;
}

}  // namespace

const Importer& CatboostImporter() {
  static constexpr Importer kImporter = {"catboost", &Recognizes, &Import};
  return kImporter;
}

Result<AddedModel> AddModelBytes(GraphBuilder& graph, const ColumnSource& source,
                                 std::span<const std::byte> bytes, const ImportLimits& limits) {
  SLIPWAY_ASSIGN_OR_RETURN(const Model model, ReadChecked(bytes, limits));
  Inputs inputs;
  std::vector<int64_t> columns;
  columns.reserve(model.floats.size());
  for (const FloatFeature& feature : model.floats) columns.push_back(feature.column);
  if (!columns.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(inputs.numbers, source.numbers(columns));
  }
  for (const CategoricalFeature& feature : model.categories) {
    SLIPWAY_ASSIGN_OR_RETURN(Value category, source.category(feature.column));
    inputs.categories.push_back(std::move(category));
  }
  if (columns.empty() && inputs.categories.empty()) {
    return base::InvalidArgument("the model looks at no column");
  }
  return Add(graph, inputs, model);
}

Result<ImportedModel> DescribeModelBytes(std::span<const std::byte> bytes,
                                         const ImportLimits& limits) {
  SLIPWAY_ASSIGN_OR_RETURN(const Model model, ReadChecked(bytes, limits));
  ImportedModel out;
  Describe(model, IsBinary(AsText(bytes)), out);
  return out;
}

}  // namespace slipway::import::catboost
