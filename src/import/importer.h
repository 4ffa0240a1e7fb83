#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/status.h"

namespace slipway::import {

// How a tabular model takes its columns.
enum class Columns : uint8_t {
  kAuto,      // separate where names are known and dtypes differ (text beside numbers), else one
  kSeparate,  // one input of [batch, 1] for each column, with its name
  kTensor,    // one input of [batch, columns]; the names are in the metadata
};

// What a file may cost. The defaults are above any model that people train, and bound memory to a
// small multiple of the file.
struct ImportLimits {
  uint64_t max_file_bytes = uint64_t{8} << 30;
  uint64_t max_unpacked_bytes = uint64_t{16} << 30;  // of compressed files
  int max_depth = 200;                               // of values in values
  uint64_t max_values = 100'000'000;                 // numbers of arrays not counted
};

struct ImportOptions {
  Columns columns = Columns::kAuto;
  // Pickles: which of the objects in the file, as "model" or "models/1"; empty: the file is one.
  std::string member = {};
  bool keep_zip_maps = false;         // ONNX: outputs that are sequences of maps stay so
  bool keep_optional_inputs = false;  // ONNX: inputs with a default stay inputs
  bool keep_opset = false;            // ONNX: operators stay those of the set that they are of
  ImportLimits limits = {};
  // ONNX: where the other files are that the model lies in. Without it a model that has some is
  // refused. Borrowed.
  const base::FileSystem* files = nullptr;
  base::FileSystem::Path directory = {};
};

// A column that the model was trained on.
struct ImportedColumn {
  enum class Kind : uint8_t { kNumber, kText };
  std::string name;  // empty where the file has none
  Kind kind = Kind::kNumber;
};

// Rows of inputs and the answers to them that a file itself holds, to check the import by. A value.
// Every vector of a column has `rows` items, or none: columns are either numbers or texts.
struct Verification {
  struct Input {
    std::string name;                     // an input of the ONNX file, [batch, 1]
    std::vector<double> numbers = {};     // FP64; NaN where the row has none
    std::vector<std::string> texts = {};  // STRING; the empty text where the row has none
  };
  struct Answer {
    std::string field;                 // as the file calls it
    std::string output;                // an output of the ONNX file, [batch] or [batch, n]
    int64_t column = 0;                // of an output of several
    std::vector<double> numbers = {};  // NaN where the row does not say
    std::vector<std::optional<std::string>> texts = {};
    double precision = 0;       // numbers may differ by this share of what is expected
    double zero_threshold = 0;  // numbers that are not further from 0 are all equal
  };
  int64_t rows = 0;
  std::vector<Input> inputs;  // all that the ONNX file has
  std::vector<Answer> answers;
};

// A foreign model as an ONNX file, and what is to be said about it.
struct ImportedModel {
  std::string format;             // "scikit-learn joblib", "XGBoost UBJSON", "LightGBM text"
  std::string framework;          // "scikit-learn"; empty where the file does not say
  std::string framework_version;  // "1.9.1"; empty where the file does not say
  // What was found, one estimator a line, children indented by two spaces.
  std::vector<std::string> structure;
  std::vector<ImportedColumn> columns;
  std::vector<std::string> class_names;  // of a classifier, in the order of the probabilities
  std::vector<std::string> warnings;
  bool has_other_files = false;  // a part of it was read from files beside it
  std::optional<Verification> verification = std::nullopt;
  std::string onnx;
};

// One foreign format. A value; all functions are thread-safe and read nothing but `file`.
struct Importer {
  std::string_view name;  // "xgboost"
  // Whether the bytes look like this format, whatever the file is called. Looks at some kilobytes
  // only; true does not promise that the file is whole.
  bool (*recognizes)(std::span<const std::byte> file);
  // kInvalidArgument (damaged, or refused: says where), kUnimplemented (names everything in the
  // model that is not supported, each with its place), kResourceExhausted (a limit).
  base::Result<ImportedModel> (*import)(std::span<const std::byte> file,
                                        const ImportOptions& options);
};

}  // namespace slipway::import
