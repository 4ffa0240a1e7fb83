#pragma once

#include <string>

namespace slipway::frontend {

// What the front ends need to know of the server as a whole. Implemented by `app`.
//
// Thread-safe; called on request threads, so no call may wait.
class ServerState {
 public:
  virtual ~ServerState() = default;
  // False only when the process is stuck; must not depend on models.
  virtual bool live() const = 0;
  // The initial loads are done and nobody has asked the server to stop.
  virtual bool ready() const = 0;
  // On the way out: what is open is finished, new work should go elsewhere.
  virtual bool draining() const = 0;
  virtual const std::string& name() const = 0;     // "slipway"
  virtual const std::string& version() const = 0;  // "0.1.0"
  // Of the inference runtime, as clients know it: "onnxruntime".
  virtual const std::string& backend() const = 0;
};

}  // namespace slipway::frontend
