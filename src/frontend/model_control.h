#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace slipway::frontend {

// Loading and unloading as clients may ask for it. Implemented by `app` over lifecycle::Manager.
//
// Thread-safe. Index() and Find() are called on request threads and answer from memory.
class ModelControl {
 public:
  // One version of a model, or a model that was never loaded.
  struct Entry {
    std::string name;
    std::optional<int64_t> version;  // none: never loaded
    std::string_view state;          // static text: READY, LOADING, UNLOADING, UNAVAILABLE, UNKNOWN
    std::string reason;              // why it is not ready; may be empty
  };
  struct LoadRequest {
    std::string name;
    std::string config_json;  // Triton's ModelConfig; empty: the stored configuration
    // Files by version and relative name instead of the repository's: {1, "model.onnx"}.
    std::map<int64_t, std::map<std::string, std::string>> files;
  };
  // Called once, on any thread. Must be quick.
  using Done = std::function<void(base::Status)>;

  virtual ~ModelControl() = default;
  // Every known version, sorted by name and version.
  virtual std::vector<Entry> Index() const = 0;
  // The versions of one model; empty when it is unknown.
  virtual std::vector<Entry> Find(std::string_view name) const = 0;
  // OK once the model is ready. Errors: kUnavailable (models are not controlled by clients),
  // kNotFound, kInvalidArgument, kResourceExhausted, and what loading says.
  virtual void Load(LoadRequest request, Done done) = 0;
  // OK once no version is ready any more.
  virtual void Unload(std::string name, Done done) = 0;
};

}  // namespace slipway::frontend
