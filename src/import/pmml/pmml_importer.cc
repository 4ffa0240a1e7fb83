#include "import/pmml/pmml_importer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pmml/element.h"
#include "import/pmml/fields.h"
#include "import/pmml/formulas.h"
#include "import/pmml/model.h"
#include "import/pmml/model_scope.h"
#include "import/pmml/output.h"
#include "import/pmml/verification.h"

namespace slipway::import::pmml {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using graph::ElementType;
using graph::GraphBuilder;
using graph::Value;

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// An element PMML, or the namespace of one, near the start of XML.
bool Recognizes(std::span<const std::byte> file) {
  std::string_view head = AsText(file).substr(0, 4096);
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  const size_t first = head.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || head[first] != '<') return false;
  return head.find("<PMML") != std::string_view::npos ||
         head.find(":PMML") != std::string_view::npos ||
         head.find("www.dmg.org/PMML-") != std::string_view::npos;
}

Status CheckVersion(const Element& pmml) {
  static constexpr std::string_view kVersions[] = {"3.0", "3.1", "3.2", "4.0",  "4.1",
                                                   "4.2", "4.3", "4.4", "4.4.1"};
  if (pmml.name() != "PMML") return pmml.Error("expected an element PMML at the top");
  SLIPWAY_ASSIGN_OR_RETURN(const std::string version, pmml.Need("version"));
  if (std::ranges::find(kVersions, version) != std::end(kVersions)) return OkStatus();
  return Conversion::Unsupported(pmml, StrCat("version '", Printable(version), "'"));
}

bool IsBesideModels(std::string_view name) {
  return name == "Header" || name == "MiningBuildTask" || name == "DataDictionary" ||
         name == "TransformationDictionary";
}

Result<Element> TheModel(const Element& pmml) {
  std::vector<Element> models;
  for (const Element& child : pmml.Children()) {
    if (IsBesideModels(child.name())) continue;
    SLIPWAY_ASSIGN_OR_RETURN(const bool scorable, child.FlagOr("isScorable", true));
    if (scorable) models.push_back(child);
  }
  if (models.empty()) return pmml.Error("no model that can be scored");
  if (models.size() == 1) return models.front();
  return Conversion::Unsupported(models[1], "a file of more than one model");
}

// Whether a row has no answer: NaN for numbers and probabilities, the empty text for a label.
void AddNumber(Conversion& all, const Value& fails, const Value& value, const std::string& name,
               int64_t columns) {
  const Value out =
      fails.name.empty() ? value : Where(all.graph, fails, Number(all.graph, std::nan("")), value);
  all.graph.AddOutput(out, name, {"batch", columns});
}

void AddTexts(Conversion& all, const Value& fails, const Value& code,
              const std::vector<std::string>& texts, const std::string& name,
              std::vector<graph::Dim> dims) {
  GraphBuilder& graph = all.graph;
  std::vector<std::string> table = texts;
  table.emplace_back();  // no answer
  const Value none =
      Or(graph, fails, Not(graph, Compare(graph, "GreaterOrEqual", code, Number(graph, 0))));
  const Value index =
      graph.Cast(Where(graph, none, Number(graph, static_cast<double>(texts.size())), code),
                 ElementType::kInt64);
  const auto size = static_cast<int64_t>(table.size());
  Value text = graph.Node(
      "Gather", {graph.Add(graph::TextConstant(std::move(table), {size}), "texts"), index});
  if (dims.size() == 1) {
    static constexpr int64_t kFlat[] = {-1};
    text = graph.Node("Reshape", {text, graph.Add(graph::Int64Constant(kFlat, {1}), "flat")});
  }
  graph.AddOutput(text, name, std::move(dims));
}

// A name for an output: files choose those of inputs and OutputFields.
std::string FreeName(std::vector<std::string>& taken, const std::string& wanted) {
  std::string name = wanted;
  while (std::ranges::find(taken, name) != taken.end()) name = StrCat("model_", name);
  taken.push_back(name);
  return name;
}

// What one conversion says beside the graph.
struct Said {
  std::vector<std::string> classes;
  std::vector<PlacedAnswer> answers;
};

// Where "prediction", or "label" and "probabilities", say already what an OutputField does.
PlacedAnswer PlaceInAnswer(const OutputValue& output, const ModelAnswer& answer,
                           const std::string& value_name, const std::string& probabilities_name) {
  PlacedAnswer out = {.field = output.name};
  if (output.feature == "predictedValue") {
    out.output = value_name;
    out.is_text = answer.classifies;
    out.is_label = answer.classifies;
    return out;
  }
  const auto found = std::ranges::find(answer.classes, output.value);
  if (found == answer.classes.end()) return out;  // the largest, or that of a class unknown
  out.output = probabilities_name;
  out.column = found - answer.classes.begin();
  return out;
}

Status AddOutputs(Conversion& all, ModelScope& scope, const Element& model,
                  const ModelAnswer& answer, Said& said) {
  std::vector<std::string> taken;
  taken.reserve(all.columns.size());
  for (const ImportedColumn& column : all.columns) taken.push_back(column.name);
  const Value fails = scope.fails();
  const std::string value_name = FreeName(taken, answer.classifies ? "label" : "prediction");
  std::string probabilities_name;
  if (answer.classifies) {
    if (std::ranges::find(answer.classes, "") != answer.classes.end()) {
      return model.Error("a class whose name is the empty text");
    }
    said.classes = answer.classes;
    AddTexts(all, fails, answer.value, answer.classes, value_name, {"batch"});
    if (!answer.probabilities.name.empty()) {
      probabilities_name = FreeName(taken, "probabilities");
      AddNumber(all, fails, answer.probabilities, probabilities_name,
                static_cast<int64_t>(answer.classes.size()));
    }
  } else {
    AddNumber(all, fails, answer.value, value_name, 1);
  }
  said.answers.push_back({.field = TargetName(model),
                          .output = value_name,
                          .is_text = answer.classifies,
                          .is_label = answer.classifies,
                          .is_target = true});
  SLIPWAY_ASSIGN_OR_RETURN(const auto outputs, MakeOutputs(scope, model, answer));
  for (const OutputValue& output : outputs) {
    if (output.feature == "predictedValue" || output.feature == "probability") {
      said.answers.push_back(PlaceInAnswer(output, answer, value_name, probabilities_name));
      continue;
    }
    PlacedAnswer placed = {.field = output.name};
    if (output.is_final) {
      const bool is_text = output.field.type == DataType::kText;
      const Value without = Or(all.graph, fails, output.field.fails);
      placed.output = FreeName(taken, output.name);
      placed.is_text = is_text;
      if (is_text) {
        AddTexts(all, without, output.field.value, all.texts.all(), placed.output,
                 {"batch", int64_t{1}});
      } else {
        AddNumber(all, without, output.field.value, placed.output, 1);
      }
    }
    said.answers.push_back(std::move(placed));
  }
  return OkStatus();
}

// Converts once, with the texts that are known so far.
Status Convert(const Element& pmml, const Element& model, Conversion& all, Said& said) {
  all.is_before_4_2 = pmml.Or("version", "") < "4.2";
  ModelScope scope(all, nullptr);
  if (const auto global = pmml.Child("TransformationDictionary")) {
    SLIPWAY_RETURN_IF_ERROR(DefineDerivedFields(scope, *global));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Element schema, model.NeedChild("MiningSchema"));
  SLIPWAY_RETURN_IF_ERROR(DefineInputs(scope, pmml, schema));
  if (all.zeros.name.empty()) return OkStatus();  // a problem said why
  auto answer = MakeModel(scope, model);
  SLIPWAY_RETURN_IF_ERROR(all.Recover(answer.status()));
  if (!answer.ok()) return OkStatus();
  return AddOutputs(all, scope, model, *answer, said);
}

Status Problems(const Conversion& all) {
  std::string message;
  for (const std::string& problem : all.problems) {
    message += StrCat(message.empty() ? "" : "; ", problem);
  }
  return base::Unimplemented(std::move(message));
}

void Describe(const Element& pmml, ImportedModel& out) {
  out.format = StrCat("PMML ", Printable(pmml.Or("version", "")));
  const auto header = pmml.Child("Header");
  const auto application = header ? header->Child("Application") : std::nullopt;
  if (!application) return;
  out.framework = Printable(application->Or("name", ""));
  out.framework_version = Printable(application->Or("version", ""));
}

Result<ImportedModel> Import(std::span<const std::byte> bytes, const ImportOptions& options) {
  if (bytes.size() > options.limits.max_file_bytes) {
    return base::ResourceExhausted(StrCat("the file has ", bytes.size(), " bytes, the limit is ",
                                          options.limits.max_file_bytes));
  }
  if (options.columns == Columns::kTensor) {
    return InvalidArgument(
        "PMML names its fields, each of its own type: import it with an input for each column");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, ReadFile(AsText(bytes)));
  const Element pmml(*file, file->tree.document_element());
  SLIPWAY_RETURN_IF_ERROR(CheckVersion(pmml));
  SLIPWAY_ASSIGN_OR_RETURN(const Element model, TheModel(pmml));
  Texts texts;
  {
    GraphBuilder draft("draft");
    Conversion first = {.graph = draft, .texts = texts};
    Said ignored;
    const Status converted = Convert(pmml, model, first, ignored);
    const bool unsupported = converted.code() == base::StatusCode::kUnimplemented;
    if (!first.problems.empty() && (converted.ok() || unsupported)) return Problems(first);
    SLIPWAY_RETURN_IF_ERROR(converted);
  }
  ImportedModel out;
  GraphBuilder graph("pmml");
  Conversion all = {.graph = graph, .texts = texts};
  Said said;
  SLIPWAY_RETURN_IF_ERROR(Convert(pmml, model, all, said));
  if (!all.problems.empty()) return Problems(all);
  SLIPWAY_ASSIGN_OR_RETURN(out.verification,
                           ReadVerification(all, model, said.answers, said.classes));
  out.class_names = std::move(said.classes);
  Describe(pmml, out);
  out.structure = std::move(all.structure);
  out.columns = std::move(all.columns);
  out.warnings = std::move(all.warnings);
  out.onnx = std::move(graph).Finish();
  return out;
}

}  // namespace

const Importer& PmmlImporter() {
  static constexpr Importer kImporter = {"pmml", &Recognizes, &Import};
  return kImporter;
}

}  // namespace slipway::import::pmml
