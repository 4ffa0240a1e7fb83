#include "import/skops/schema.h"

#include <array>
#include <charconv>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pickle/array.h"
#include "import/skops/npy_value.h"
#include "import/skops/skops_document.h"

namespace slipway::import::skops {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using pickle::Value;
using Kind = pickle::Value::Kind;

// Reads one node after the other; the depth is that of the JSON, which is limited.
class SchemaReader {
 public:
  SchemaReader(const Archive& archive, const ImportLimits& limits, bool has_references,
               pickle::Document& document)
      : archive_(archive),
        limits_(limits),
        has_references_(has_references),
        document_(document),
        numpy_(document) {}

  Result<Value> Read(const Place& node);

 private:
  struct Loader {
    std::string_view name;
    Result<Value> (SchemaReader::*read)(const Place&);
  };
  static const Loader kLoaders[];

  static Result<std::string> TextAt(const Place& node, std::string_view name) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place at, node.At(name));
    return at.Text();
  }
  static Result<Place> ContentOf(const Place& node) { return node.At("content"); }

  // ---- values

  Result<Value> Text(std::string text) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string_view kept, document_.Keep(std::move(text)));
    return document_.MakeText(Kind::kText, kNoPlace, kept);
  }

  // A class or function by its names; each is made once.
  Result<Value> Named(std::string module, std::string name) {
    const auto [found, is_new] = globals_.try_emplace({module, name});
    if (is_new) {
      SLIPWAY_ASSIGN_OR_RETURN(const std::string_view kept, document_.Keep(std::move(module)));
      SLIPWAY_ASSIGN_OR_RETURN(const std::string_view kept_name, document_.Keep(std::move(name)));
      SLIPWAY_ASSIGN_OR_RETURN(found->second, document_.MakeGlobal(kNoPlace, kept, kept_name));
    }
    return found->second;
  }

  Result<Value> Class(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(std::string module, TextAt(node, "__module__"));
    SLIPWAY_ASSIGN_OR_RETURN(std::string name, TextAt(node, "__class__"));
    return Named(std::move(module), std::move(name));
  }

  // The class of a node whose value is plain; any other than Python's own goes to the allow-list.
  Result<bool> IsPlain(const Place& node, std::string_view module, std::string_view name) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string own_module, TextAt(node, "__module__"));
    SLIPWAY_ASSIGN_OR_RETURN(const std::string own_name, TextAt(node, "__class__"));
    if (own_module == module && own_name == name) return true;
    SLIPWAY_RETURN_IF_ERROR(Class(node).status());
    return false;
  }

  Result<Value> Object(const Value& callable, const Value& args, const Value& state) {
    SLIPWAY_ASSIGN_OR_RETURN(const Value object, document_.Make(Kind::kObject, kNoPlace));
    object.node().callable = callable;
    object.node().args = args;
    object.node().state = state;
    return object;
  }

  // ---- shared nodes

  static Result<std::optional<double>> IdOf(const Place& node) {
    const auto id = node.Find("__id__");
    if (!id) return std::optional<double>();
    SLIPWAY_ASSIGN_OR_RETURN(const double number, id->Number());
    return std::optional(number);
  }

  Status Note(const Place& node, const Value& value) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto id, IdOf(node));
    if (id) by_id_[*id] = value;
    return base::OkStatus();
  }

  Result<Value> ReadCached(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(const auto id, IdOf(node));
    const auto found = id ? by_id_.find(*id) : by_id_.end();
    if (found == by_id_.end()) return node.Error("refers to a node that does not come before it");
    return found->second;
  }

  // ---- containers

  Result<Value> ReadSequence(const Place& node, Kind kind) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
    SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Place> items, content.Items());
    SLIPWAY_ASSIGN_OR_RETURN(const Value value, document_.Make(kind, kNoPlace));
    SLIPWAY_RETURN_IF_ERROR(document_.Charge(items.size()));
    value.node().items.reserve(items.size());
    for (const Place& item : items) {
      SLIPWAY_ASSIGN_OR_RETURN(const Value one, Read(item));
      value.node().items.push_back(one);
    }
    return value;
  }

  Result<Value> ReadList(const Place& node) {
    SLIPWAY_RETURN_IF_ERROR(IsPlain(node, "builtins", "list").status());
    return ReadSequence(node, Kind::kList);
  }
  Result<Value> ReadTuple(const Place& node) {
    SLIPWAY_RETURN_IF_ERROR(IsPlain(node, "builtins", "tuple").status());
    return ReadSequence(node, Kind::kTuple);
  }
  Result<Value> ReadSet(const Place& node) {
    SLIPWAY_RETURN_IF_ERROR(IsPlain(node, "builtins", "set").status());
    return ReadSequence(node, Kind::kSet);
  }

  // A key, which JSON has as a text, as what it was.
  Result<Value> Key(const std::string& text, std::string_view type) {
    if (type.starts_with("int") || type.starts_with("uint")) {
      int64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc() && end == text.data() + text.size()) return Value::Int(number);
    }
    if (type.starts_with("float")) {
      if (const auto number = ParseNumber(text)) return Value::Float(*number);
    }
    if (type.starts_with("bool")) return Value::Bool(text == "true");
    if (type == "NoneType") return Value();
    return Text(text);
  }

  Status ReadMembers(const Place& node, std::vector<Value>& pairs) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
    SLIPWAY_ASSIGN_OR_RETURN(const auto* members, content.Members());
    SLIPWAY_ASSIGN_OR_RETURN(const Place types, node.At("key_types"));
    SLIPWAY_ASSIGN_OR_RETURN(const Place type_list, ContentOf(types));
    SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Place> type_nodes, type_list.Items());
    if (type_nodes.size() != members->size()) {
      return node.Error(
          StrCat(members->size(), " keys, but ", type_nodes.size(), " types of keys"));
    }
    SLIPWAY_RETURN_IF_ERROR(document_.Charge(2 * members->size()));
    pairs.reserve(2 * members->size());
    for (size_t i = 0; i < members->size(); ++i) {
      const auto& member = (*members)[i];
      SLIPWAY_ASSIGN_OR_RETURN(const std::string type, TextAt(type_nodes[i], "__class__"));
      SLIPWAY_ASSIGN_OR_RETURN(const Value key, Key(member.name, type));
      const Place at(member.value, StrCat(content.path(), ".", base::Printable(member.name, 40)));
      SLIPWAY_ASSIGN_OR_RETURN(const Value value, Read(at));
      pairs.push_back(key);
      pairs.push_back(value);
    }
    return base::OkStatus();
  }

  // Classes that are dicts with more to them, such as scikit-learn's Bunch, are objects with items.
  Result<Value> ReadDict(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(const bool plain, IsPlain(node, "builtins", "dict"));
    SLIPWAY_ASSIGN_OR_RETURN(const bool ordered, IsPlain(node, "collections", "OrderedDict"));
    SLIPWAY_ASSIGN_OR_RETURN(
        const Value value,
        document_.Make(plain || ordered ? Kind::kDict : Kind::kObject, kNoPlace));
    if (!plain && !ordered) {
      SLIPWAY_ASSIGN_OR_RETURN(value.node().callable, Class(node));
      SLIPWAY_ASSIGN_OR_RETURN(value.node().args, numpy_.Tuple({}));
    }
    value.node().pairs = true;
    SLIPWAY_RETURN_IF_ERROR(ReadMembers(node, value.node().items));
    return value;
  }

  Result<Value> ReadDefaultDict(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
    SLIPWAY_ASSIGN_OR_RETURN(const Place main, content.At("main"));
    return Read(main);
  }

  // ---- plain values

  // JSON within JSON: a number, a text, true, false or null.
  Result<Value> ReadJsonNode(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string content, TextAt(node, "content"));
    return ReadScalar(node, content);
  }

  Result<Value> ReadScalar(const Place& node, std::string_view json) {
    constexpr std::string_view kNull = "null";
    constexpr std::string_view kTrue = "true";
    if (json == kNull) return Value();
    if (json == kTrue || json == "false") return Value::Bool(json == kTrue);
    if (json.starts_with('"')) {
      auto read = ReadJson(json, limits_);
      if (!read.ok()) return read.status().WithContext(node.path());
      SLIPWAY_ASSIGN_OR_RETURN(std::string text, Place(*read, node.path()).Text());
      return Text(std::move(text));
    }
    int64_t number = 0;
    const char* const last = json.data() + json.size();
    const auto [end, error] = std::from_chars(json.data(), last, number);
    if (error == std::errc() && end == last) return Value::Int(number);
    if (const auto real = ParseNumber(json)) return Value::Float(*real);
    return node.Error("expected a number, a text, true, false or null");
  }

  Result<Value> ReadBytes(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string_view content, MemberOf(node));
    return document_.MakeText(Kind::kBytes, kNoPlace, content);
  }

  // ---- classes, functions, objects

  Result<Value> ReadName(const Place& node) {
    const auto content = node.Find("content");  // protocol 0
    if (!content) return Class(node);
    SLIPWAY_ASSIGN_OR_RETURN(std::string module, TextAt(*content, "module_path"));
    SLIPWAY_ASSIGN_OR_RETURN(std::string name, TextAt(*content, "function"));
    return Named(std::move(module), std::move(name));
  }

  // An object by its class, what it was made of and its state. skops writes a state or none.
  Result<Value> ReadObject(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(const Value callable, Class(node));
    SLIPWAY_ASSIGN_OR_RETURN(Value args, numpy_.Tuple({}));
    if (const auto reduce = node.Find("__reduce__")) {
      SLIPWAY_ASSIGN_OR_RETURN(const Place given, reduce->At("args"));
      SLIPWAY_ASSIGN_OR_RETURN(args, Read(given));
    }
    Value state;
    if (const auto content = node.Find("content")) {
      SLIPWAY_ASSIGN_OR_RETURN(state, Read(*content));
    }
    return Object(callable, args, state);
  }

  Result<Value> ReadConstructed(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(const Value callable, Class(node));
    SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
    SLIPWAY_ASSIGN_OR_RETURN(const Value args, Read(content));
    return Object(callable, args, Value());
  }

  Result<Value> ReadPartial(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
    std::array<Value, 4> parts;
    constexpr std::array<std::string_view, 4> kParts = {"func", "args", "kwds", "namespace"};
    for (size_t i = 0; i < kParts.size(); ++i) {
      SLIPWAY_ASSIGN_OR_RETURN(const Place part, content.At(kParts[i]));
      SLIPWAY_ASSIGN_OR_RETURN(parts[i], Read(part));
    }
    SLIPWAY_ASSIGN_OR_RETURN(const Value callable, Named("functools", "partial"));
    SLIPWAY_ASSIGN_OR_RETURN(const Value args, numpy_.Tuple({parts[0]}));
    SLIPWAY_ASSIGN_OR_RETURN(const Value state,
                             numpy_.Tuple({parts[0], parts[1], parts[2], parts[3]}));
    return Object(callable, args, state);
  }

  Result<Value> ReadSlice(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
    std::array<Value, 3> parts;
    constexpr std::array<std::string_view, 3> kParts = {"start", "stop", "step"};
    for (size_t i = 0; i < kParts.size(); ++i) {
      const auto part = content.Find(kParts[i]);
      if (!part) continue;
      constexpr int64_t kFar = std::numeric_limits<int32_t>::max();
      if (part->is_text()) {
        SLIPWAY_ASSIGN_OR_RETURN(std::string text, part->Text());
        SLIPWAY_ASSIGN_OR_RETURN(parts[i], Text(std::move(text)));
      } else {
        SLIPWAY_ASSIGN_OR_RETURN(const int64_t number, part->Integer(-kFar, kFar));
        parts[i] = Value::Int(number);
      }
    }
    SLIPWAY_ASSIGN_OR_RETURN(const Value callable, Named("builtins", "slice"));
    SLIPWAY_ASSIGN_OR_RETURN(const Value args, numpy_.Tuple({parts[0], parts[1], parts[2]}));
    return Object(callable, args, Value());
  }

  // What a generator of random numbers would give plays no part in what a model answers.
  Result<Value> ReadNothing(const Place&) { return Value(); }

  // ---- arrays

  Result<std::string_view> MemberOf(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, TextAt(node, "file"));
    const auto [found, is_new] = contents_.try_emplace(name);
    if (is_new) {
      SLIPWAY_ASSIGN_OR_RETURN(found->second, archive_.Read(name, document_));
    }
    return found->second;
  }

  // Arrays that several nodes share are one value.
  Result<Value> ReadArray(const Place& node) {
    SLIPWAY_RETURN_IF_ERROR(IsPlain(node, "numpy", "ndarray").status());
    SLIPWAY_ASSIGN_OR_RETURN(const std::string type, TextAt(node, "type"));
    if (type == "json") return ReadObjectArray(node);
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, TextAt(node, "file"));
    if (const auto found = arrays_.find(name); found != arrays_.end()) return found->second;
    SLIPWAY_ASSIGN_OR_RETURN(const std::string_view content, MemberOf(node));
    auto array = numpy_.Array(content);
    if (!array.ok()) return array.status().WithContext(node.path());
    arrays_[name] = *array;
    return *array;
  }

  // The items of an array of objects, from lists in lists as deep as it has dimensions.
  Status Flatten(const std::vector<Place>& nodes, size_t dimensions, Value& list) {
    for (const Place& node : nodes) {
      if (dimensions > 1) {
        SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
        SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Place> inner, content.Items());
        SLIPWAY_RETURN_IF_ERROR(Flatten(inner, dimensions - 1, list));
        continue;
      }
      SLIPWAY_ASSIGN_OR_RETURN(const Value item, Read(node));
      SLIPWAY_RETURN_IF_ERROR(document_.Charge(1));
      list.node().items.push_back(item);
    }
    return base::OkStatus();
  }

  Result<Value> ReadObjectArray(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place shape_node, node.At("shape"));
    SLIPWAY_ASSIGN_OR_RETURN(const Value shape, Read(shape_node));
    const auto dims = pickle::ReadShape(shape);
    if (!dims.ok()) return dims.status().WithContext(node.path());
    if (dims->empty()) return node.Error("an array of one object without dimensions");
    SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
    SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Place> nodes, content.Items());
    SLIPWAY_ASSIGN_OR_RETURN(Value list, document_.Make(Kind::kList, kNoPlace));
    SLIPWAY_RETURN_IF_ERROR(Flatten(nodes, dims->size(), list));
    return numpy_.ObjectArray(shape, list);
  }

  Result<Value> ReadMaskedArray(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place content, ContentOf(node));
    SLIPWAY_ASSIGN_OR_RETURN(const Place data, content.At("data"));
    return Read(data);
  }

  Result<Value> ReadDType(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(const Place array, ContentOf(node));
    SLIPWAY_ASSIGN_OR_RETURN(const std::string_view content, MemberOf(array));
    auto dtype = numpy_.DType(content);
    return dtype.ok() ? dtype : dtype.status().WithContext(node.path());
  }

  // An archive of arrays within the archive, whose members become attributes.
  Result<Value> ReadSparse(const Place& node) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string_view content, MemberOf(node));
    SLIPWAY_ASSIGN_OR_RETURN(const Value callable, Class(node));
    auto inner = Archive::Open(std::as_bytes(std::span(content)), limits_);
    if (!inner.ok()) return inner.status().WithContext(node.path());
    SLIPWAY_ASSIGN_OR_RETURN(const Value state, document_.Make(Kind::kDict, kNoPlace));
    for (const std::string_view part : {"shape", "data", "indices", "indptr", "offsets"}) {
      const std::string member = StrCat(part, ".npy");
      if (!inner->Has(member)) continue;
      SLIPWAY_ASSIGN_OR_RETURN(const std::string_view npy, inner->Read(member, document_));
      SLIPWAY_ASSIGN_OR_RETURN(Value array, numpy_.Array(npy));
      if (part == "shape") {
        SLIPWAY_ASSIGN_OR_RETURN(array, ShapeOf(array));
      }
      SLIPWAY_ASSIGN_OR_RETURN(const Value key,
                               Text(std::string(part == "shape" ? "_shape" : part)));
      SLIPWAY_RETURN_IF_ERROR(document_.Charge(2));
      state.node().items.push_back(key);
      state.node().items.push_back(array);
    }
    SLIPWAY_ASSIGN_OR_RETURN(const Value args, numpy_.Tuple({}));
    return Object(callable, args, state);
  }

  // An array of two integers as the tuple that a pickle has.
  Result<Value> ShapeOf(const Value& array) {
    SLIPWAY_ASSIGN_OR_RETURN(const pickle::Array read, pickle::ReadArray(array));
    if (read.count != 2) return InvalidArgument("a sparse matrix without two dimensions");
    SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> dims, pickle::ToIntegers(read));
    return numpy_.Tuple({Value::Int(dims[0]), Value::Int(dims[1])});
  }

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

const SchemaReader::Loader SchemaReader::kLoaders[] = {
    {"BytearrayNode", &SchemaReader::ReadBytes},
    {"BytesNode", &SchemaReader::ReadBytes},
    {"CachedNode", &SchemaReader::ReadCached},
    {"ConstructorFromReduceNode", &SchemaReader::ReadConstructed},
    {"DTypeNode", &SchemaReader::ReadDType},
    {"DefaultDictNode", &SchemaReader::ReadDefaultDict},
    {"DictNode", &SchemaReader::ReadDict},
    {"FunctionNode", &SchemaReader::ReadName},
    {"JsonNode", &SchemaReader::ReadJsonNode},
    {"ListNode", &SchemaReader::ReadList},
    {"LossNode", &SchemaReader::ReadObject},
    {"MaskedArrayNode", &SchemaReader::ReadMaskedArray},
    {"NdArrayNode", &SchemaReader::ReadArray},
    {"ObjectNode", &SchemaReader::ReadObject},
    {"PartialNode", &SchemaReader::ReadPartial},
    {"RandomGeneratorNode", &SchemaReader::ReadNothing},
    {"RandomStateNode", &SchemaReader::ReadNothing},
    {"SetNode", &SchemaReader::ReadSet},
    {"SliceNode", &SchemaReader::ReadSlice},
    {"SparseMatrixNode", &SchemaReader::ReadSparse},
    {"TreeNode", &SchemaReader::ReadObject},
    {"TupleNode", &SchemaReader::ReadTuple},
    {"TypeNode", &SchemaReader::ReadName},
};

Result<Value> SchemaReader::Read(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string loader, TextAt(node, "__loader__"));
  for (const Loader& known : kLoaders) {
    if (known.name != loader) continue;
    SLIPWAY_ASSIGN_OR_RETURN(const Value value, (this->*known.read)(node));
    if (has_references_ && loader != "CachedNode") SLIPWAY_RETURN_IF_ERROR(Note(node, value));
    return value;
  }
  return base::Unimplemented(
      StrCat(node.path(), ": nodes of kind '", base::Printable(loader), "' are not supported"));
}

}  // namespace

Result<Value> ReadSchema(std::string_view schema, const Archive& archive,
                         const ImportLimits& limits, pickle::Document& document) {
  auto json = ReadJson(schema, limits);
  if (!json.ok()) return json.status().WithContext("schema.json");
  const Place root(*json, "schema.json");
  constexpr int64_t kProtocol = 2;
  if (const auto protocol = root.Find("protocol")) {
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t number, protocol->Integer(0, 1'000'000));
    if (number > kProtocol) {
      return base::Unimplemented(
          StrCat("skops: protocol ", number, "; ", kProtocol, " is the last one that is known"));
    }
  }
  const bool has_references = schema.find("\"CachedNode\"") != std::string_view::npos;
  return SchemaReader(archive, limits, has_references, document).Read(root);
}

}  // namespace slipway::import::skops
