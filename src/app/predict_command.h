#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/predict/input.h"
#include "app/predict/model.h"
#include "app/predict/output.h"
#include "app/predict/rows.h"

namespace slipway::app {

// slipway predict MODEL|URL --input FILE: what a model says to the rows of a file.
//
// The model runs in this process, or on a server that is asked over REST. Rows go through it in
// batches; an output file is whole or not there. One output as NPY goes to its file as it comes,
// all else is held in memory and written at the end. What was converted or passed over is said on
// standard error.
class PredictCommand final : public Command {
 public:
  using Command::Command;
  void Configure(CLI::App& app) override;
  base::Status Run() override;

 private:
  base::Result<OutputFormat> Format() const;
  base::Result<InputOptions> ParseInputOptions() const;
  base::Result<std::unique_ptr<PredictModel>> OpenModel() const;
  // Positions in the signature.
  base::Result<std::vector<size_t>> ChooseOutputs(const tensor::Signature& signature,
                                                  OutputFormat format) const;
  // Whether the answer can go to its file as it comes.
  bool Streams(OutputFormat format, const tensor::Signature& signature, const RowPlan& plan,
               const std::vector<size_t>& outputs) const;
  // Runs the model over the rows of a plan that slices them; `take` gets the results of each run.
  using TakeResults = std::function<base::Status(std::vector<tensor::Tensor>)>;
  base::Status PredictRows(PredictModel& model, const PredictInputs& inputs, const RowPlan& plan,
                           const std::vector<size_t>& outputs, const TakeResults& take);
  base::Result<std::vector<tensor::Tensor>> Predict(PredictModel& model,
                                                    const PredictInputs& inputs,
                                                    const RowPlan& plan,
                                                    const std::vector<size_t>& outputs);
  base::Status PredictToFile(PredictModel& model, const PredictInputs& inputs, const RowPlan& plan,
                             const std::vector<size_t>& outputs);
  base::Status Write(const std::string& text) const;
  // The output is a file or will be one: no pipe, no device.
  bool IsForAFile() const;

  std::string target_;  // path or URL
  std::string model_;
  std::string input_;
  std::string output_ = "-";
  std::string format_;
  std::vector<std::string> map_;
  std::vector<std::string> drop_;
  bool ignore_extra_ = false;
  bool by_position_ = false;
  std::vector<std::string> outputs_;
  int64_t batch_ = 256;
  int threads_ = 0;
  std::string provider_ = "cpu";
  std::string timeout_ = "60s";
  TlsOptions tls_;
  bool quiet_ = false;
  bool json_ = false;
};

}  // namespace slipway::app
