#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "import/document.h"
#include "import/importer.h"
#include "import/pickle/document.h"
#include "import/skops/archive.h"
#include "import/skops/npy_value.h"

namespace slipway::import::skops {

// Reads the nodes of schema.json, one after the other; the depth is that of the JSON, which is
// limited. A node says by its `__loader__` what kind it is, and each kind has a function here, in
// the source of what it makes: schema_containers.cc, schema_objects.cc, schema_arrays.cc.
//
// Borrows the archive, the limits and the document. Not thread-safe. Errors as ReadDocument().
class SchemaReader {
 public:
  // `has_references`: whether any node refers to another; else nothing is noted by its id.
  SchemaReader(const Archive& archive, const ImportLimits& limits, bool has_references,
               pickle::Document& document)
      : archive_(archive),
        limits_(limits),
        has_references_(has_references),
        document_(document),
        numpy_(document) {}

  base::Result<pickle::Value> Read(const Place& node);

 private:
  using Value = pickle::Value;
  struct Loader {
    std::string_view name;
    base::Result<Value> (SchemaReader::*read)(const Place&);
  };
  static const Loader kLoaders[];

  static base::Result<std::string> TextAt(const Place& node, std::string_view name);
  static base::Result<Place> ContentOf(const Place& node) { return node.At("content"); }

  base::Result<Value> Text(std::string text);
  // A class or function by its names; each is made once.
  base::Result<Value> Named(std::string module, std::string name);
  base::Result<Value> Class(const Place& node);
  // The class of a node whose value is plain; any other than Python's own goes to the allow-list.
  base::Result<bool> IsPlain(const Place& node, std::string_view module, std::string_view name);

  // ---- nodes that others share
  static base::Result<std::optional<double>> IdOf(const Place& node);
  base::Status Note(const Place& node, const Value& value);
  base::Result<Value> ReadCached(const Place& node);

  // ---- containers
  base::Result<Value> ReadSequence(const Place& node, Value::Kind kind);
  base::Result<Value> ReadList(const Place& node);
  base::Result<Value> ReadTuple(const Place& node);
  base::Result<Value> ReadSet(const Place& node);
  base::Result<Value> Key(const std::string& text, std::string_view type);
  base::Status ReadMembers(const Place& node, std::vector<Value>& pairs);
  base::Result<Value> ReadDict(const Place& node);
  base::Result<Value> ReadDefaultDict(const Place& node);

  // ---- plain values, classes, functions, objects
  base::Result<Value> ReadJsonNode(const Place& node);
  base::Result<Value> ReadScalar(const Place& node, std::string_view json);
  base::Result<Value> ReadBytes(const Place& node);
  base::Result<Value> ReadName(const Place& node);
  base::Result<Value> Object(const Value& callable, const Value& args, const Value& state);
  base::Result<Value> ReadObject(const Place& node);
  base::Result<Value> ReadConstructed(const Place& node);
  base::Result<Value> ReadPartial(const Place& node);
  base::Result<Value> ReadSlice(const Place& node);
  base::Result<Value> ReadNothing(const Place& node);

  // ---- arrays
  base::Result<std::string_view> MemberOf(const Place& node);
  base::Result<Value> ReadArray(const Place& node);
  base::Status Flatten(const std::vector<Place>& nodes, size_t dimensions, Value& list);
  base::Result<Value> ReadObjectArray(const Place& node);
  base::Result<Value> ReadMaskedArray(const Place& node);
  base::Result<Value> ReadDType(const Place& node);
  base::Result<Value> ReadSparse(const Place& node);
  base::Result<Value> ShapeOf(const Value& array);

  const Archive& archive_;
  const ImportLimits& limits_;
  const bool has_references_;
  pickle::Document& document_;
  NumpyValues numpy_;
  std::map<std::pair<std::string, std::string>, Value> globals_;
  std::map<std::string, std::string_view> contents_;  // of members
  std::map<std::string, Value> arrays_;               // by member
  std::map<double, Value> by_id_;
};

}  // namespace slipway::import::skops
