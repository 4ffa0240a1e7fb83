#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "import/importer.h"

namespace slipway::app {

// Every foreign format that this build reads. To add one, add its importer's line in importers.cc.
std::span<const import::Importer> AllImporters();

// The importer whose format the bytes look like; nullptr when there is none.
const import::Importer* FindImporter(std::span<const std::byte> file);

// Imports by content. kInvalidArgument when no importer knows the format, and lists those there
// are; else what the importer says.
base::Result<import::ImportedModel> ImportBytes(std::span<const std::byte> file,
                                                const import::ImportOptions& options);

}  // namespace slipway::app
