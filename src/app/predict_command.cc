#include "app/predict_command.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <ostream>
#include <utility>

#include "app/client/server_client.h"
#include "app/console/progress.h"
#include "app/predict/npy_stream.h"
#include "base/processors.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::Tensor;
using tensor::TensorView;

// The ending of a file name without the dot; "" when it has none.
std::string Ending(const std::string& path) {
  const std::string ending = std::filesystem::path(path).extension().string();
  return ending.empty() ? "" : ending.substr(1);
}

std::vector<std::string_view> OutputNames(const tensor::Signature& signature) {
  std::vector<std::string_view> names;
  names.reserve(signature.outputs.size());
  for (const tensor::TensorSpec& spec : signature.outputs) names.push_back(spec.name);
  return names;
}

Result<std::vector<Tensor>> Join(std::span<RowCollector> collectors) {
  std::vector<Tensor> joined;
  for (RowCollector& collector : collectors) {
    SLIPWAY_ASSIGN_OR_RETURN(Tensor tensor, collector.Finish());
    joined.push_back(std::move(tensor));
  }
  return joined;
}

}  // namespace

void PredictCommand::Configure(CLI::App& app) {
  app.add_option("model", target_,
                 "Model file or directory, or http[s]://HOST:PORT[/v2/models/NAME[/versions/V]]")
      ->type_name("PATH|URL")
      ->required();
  app.add_option("--input,-i", input_, "JSON, CSV, NPY or NPZ; - is standard input")
      ->type_name("FILE")
      ->required();
  app.add_option("--output,-o", output_, "Where the answer goes; - is standard output")
      ->type_name("FILE");
  app.add_option("--format", format_, "Of the answer; default: by the ending of --output, or json")
      ->check(CLI::IsMember(std::vector<std::string>{"json", "csv", "npy", "npz"}));
  app.add_flag("--json", json_, "The same as --format json");
  app.add_option("--outputs", outputs_,
                 "Outputs to ask for, with commas; default: all, of a classifier into NPY its "
                 "probabilities")
      ->type_name("NAMES")
      ->delimiter(',');
  app.add_option("--map", map_, "The model's input is called so in the file; may be repeated")
      ->type_name("INPUT=NAME");
  app.add_option("--drop", drop_, "Columns or arrays of the file to leave out, with commas")
      ->type_name("NAMES")
      ->delimiter(',');
  app.add_flag("--ignore-extra", ignore_extra_,
               "Pass over columns or arrays that the model does not know");
  app.add_flag("--by-position", by_position_,
               "Take the columns of a CSV in their order, not by the names in its header");
  app.add_option("--batch", batch_, "Rows for one run of the model, default 256")
      ->type_name("N")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 31));
  app.add_option("--model", model_, "Name of the model, for a URL without one")->type_name("NAME");
  app.add_option("--threads", threads_, "Threads of the engine; default: one for each processor")
      ->type_name("N")
      ->check(CLI::Range(0, 1024));
  app.add_option("--provider", provider_, "Execution provider of the engine, default cpu")
      ->type_name("NAME");
  app.add_option("--timeout", timeout_, "For each answer of a server, default 60s")
      ->type_name("TIME");
  AddTlsOptions(app, tls_);
  app.add_flag("--quiet,-q", quiet_, "No progress and no notes");
}

Status PredictCommand::Run() {
  SLIPWAY_ASSIGN_OR_RETURN(const OutputFormat format, Format());
  SLIPWAY_ASSIGN_OR_RETURN(const InputOptions options, ParseInputOptions());
  SLIPWAY_ASSIGN_OR_RETURN(const std::unique_ptr<PredictModel> model, OpenModel());
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<size_t> outputs,
                           ChooseOutputs(model->signature(), format));
  SLIPWAY_ASSIGN_OR_RETURN(
      const PredictInputs inputs,
      ReadInputs(context_.fs, input_, WithFreeRows(model->signature()), options));
  for (const std::string& note : inputs.notes) {
    if (!quiet_) context_.err << "note: " << note << "\n";
  }
  SLIPWAY_ASSIGN_OR_RETURN(const RowPlan plan, PlanRows(model->signature(), inputs.views, batch_));
  if (Streams(format, model->signature(), plan, outputs)) {
    return PredictToFile(*model, inputs, plan, outputs);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Tensor> results,
                           Predict(*model, inputs, plan, outputs));
  Prediction prediction{.model = model->name(), .version = model->version(), .outputs = {}};
  for (size_t i = 0; i < outputs.size(); ++i) {
    prediction.outputs.push_back(
        {.name = model->signature().outputs[outputs[i]].name, .tensor = &results[i]});
  }
  SLIPWAY_ASSIGN_OR_RETURN(const std::string text, FormatPrediction(prediction, format));
  return Write(text);
}

Result<OutputFormat> PredictCommand::Format() const {
  if (json_ && !format_.empty() && format_ != "json") {
    return InvalidArgument(StrCat("--json and --format ", format_, ": expected one of them"));
  }
  OutputFormat format = OutputFormat::kJson;
  if (!json_) {
    const std::string name = !format_.empty() ? format_ : output_ == "-" ? "json" : Ending(output_);
    Result<OutputFormat> parsed = ParseOutputFormat(name);
    if (!parsed.ok()) return parsed.status().WithContext(StrCat("--output ", output_));
    format = *parsed;
  }
  const bool binary = format == OutputFormat::kNpy || format == OutputFormat::kNpz;
  if (binary && output_ == "-" && StandardOutputIsTerminal()) {
    return InvalidArgument("NPY and NPZ are not for a terminal: give --output FILE, or a pipe");
  }
  return format;
}

Result<InputOptions> PredictCommand::ParseInputOptions() const {
  InputOptions options{
      .renames = {}, .drop = drop_, .ignore_extra = ignore_extra_, .by_position = by_position_};
  for (const std::string& text : map_) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      return InvalidArgument(
          StrCat("--map: expected INPUT=NAME, got '", base::Printable(text), "'"));
    }
    options.renames.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return options;
}

Result<std::unique_ptr<PredictModel>> PredictCommand::OpenModel() const {
  if (LooksLikeUrl(target_)) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::chrono::nanoseconds timeout, base::ParseDuration(timeout_));
    return OpenRemoteModel(target_, model_, context_.clock, context_.fs, tls_,
                           std::chrono::duration_cast<std::chrono::milliseconds>(timeout));
  }
  if (!model_.empty()) {
    return InvalidArgument("--model is for servers: for a file or directory, give its path only");
  }
  engine::EngineOptions options;
  options.provider = provider_;
  options.intra_op_threads = threads_ > 0 ? threads_ : base::UsableProcessors(context_.fs);
  return OpenLocalModel(context_.fs, target_, options);
}

Result<std::vector<size_t>> PredictCommand::ChooseOutputs(const tensor::Signature& signature,
                                                          OutputFormat format) const {
  if (outputs_.empty() && format == OutputFormat::kNpy) {
    if (const auto index = signature.FindOutput("probabilities")) return std::vector{*index};
  }
  const std::vector<std::string_view> names = OutputNames(signature);
  std::vector<size_t> chosen;
  for (const std::string& name : outputs_) {
    if (const auto index = signature.FindOutput(name)) {
      chosen.push_back(*index);
      continue;
    }
    std::string list;
    for (const std::string_view known : names) list += StrCat(list.empty() ? "" : ", ", known);
    return InvalidArgument(
        StrCat("--outputs: the model has no output '", base::Printable(name), "'; it has ", list));
  }
  for (size_t i = 0; outputs_.empty() && i < names.size(); ++i) chosen.push_back(i);
  return chosen;
}

bool PredictCommand::Streams(OutputFormat format, const tensor::Signature& signature,
                             const RowPlan& plan, const std::vector<size_t>& outputs) const {
  if (format != OutputFormat::kNpy || !plan.sliced || outputs.size() != 1) return false;
  return output_ != "-" && IsForAFile() && NpyStream::Takes(signature.outputs[outputs[0]].dtype);
}

Status PredictCommand::PredictRows(PredictModel& model, const PredictInputs& inputs,
                                   const RowPlan& plan, const std::vector<size_t>& outputs,
                                   const TakeResults& take) {
  Progress progress(
      context_.clock, context_.err,
      {.verb = "predicting", .unit = "rows", .shown = !quiet_ && StandardErrorIsTerminal()});
  std::vector<RowReader> readers(inputs.views.begin(), inputs.views.end());
  std::vector<TensorView> slice(inputs.views.size());
  for (int64_t done = 0; done < plan.rows; done += plan.rows_per_run) {
    progress.Update(done, plan.rows);
    const int64_t count = std::min(plan.rows_per_run, plan.rows - done);
    for (size_t i = 0; i < readers.size(); ++i) {
      SLIPWAY_ASSIGN_OR_RETURN(slice[i], readers[i].Next(count));
    }
    auto results = model.Run(slice, outputs);
    const Status status = results.ok() ? take(*std::move(results)) : results.status();
    if (!status.ok()) return status.WithContext(StrCat("rows ", done, " to ", done + count - 1));
  }
  return base::OkStatus();
}

Result<std::vector<Tensor>> PredictCommand::Predict(PredictModel& model,
                                                    const PredictInputs& inputs,
                                                    const RowPlan& plan,
                                                    const std::vector<size_t>& outputs) {
  if (!plan.sliced) return model.Run(inputs.views, outputs);
  std::vector<RowCollector> collectors(outputs.size());
  const auto collect = [&](std::vector<Tensor> results) -> Status {
    for (size_t i = 0; i < collectors.size(); ++i) {
      const Status status = collectors[i].Add(std::move(results[i]));
      if (!status.ok()) {
        return status.WithContext(
            StrCat("output '", model.signature().outputs[outputs[i]].name, "'"));
      }
    }
    return base::OkStatus();
  };
  SLIPWAY_RETURN_IF_ERROR(PredictRows(model, inputs, plan, outputs, collect));
  return Join(collectors);
}

Status PredictCommand::PredictToFile(PredictModel& model, const PredictInputs& inputs,
                                     const RowPlan& plan, const std::vector<size_t>& outputs) {
  NpyStream stream(context_.fs, output_, plan.rows);
  SLIPWAY_RETURN_IF_ERROR(PredictRows(model, inputs, plan, outputs, [&](std::vector<Tensor> rows) {
    return stream.Add(rows.front().view());
  }));
  return stream.Finish();
}

bool PredictCommand::IsForAFile() const {
  const auto there = context_.fs.Stat(output_);
  return !there.ok() || there->kind == base::FileInfo::Kind::kFile;
}

Status PredictCommand::Write(const std::string& text) const {
  if (output_ == "-") {
    errno = 0;
    context_.out << text << std::flush;
    if (context_.out || errno == EPIPE) return base::OkStatus();  // `| head` has seen enough
    return base::ErrnoStatus(errno, "writing to standard output");
  }
  if (IsForAFile()) return context_.fs.WriteAtomically(output_, text);
  std::ofstream device(output_, std::ios::binary);  // a pipe or /dev/null: not to be replaced
  device << text << std::flush;
  if (device) return base::OkStatus();
  return InvalidArgument(StrCat("output '", base::Printable(output_), "' cannot be written"));
}

}  // namespace slipway::app
