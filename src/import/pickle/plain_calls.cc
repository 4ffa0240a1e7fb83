#include "import/pickle/plain_calls.h"

#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "base/str_cat.h"
#include "import/pickle/literals.h"

namespace slipway::import::pickle {
namespace {

using base::Result;
using base::StrCat;
using Kind = Value::Kind;

struct Call {
  Document& document;
  uint64_t place;
  std::string_view name;
  std::span<const Value> args;

  base::Status Refuse(std::string_view why) const {
    return base::InvalidArgument(StrCat("pickle, byte ", place, ": ", name, ": ", why));
  }
  bool ArgIs(size_t index, Kind kind) const { return index < args.size() && args[index].Is(kind); }
};

bool IsLatin1(std::string_view encoding) {
  return encoding == "latin1" || encoding == "latin-1" || encoding == "iso-8859-1";
}

// bytes(), bytes(b"..."), and a text with "latin1".
Result<Value> MakeBytes(const Call& call) {
  if (call.args.empty()) return call.document.MakeText(Kind::kBytes, call.place, {});
  if (call.args.size() == 1 && call.ArgIs(0, Kind::kBytes)) {
    return call.document.MakeText(Kind::kBytes, call.place, call.args[0].node().text);
  }
  if (!call.ArgIs(0, Kind::kText) || !call.ArgIs(1, Kind::kText) ||
      !IsLatin1(call.args[1].node().text)) {
    return call.Refuse("expected a text and 'latin1', as pickle writes bytes");
  }
  auto bytes = EncodeLatin1(call.args[0].node().text);
  if (!bytes) return call.Refuse("bytes with a character beyond U+00FF");
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view kept, call.document.Keep(*std::move(bytes)));
  return call.document.MakeText(Kind::kBytes, call.place, kept);
}

Result<Value> MakeSet(const Call& call) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value set, call.document.Make(Kind::kSet, call.place));
  if (call.args.empty()) return set;
  if (call.args.size() != 1 || (!call.ArgIs(0, Kind::kList) && !call.ArgIs(0, Kind::kTuple))) {
    return call.Refuse("expected one list");
  }
  SLIPWAY_RETURN_IF_ERROR(call.document.Charge(call.args[0].node().items.size()));
  set.node().items = call.args[0].node().items;
  return set;
}

Result<Value> MakeDict(const Call& call) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value dict, call.document.Make(Kind::kDict, call.place));
  if (call.args.empty()) return dict;
  if (call.args.size() != 1 || !call.ArgIs(0, Kind::kList)) {
    return call.Refuse("expected one list of pairs");
  }
  for (const Value& pair : call.args[0].node().items) {
    const bool good = pair.Is(Kind::kTuple) || pair.Is(Kind::kList);
    if (!good || pair.node().items.size() != 2) return call.Refuse("expected pairs");
    SLIPWAY_RETURN_IF_ERROR(call.document.Charge(2));
    dict.node().items.push_back(pair.node().items[0]);
    dict.node().items.push_back(pair.node().items[1]);
  }
  return dict;
}

// _reconstructor(class, base, state of the base); a tuple is what the class was called with.
Result<Value> Reconstruct(const Call& call) {
  if (call.args.size() != 3 || !call.ArgIs(0, Kind::kGlobal)) {
    return call.Refuse("expected a class, its base and a state");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value object, call.document.Make(Kind::kObject, call.place));
  object.node().callable = call.args[0];
  const bool is_dict = call.ArgIs(2, Kind::kDict);
  if (is_dict || call.ArgIs(2, Kind::kList)) {
    SLIPWAY_RETURN_IF_ERROR(call.document.Charge(call.args[2].node().items.size()));
    object.node().items = call.args[2].node().items;
    object.node().pairs = is_dict;
  }
  if (call.ArgIs(2, Kind::kTuple)) object.node().args = call.args[2];
  return object;
}

struct PlainCall {
  std::string_view module;
  std::string_view name;
  Result<Value> (*make)(const Call&);
};

constexpr std::array<PlainCall, 7> kPlainCalls = {{
    {"_codecs", "encode", MakeBytes},
    {"builtins", "bytes", MakeBytes},
    {"builtins", "bytearray", MakeBytes},
    {"builtins", "set", MakeSet},
    {"builtins", "frozenset", MakeSet},
    {"collections", "OrderedDict", MakeDict},
    {"copyreg", "_reconstructor", Reconstruct},
}};

}  // namespace

Result<std::optional<Value>> CallPlainly(Document& document, uint64_t place, const Value& callable,
                                         const Value& args) {
  for (const PlainCall& plain : kPlainCalls) {
    if (!IsGlobal(callable, plain.module, plain.name)) continue;
    SLIPWAY_ASSIGN_OR_RETURN(
        const Value made, plain.make({document, place, plain.name, std::span(args.node().items)}));
    return std::optional(made);
  }
  return std::optional<Value>();
}

}  // namespace slipway::import::pickle
