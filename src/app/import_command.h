#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/command.h"
#include "app/import_parity.h"
#include "graph/onnx_summary.h"
#include "import/importer.h"

namespace slipway::app {

// slipway import SRC -o OUT: a model of another framework as ONNX.
//
// The format is recognised by content. With --verify the ONNX is run, and held to the answers of
// the framework, before it is written: a model that answers otherwise is not. The outcome is kept
// in the file, as metadata `slipway.proof`. Answers that the source holds itself are checked
// always. With --portable, a model that needs operators of our own is refused.
class ImportCommand final : public Command {
 public:
  using Command::Command;
  void Configure(CLI::App& app) override;
  base::Status Run() override;

 private:
  std::string Output() const;
  bool Keeps(std::string_view what) const;
  base::Status CheckPortable(const graph::OnnxSummary& summary) const;
  base::Result<std::optional<ParityReport>> Verify(const import::ImportedModel& model) const;
  void Print(const import::ImportedModel& model, const graph::OnnxSummary& summary,
             const std::optional<ParityReport>& parity) const;
  void PrintJson(const import::ImportedModel& model, const graph::OnnxSummary& summary,
                 const std::optional<ParityReport>& parity) const;

  std::string source_;
  std::string output_;
  std::string verify_;
  std::string member_;
  std::string columns_ = "auto";
  std::vector<std::string> keep_;
  double tolerance_ = 1e-6;
  bool portable_ = false;
  bool json_ = false;
};

}  // namespace slipway::app
