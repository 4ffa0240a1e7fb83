#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/cpu_level.h"
#include "base/file_system.h"
#include "base/status.h"
#include "engine/engine.h"

namespace slipway::engine {

// Makes engines for models that are tree ensembles with simple steps before and after: several
// times faster than a general runtime, and with the bits of the library that trained the trees,
// because leaves are added in its order and precision.
//
// Thread-safe. `files` must outlive the factory, not its engines. Load() answers kUnimplemented,
// with the first thing that is not understood, for every other model: put SelectingFactory and a
// general factory behind this one.
class TreeEngineFactory final : public EngineFactory {
 public:
  // The processor has `level`: a lower one than it has is for tests and benchmarks.
  explicit TreeEngineFactory(const base::FileSystem& files,
                             base::CpuLevel level = base::HighestCpuLevel())
      : files_(files), level_(level) {}

  base::Result<std::unique_ptr<Engine>> Load(const ModelFiles& files,
                                             const EngineOptions& options) const override;
  base::Result<uint64_t> EstimateBytes(const ModelFiles& files) const override;
  std::string name() const override { return "trees"; }
  std::string version() const override { return "1"; }
  std::vector<std::string> providers() const override { return {"cpu"}; }

 private:
  const base::FileSystem& files_;
  const base::CpuLevel level_;
};

// The engine for the bytes of an ONNX file, with trees or without. kUnimplemented as above;
// kInvalidArgument when the file is damaged. Safe for any bytes.
base::Result<std::unique_ptr<Engine>> MakeTreeEngine(
    std::span<const std::byte> file, int threads, base::CpuLevel level = base::HighestCpuLevel());

}  // namespace slipway::engine
