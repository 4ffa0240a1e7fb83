#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace slipway::base {

// A configuration document, read: a tree that remembers where each value stood. A value.
//
// Errors made from it begin with "FILE:LINE:COLUMN: ".
class ConfigValue {
 public:
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };
  using Entry = std::pair<ConfigValue, ConfigValue>;  // key, value

  // A scalar that did not come from a document; `origin` stands in front of errors.
  static ConfigValue Scalar(std::string text, std::string origin);

  Kind kind() const { return kind_; }
  const std::string& text() const { return text_; }  // of a scalar, as written, without quotes
  const std::vector<ConfigValue>& list() const { return list_; }
  const std::vector<Entry>& map() const { return map_; }

  // The scalar as that type. kInvalidArgument says what is expected.
  Result<std::string> AsString() const;
  Result<bool> AsBool() const;  // true or false
  Result<int64_t> AsInt(int64_t least, int64_t most) const;
  Result<uint64_t> AsByteSize() const;
  Result<std::chrono::nanoseconds> AsDuration() const;
  // A list of scalars, or one scalar.
  Result<std::vector<std::string>> AsStrings() const;

  // kInvalidArgument with `message` behind the place of this value.
  Status Error(std::string_view message) const;

 private:
  friend class ConfigParser;
  Kind kind_ = Kind::kNull;
  std::string text_;
  std::vector<ConfigValue> list_;
  std::vector<Entry> map_;
  std::string file_;
  int line_ = 0;    // from 1; 0: not from a document
  int column_ = 0;  // from 1
};

// Reads one YAML document (JSON is a part of YAML). Limits: 1 MiB, 100 levels, 100,000 values; no
// anchors, aliases or tags; no duplicate keys. kInvalidArgument says where and what.
Result<ConfigValue> ParseConfig(std::string_view text, std::string_view file_name);

// One field that a configuration may have.
struct ConfigField {
  std::string_view path;     // "limits.max_body"
  std::string_view comment;  // one sentence for --print-config
  std::function<Status(const ConfigValue&)> set;
  std::function<std::string()> print;  // its value now, as YAML on one line
};

// Sets every field that the document has. A field that is not in `fields` is an error with its
// place and the nearest name that is.
Status ReadConfig(const ConfigValue& document, std::span<const ConfigField> fields);

// The configuration as a YAML document with the comments, in the order of `fields`, which must hold
// the fields of a section one after the other.
std::string PrintConfig(std::span<const ConfigField> fields);

}  // namespace slipway::base
