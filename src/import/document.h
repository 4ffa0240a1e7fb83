#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "import/importer.h"

namespace slipway::import {

// A value of a JSON-like file: JSON itself, and UBJSON. Arrays of numbers, of which models mostly
// consist, are held as numbers without anything around them; booleans in arrays count as 0 and 1.
// A value. Depth is bounded by whoever reads the file, so that copies and destructors are too.
struct Document {
  using Numbers = std::vector<double>;
  using List = std::vector<Document>;
  struct Member;
  using Object = std::vector<Member>;

  std::variant<std::monostate, bool, double, std::string, Numbers, List, Object> value;

  // Appends to an array, which becomes a List once something is not a number. The value must hold
  // Numbers or a List.
  void Append(Document item);
};

struct Document::Member {
  std::string name;
  Document value;
};

// A value of a document, and the way to it, for messages: "learner.objective.name".
//
// Borrows the document. All functions return kInvalidArgument with the place when the value is not
// there or not of that kind.
class Place {
 public:
  explicit Place(const Document& document, std::string path = {})
      : document_(&document), path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  bool is_null() const { return std::holds_alternative<std::monostate>(document_->value); }
  bool is_object() const { return std::holds_alternative<Document::Object>(document_->value); }
  bool is_text() const { return std::holds_alternative<std::string>(document_->value); }
  bool is_array() const;

  // Of an object. Find() gives nullopt for a name that is missing or null.
  base::Result<Place> At(std::string_view name) const;
  std::optional<Place> Find(std::string_view name) const;
  base::Result<const Document::Object*> Members() const;

  // Of an array. Item() gives the values of Numbers, too.
  base::Result<std::vector<Place>> Items() const;
  base::Result<std::span<const double>> Numbers() const;
  // Numbers() that are whole and in [low, high].
  base::Result<std::vector<int64_t>> Integers(
      int64_t low = std::numeric_limits<int32_t>::min(),
      int64_t high = std::numeric_limits<int32_t>::max()) const;
  base::Result<std::vector<std::string>> Texts() const;

  // Of one value. XGBoost writes parameters as text, so numbers may be quoted.
  base::Result<std::string> Text() const;
  base::Result<double> Number() const;
  base::Result<int64_t> Integer(int64_t low, int64_t high) const;

  // kInvalidArgument: "PATH: MESSAGE".
  base::Status Error(std::string_view message) const;

 private:
  const Document* document_;
  std::string path_;
};

// The number that `text` is, as a whole: "1", "5E-1", "nan", "-Infinity"; nullopt otherwise.
std::optional<double> ParseNumber(std::string_view text);

// Reads JSON (RFC 8259), and the NaN, Infinity and -Infinity that XGBoost and Python write into it.
// Of two members with one name the first counts. Errors name the byte: kInvalidArgument, and
// kResourceExhausted for `limits`: max_depth, max_values.
base::Result<Document> ReadJson(std::string_view text, const ImportLimits& limits);

}  // namespace slipway::import
