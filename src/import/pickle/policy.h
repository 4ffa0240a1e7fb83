#pragma once

#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/pickle/document.h"

namespace slipway::import::pickle {

// Whether a format's importer knows this class or function: what it knows, it either reads as data
// or leaves alone. Modules that were renamed come with the name that the file has.
using Knows = bool (*)(std::string_view module, std::string_view name);

// Classes of NumPy, SciPy, pandas, joblib and Python itself that hold plain data.
bool IsPlainData(std::string_view module, std::string_view name);

// The classes and functions of the document that neither IsPlainData() nor `knows` knows, one line
// for each, with the place: "os.system at steps[1].func (byte 120)". Time and memory are linear in
// the document.
std::vector<std::string> FindUnknown(const Document& document, Knows knows);

// Refuses a document that names any of them. kInvalidArgument, with all of them in the message:
// nothing of the file was run, and what it asks for is not known to be harmless.
base::Status CheckKnown(const Document& document, Knows knows);

}  // namespace slipway::import::pickle
