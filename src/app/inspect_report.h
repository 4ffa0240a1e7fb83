#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <ostream>
#include <string>

#include "app/engines/model_path.h"
#include "base/status.h"
#include "graph/onnx_summary.h"

namespace slipway::app {

// What `slipway inspect` found out. A value.
struct InspectReport {
  // What became of loading the model.
  struct Load {
    base::Status status;
    std::chrono::nanoseconds time{};
  };

  ModelOnDisk model;
  std::string path;  // of the model file
  graph::OnnxSummary summary;
  std::string digest;
  std::string engine;  // "onnxruntime 1.31.1"
  base::Result<uint64_t> memory_bytes = uint64_t{0};
  std::optional<Load> load;  // none: not asked for
};

// For people: at most 80 places wide, but for names and digests that are longer.
void PrintReport(const InspectReport& report, std::ostream& out);
nlohmann::json ReportJson(const InspectReport& report);

// "FP32", or ONNX's own name where the Open Inference Protocol has none; "sequence", "map", ...
std::string DatatypeText(const graph::OnnxValue& value);
// "[batch,3,224,224]"; "?" stands for a free dimension without a name, "[...]" for a free rank.
std::string ShapeText(const graph::OnnxValue& value);

}  // namespace slipway::app
