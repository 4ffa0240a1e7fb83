#pragma once

#include "import/importer.h"

namespace slipway::import::pmml {

// PMML 3.0 to 4.4: models of many tools as one XML vocabulary. See README.md for what is read, and
// what the answers are held to.
const Importer& PmmlImporter();

}  // namespace slipway::import::pmml
