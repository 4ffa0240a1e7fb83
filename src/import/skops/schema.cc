#include "import/skops/schema.h"

#include <optional>
#include <string>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/skops/schema_reader.h"

namespace slipway::import::skops {

using base::Result;
using base::Status;
using base::StrCat;
using pickle::kNoPlace;
using pickle::Value;
using Kind = pickle::Value::Kind;

Result<std::string> SchemaReader::TextAt(const Place& node, std::string_view name) {
  SLIPWAY_ASSIGN_OR_RETURN(const Place at, node.At(name));
  return at.Text();
}

Result<Value> SchemaReader::Text(std::string text) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view kept, document_.Keep(std::move(text)));
  return document_.MakeText(Kind::kText, kNoPlace, kept);
}

Result<Value> SchemaReader::Named(std::string module, std::string name) {
  const auto [found, is_new] = globals_.try_emplace({module, name});
  if (is_new) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::string_view kept, document_.Keep(std::move(module)));
    SLIPWAY_ASSIGN_OR_RETURN(const std::string_view kept_name, document_.Keep(std::move(name)));
    SLIPWAY_ASSIGN_OR_RETURN(found->second, document_.MakeGlobal(kNoPlace, kept, kept_name));
  }
  return found->second;
}

Result<Value> SchemaReader::Class(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(std::string module, TextAt(node, "__module__"));
  SLIPWAY_ASSIGN_OR_RETURN(std::string name, TextAt(node, "__class__"));
  return Named(std::move(module), std::move(name));
}

Result<bool> SchemaReader::IsPlain(const Place& node, std::string_view module,
                                   std::string_view name) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string own_module, TextAt(node, "__module__"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::string own_name, TextAt(node, "__class__"));
  if (own_module == module && own_name == name) return true;
  SLIPWAY_RETURN_IF_ERROR(Class(node).status());
  return false;
}

Result<std::optional<double>> SchemaReader::IdOf(const Place& node) {
  const auto id = node.Find("__id__");
  if (!id) return std::optional<double>();
  SLIPWAY_ASSIGN_OR_RETURN(const double number, id->Number());
  return std::optional(number);
}

Status SchemaReader::Note(const Place& node, const Value& value) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto id, IdOf(node));
  if (id) by_id_[*id] = value;
  return base::OkStatus();
}

Result<Value> SchemaReader::ReadCached(const Place& node) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto id, IdOf(node));
  const auto found = id ? by_id_.find(*id) : by_id_.end();
  if (found == by_id_.end()) return node.Error("refers to a node that does not come before it");
  return found->second;
}

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
