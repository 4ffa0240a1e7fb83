#include "app/import_command.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>
#include <span>
#include <utility>
#include <vector>

#include "app/engines/engines.h"
#include "app/engines/importers.h"
#include "app/engines/importing_factory.h"
#include "app/import_verification.h"
#include "app/inspect_report.h"
#include "base/log.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "graph/graph_builder.h"
#include "graph/tabular_metadata.h"

namespace slipway::app {
namespace {

using base::StrCat;
using Json = nlohmann::json;

constexpr size_t kShownNames = 20;

import::Columns ParseColumns(const std::string& text) {
  if (text == "separate") return import::Columns::kSeparate;
  return text == "tensor" ? import::Columns::kTensor : import::Columns::kAuto;
}

std::string Framework(const import::ImportedModel& model) {
  if (model.framework.empty()) return model.format;
  return StrCat(model.format, ", written by ", model.framework,
                model.framework_version.empty() ? " of a version that it does not tell" : " ",
                model.framework_version);
}

std::string Shortened(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < kShownNames; ++i) {
    text += StrCat(i == 0 ? "" : ", ", base::Printable(names[i], 40));
  }
  if (names.size() > kShownNames) text += StrCat(" and ", names.size() - kShownNames, " more");
  return text;
}

std::vector<std::string> Specs(const std::vector<graph::OnnxValue>& values) {
  std::vector<std::string> texts;
  texts.reserve(values.size());
  for (const graph::OnnxValue& value : values) {
    texts.push_back(StrCat(value.name, " ", DatatypeText(value), ShapeText(value)));
  }
  return texts;
}

std::vector<std::string> ColumnNames(const import::ImportedModel& model) {
  std::vector<std::string> names;
  for (const import::ImportedColumn& column : model.columns) {
    if (!column.name.empty()) names.push_back(column.name);
  }
  return names;
}

Json SpecsJson(const std::vector<graph::OnnxValue>& values) {
  Json list = Json::array();
  for (const graph::OnnxValue& value : values) {
    list.push_back(
        {{"name", value.name}, {"datatype", DatatypeText(value)}, {"shape", value.dims}});
  }
  return list;
}

Json ParityJson(const ParityReport& parity) {
  Json outputs = Json::array();
  for (const OutputParity& one : parity.outputs) {
    Json entry = {{"name", one.output}, {"values", one.values}, {"mismatches", one.mismatches}};
    if (!one.exact) entry["max_relative_error"] = one.max_error;
    outputs.push_back(std::move(entry));
  }
  return {{"rows", parity.rows},
          {"tolerance", parity.tolerance},
          {"passed", parity.passed()},
          {"outputs", std::move(outputs)}};
}

}  // namespace

void ImportCommand::Configure(CLI::App& app) {
  app.add_option("source", source_, "The model file; its format is recognised by content")
      ->type_name("FILE")
      ->required();
  app.add_option("--output,-o", output_, "The ONNX file; default: SOURCE with the ending .onnx")
      ->type_name("FILE");
  app.add_option("--verify", verify_,
                 "NPZ or CSV of inputs and the framework's answers; fails where they differ")
      ->type_name("FILE");
  app.add_option("--tolerance", tolerance_, "Largest relative error of --verify, default 1e-6")
      ->type_name("NUMBER")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--columns", columns_,
                 "auto, separate (an input for each column) or tensor (one for all)")
      ->check(CLI::IsMember(std::vector<std::string>{"auto", "separate", "tensor"}));
  app.add_option(
         "--member", member_,
         "Of a pickle, joblib or skops file that holds several objects: the key or position "
         "of the model, as model or models/1")
      ->type_name("PATH");
  app.add_option("--keep", keep_, "Of ONNX: zipmap (outputs that are maps), optional-inputs, opset")
      ->delimiter(',')
      ->check(CLI::IsMember(std::vector<std::string>{"zipmap", "optional-inputs", "opset"}));
  app.add_flag("--portable", portable_,
               "Refuse a model that only Slipway can run, as it needs operators of its own");
  app.add_flag("--json", json_, "Print JSON");
}

bool ImportCommand::Keeps(std::string_view what) const {
  return std::ranges::find(keep_, what) != keep_.end();
}

std::string ImportCommand::Output() const {
  if (!output_.empty()) return output_;
  return std::filesystem::path(source_).replace_extension(".onnx").string();
}

base::Status ImportCommand::Run() {
  SLIPWAY_ASSIGN_OR_RETURN(const auto file, context_.fs.Map(source_));
  import::ImportOptions options;
  options.columns = ParseColumns(columns_);
  options.member = member_;
  options.keep_zip_maps = Keeps("zipmap");
  options.keep_optional_inputs = Keeps("optional-inputs");
  options.keep_opset = Keeps("opset");
  options.files = &context_.fs;
  options.directory = std::filesystem::absolute(source_).parent_path();
  auto model = ImportBytes(file->bytes(), options);
  if (!model.ok()) return model.status().WithContext(StrCat("'", source_, "'"));
  const std::string output = Output();
  std::error_code error;
  if (std::filesystem::equivalent(source_, output, error)) {
    return base::InvalidArgument(
        StrCat("'", output, "' is the source itself: give another file with --output"));
  }
  const auto summary = graph::ReadOnnxSummary(std::as_bytes(std::span(model->onnx)));
  if (!summary.ok()) return summary.status().WithContext(StrCat("'", source_, "' as ONNX"));
  if (portable_) SLIPWAY_RETURN_IF_ERROR(CheckPortable(*summary));
  SLIPWAY_ASSIGN_OR_RETURN(const std::optional<ParityReport> parity, Verify(*model));
  const bool good = !parity || parity->passed();
  if (parity) graph::AppendMetadata(graph::kProofKey, ParityJson(*parity).dump(), model->onnx);
  if (good) SLIPWAY_RETURN_IF_ERROR(context_.fs.WriteAtomically(output, model->onnx));
  if (json_) {
    PrintJson(*model, *summary, parity);
  } else {
    Print(*model, *summary, parity);
  }
  if (good) return base::OkStatus();
  return base::FailedPrecondition(
      StrCat("the imported model does not answer as '", verify_, "' says, so nothing was written"));
}

base::Status ImportCommand::CheckPortable(const graph::OnnxSummary& summary) const {
  std::string own;
  for (const graph::OnnxOperator& used : summary.operators) {
    if (used.domain != graph::GraphBuilder::kSlipwayDomain) continue;
    own += StrCat(own.empty() ? "" : ", ", used.domain, ".", used.type, " (", used.count, ")");
  }
  if (own.empty()) return base::OkStatus();
  return base::Unimplemented(
      StrCat("'", source_,
             "': expected a model that standard operators can say, as --portable asks, "
             "but it needs ",
             own, "; without --portable it is written for Slipway"));
}

base::Result<std::optional<ParityReport>> ImportCommand::Verify(
    const import::ImportedModel& model) const {
  std::optional<ParityReport> parity;
  if (!model.verification && verify_.empty()) return parity;
  const auto log = base::Logger::Null();
  SLIPWAY_ASSIGN_OR_RETURN(const auto factory, MakeEngineFactory(context_.fs, *log));
  const auto engine = factory->Load(OnnxInMemory(model.onnx), {});
  if (!engine.ok()) return engine.status().WithContext(StrCat("'", source_, "' as ONNX"));
  if (model.verification) {
    const base::Status same = CheckVerification(**engine, *model.verification);
    if (!same.ok()) return same.WithContext(StrCat("'", source_, "'; nothing was written"));
  }
  if (!verify_.empty()) {
    SLIPWAY_ASSIGN_OR_RETURN(parity, CheckParity(context_.fs, **engine, verify_, tolerance_));
  }
  return parity;
}

void ImportCommand::Print(const import::ImportedModel& model, const graph::OnnxSummary& summary,
                          const std::optional<ParityReport>& parity) const {
  std::ostream& out = context_.out;
  out << Framework(model) << "\n";
  for (const std::string& line : model.structure) out << "  " << line << "\n";
  const std::vector<std::string> names = ColumnNames(model);
  out << "inputs    " << Shortened(Specs(summary.inputs)) << "\n";
  if (!names.empty()) out << "columns   " << Shortened(names) << "\n";
  out << "outputs   " << Shortened(Specs(summary.outputs)) << "\n";
  if (!model.class_names.empty()) out << "classes   " << Shortened(model.class_names) << "\n";
  for (const std::string& warning : model.warnings) out << "warning   " << warning << "\n";
  if (model.verification) {
    const int64_t rows = model.verification->rows;
    out << "verified  by " << rows << (rows == 1 ? " row" : " rows") << " of the file\n";
  }
  if (parity) out << (parity->passed() ? "verified  " : "differs   ") << parity->Summary() << "\n";
  if (parity && !parity->passed()) return;
  out << "written   " << Output() << ", " << base::FormatByteSize(model.onnx.size()) << "\n";
}

void ImportCommand::PrintJson(const import::ImportedModel& model, const graph::OnnxSummary& summary,
                              const std::optional<ParityReport>& parity) const {
  Json json = {{"format", model.format},
               {"framework", model.framework},
               {"framework_version", model.framework_version},
               {"structure", model.structure},
               {"inputs", SpecsJson(summary.inputs)},
               {"outputs", SpecsJson(summary.outputs)},
               {"columns", ColumnNames(model)},
               {"classes", model.class_names},
               {"warnings", model.warnings},
               {"bytes", model.onnx.size()}};
  if (model.verification) json["verified_by_file"] = {{"rows", model.verification->rows}};
  if (parity) json["verified"] = ParityJson(*parity);
  if (!parity || parity->passed()) json["output"] = Output();
  context_.out << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace slipway::app
