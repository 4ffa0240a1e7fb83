#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/importer.h"
#include "import/pickle/value.h"

namespace slipway::import::pickle {

// Everything that one pickle holds: the owner of its nodes and of texts that are not in the file
// word for word. However deeply values are nested or tied into cycles, they end all at once with
// the Document, without recursion.
//
//   SLIPWAY_ASSIGN_OR_RETURN(const auto document, Document::Read(file, limits));
//   const Value& model = document->root();
//
// Move-only in the shape of a unique_ptr, because values point into it. Borrows `file` unless the
// file is compressed. Thread-compatible; immutable after Read().
class Document {
 public:
  // Reads a pickle of protocol 0 to 5 or a joblib file, compressed or not. kInvalidArgument: says
  // what is wrong at which byte of the unpacked data; kUnimplemented (joblib files of several
  // parts); kResourceExhausted (a limit).
  static base::Result<std::unique_ptr<const Document>> Read(std::span<const std::byte> file,
                                                            const ImportLimits& limits);

  // For tests and readers of other formats that make the same data.
  explicit Document(const ImportLimits& limits) : max_values_(limits.max_values) {}
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  const Value& root() const { return root_; }
  // How the file was packed: "zlib", "gzip", ...; empty when it was not.
  std::string_view packing() const { return packing_; }
  // Every class and function that the pickle names, in the order of the file.
  const std::vector<Value>& globals() const { return globals_; }
  // True when the stream holds arrays as joblib writes them.
  bool has_payloads() const { return has_payloads_; }
  // Bytes that follow the end of the pickle.
  uint64_t trailing_bytes() const { return trailing_bytes_; }
  // The size of the stream after unpacking.
  uint64_t unpacked_bytes() const { return unpacked_bytes_; }

  // Building. kResourceExhausted when the document holds more than max_values, or so many that no
  // real file of its size does; a node counts as several.
  base::Status Charge(uint64_t values);
  base::Result<Value> Make(Value::Kind kind, uint64_t place);
  base::Result<Value> MakeText(Value::Kind kind, uint64_t place, std::string_view text);
  base::Result<Value> MakeGlobal(uint64_t place, std::string_view module, std::string_view name);
  // Keeps a text that is not in the file. All of them together may be as large as `max_kept_bytes`.
  base::Result<std::string_view> Keep(std::string text);
  // The limits that follow from the size of the stream.
  void HoldTo(uint64_t stream_bytes);
  void set_root(const Value& root) { root_ = root; }
  void set_unpacked_bytes(uint64_t bytes) { unpacked_bytes_ = bytes; }
  void set_has_payloads() { has_payloads_ = true; }

 private:
  uint64_t max_values_;
  std::string unpacked_;
  std::string_view packing_;
  std::deque<Node> nodes_;
  std::deque<std::string> kept_;
  uint64_t kept_bytes_ = 0;
  uint64_t max_kept_bytes_ = uint64_t{1} << 20;
  uint64_t values_ = 0;
  std::vector<Value> globals_;
  Value root_;
  bool has_payloads_ = false;
  uint64_t trailing_bytes_ = 0;
  uint64_t unpacked_bytes_ = 0;
};

}  // namespace slipway::import::pickle
