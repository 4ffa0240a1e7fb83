#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/status.h"
#include "import/importer.h"
#include "import/pickle/document.h"

namespace slipway::import::skops {

// The place of values in such documents: there is no one byte that made them.
using pickle::kNoPlace;

// Whether the bytes look like a skops file: a ZIP archive whose last members' names have
// schema.json among them.
bool Recognizes(std::span<const std::byte> file);

// Reads a skops file (protocols 0 to 2; skops 0.2 and later) to the data that the pickle of the
// same object holds. Numbers that fit no 64 bits become floats; random generators become None.
//
// Borrows `file`. kInvalidArgument says what is wrong at which node ("schema.json,
// steps[1].coef_"); kUnimplemented: kinds of nodes that are not known, encryption, compression
// other than deflate; kResourceExhausted (a limit). Source: skops 0.16, skops/io/_general.py,
// _numpy.py, _scipy.py, _sklearn.py.
base::Result<std::unique_ptr<const pickle::Document>> ReadDocument(std::span<const std::byte> file,
                                                                   const ImportLimits& limits);

}  // namespace slipway::import::skops
