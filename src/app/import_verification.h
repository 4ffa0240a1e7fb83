#pragma once

#include "base/status.h"
#include "engine/engine.h"
#include "import/importer.h"

namespace slipway::app {

// Runs the rows that an imported file holds itself, and compares with the answers beside them:
// texts are equal, numbers within the file's own precision. kFailedPrecondition names the first
// answer that differs by its row (from 1) and field, with what was expected and got; else what the
// engine says. Blocks until done.
base::Status CheckVerification(engine::Engine& engine, const import::Verification& verification);

}  // namespace slipway::app
