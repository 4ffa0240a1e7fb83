#include "app/inspect_command.h"

#include <nlohmann/json.hpp>
#include <ostream>
#include <span>
#include <utility>

#include "app/engines/engines.h"
#include "app/engines/importers.h"
#include "app/inspect_report.h"
#include "base/log.h"
#include "base/str_cat.h"
#include "lifecycle/model_files.h"

namespace slipway::app {
namespace {

using base::StrCat;

base::Result<graph::OnnxSummary> ReadSummary(const base::FileSystem& fs, const ModelOnDisk& model,
                                             const std::string& path) {
  SLIPWAY_ASSIGN_OR_RETURN(
      const auto file, fs.MapContained(model.found.files.directory, model.found.files.model_file));
  std::span<const std::byte> onnx = file->bytes();
  import::ImportedModel imported;
  if (FindImporter(onnx) != nullptr) {
    auto made = ImportBytes(onnx, {});
    if (!made.ok()) return made.status().WithContext(StrCat("model file '", path, "'"));
    imported = *std::move(made);
    onnx = std::as_bytes(std::span(imported.onnx));
  }
  auto summary = graph::ReadOnnxSummary(onnx);
  if (!summary.ok()) return summary.status().WithContext(StrCat("model file '", path, "'"));
  return summary;
}

base::Result<std::string> Digest(const base::FileSystem& fs, const ModelOnDisk& model) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto stamps,
                           lifecycle::StampFiles(fs, model.found.files, model.found.scope));
  return lifecycle::DigestFiles(model.found.files, stamps.files);
}

}  // namespace

void InspectCommand::Configure(CLI::App& app) {
  app.add_option("model", path_,
                 "Model file, version directory, or directory of versions (the newest is taken)")
      ->type_name("PATH")
      ->required();
  app.add_flag("--no-load", no_load_, "Do not ask the engine whether it loads the model");
  app.add_flag("--json", json_, "Print JSON");
}

base::Status InspectCommand::Run() {
  InspectReport report;
  SLIPWAY_ASSIGN_OR_RETURN(report.model, FindModel(context_.fs, path_));
  report.path = report.model.file().lexically_proximate(std::filesystem::current_path()).string();
  if (report.path.starts_with("..")) report.path = report.model.file().string();
  SLIPWAY_ASSIGN_OR_RETURN(report.summary, ReadSummary(context_.fs, report.model, report.path));
  SLIPWAY_ASSIGN_OR_RETURN(report.digest, Digest(context_.fs, report.model));

  const auto log = base::Logger::Null();
  SLIPWAY_ASSIGN_OR_RETURN(const auto factory, MakeEngineFactory(context_.fs, *log));
  report.engine = StrCat(factory->name(), " ", factory->version());
  report.memory_bytes = factory->EstimateBytes(report.model.found.files);
  if (!no_load_) {
    const base::SteadyTime start = context_.clock.SteadyNow();
    const auto engine = factory->Load(report.model.found.files, {});
    report.load = {.status = engine.status(), .time = context_.clock.SteadyNow() - start};
  }
  if (json_) {
    context_.out << ReportJson(report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                 << "\n";
  } else {
    PrintReport(report, context_.out);
  }
  return base::OkStatus();
}

}  // namespace slipway::app
