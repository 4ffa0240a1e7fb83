#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace slipway::import::pickle {

struct Node;

// What a pickle describes, as plain data. Nothing in it was ever looked up, made or called: a class
// is its two names, an object is its class with the data that would have gone into it.
//
// A value of 16 bytes: numbers are held here, everything else is a Node of the Document that it
// came from, which must outlive it. Nodes may be shared and may form cycles, as in Python: whoever
// walks them keeps a set of those visited, or a limit.
class Value {
 public:
  enum class Kind : uint8_t {
    kNone,
    kBool,
    kInt,
    kFloat,
    kBigInt,  // does not fit 64 bits: node().text is its two's complement, little-endian
    kText,
    kBytes,
    kList,
    kTuple,
    kDict,
    kSet,
    kGlobal,
    kObject,
  };

  Value() = default;
  static Value Bool(bool value) {
    Value out(Kind::kBool);
    out.content_.integer = value ? 1 : 0;
    return out;
  }
  static Value Int(int64_t value) {
    Value out(Kind::kInt);
    out.content_.integer = value;
    return out;
  }
  static Value Float(double value) {
    Value out(Kind::kFloat);
    out.content_.real = value;
    return out;
  }
  // `node` is of a kind that has one.
  static Value Of(Kind kind, Node& node) {
    Value out(kind);
    out.content_.node = &node;
    return out;
  }

  Kind kind() const { return kind_; }
  bool Is(Kind kind) const { return kind_ == kind; }
  bool has_node() const { return kind_ >= Kind::kBigInt; }

  // Each only for its kind; integer() also for kBool.
  bool boolean() const { return content_.integer != 0; }
  int64_t integer() const { return content_.integer; }
  double real() const { return content_.real; }
  Node& node() const { return *content_.node; }

 private:
  explicit Value(Kind kind) : kind_(kind) {}

  union Content {
    int64_t integer = 0;
    double real;
    Node* node;
  };

  Kind kind_ = Kind::kNone;
  Content content_;
};

// "a tuple", for messages.
std::string_view KindName(Value::Kind kind);

// The place of nodes that no one opcode made: they come from another format.
inline constexpr uint64_t kNoPlace = UINT64_MAX;

// What a Value of kBigInt and above refers to.
struct Node {
  uint64_t place = 0;        // of the opcode that made it, in bytes from the start; or kNoPlace
  std::string_view text;     // kText (UTF-8, not checked), kBytes, kBigInt; kGlobal: the module
  std::string_view name;     // kGlobal: the name in the module
  std::vector<Value> items;  // of a list, tuple or set; of a dict: key, value, key, value, ...

  // kObject: what would have been called with what, and the state that BUILD gave it. Items that
  // were appended or set are in `items`, as pairs when `pairs` is true.
  Value callable;
  Value args;
  Value state;
  bool pairs = false;

  // kObject of joblib's array wrapper: `text` is the raw data of the array, or, for an array of
  // objects, `items` is the one value of the pickle that stood in its place.
  bool has_payload = false;
};

// Whether `value` is the class or function of that name. Modules that were renamed are one:
// numpy.core is numpy._core, __builtin__ is builtins, copy_reg is copyreg.
bool IsGlobal(const Value& value, std::string_view module, std::string_view name);
// Whether `value` is an object that was made by calling it.
bool IsCallOf(const Value& value, std::string_view module, std::string_view name);

// The last value for a text key of a dict, or of the items of a dict-like object; nullptr when
// there is none. Looks at every key.
const Value* FindKey(const std::vector<Value>& pairs, std::string_view key);

}  // namespace slipway::import::pickle
