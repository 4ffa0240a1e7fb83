#include "import/skops/npy_value.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pickle/array.h"
#include "import/pickle/literals.h"
#include "import/skops/skops_document.h"

namespace slipway::import::skops {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using pickle::Document;
using pickle::Value;
using Kind = pickle::Value::Kind;

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxHeaderBytes = 64 * 1024;
constexpr int kMaxDepth = 8;

// The dictionary in front of an array: a literal of Python of texts, integers, True and False in
// dicts, tuples and lists.
class Literal {
 public:
  Literal(Document& document, std::string_view text) : document_(document), text_(text) {}

  Result<Value> Read() { return ReadValue(0); }

 private:
  Status Damaged(std::string_view what) const {
    return InvalidArgument(StrCat("NPY: header: ", what));
  }
  void SkipSpaces() {
    const size_t next = text_.find_first_not_of(" \t\n");
    text_.remove_prefix(std::min(next, text_.size()));
  }
  bool Eat(char c) {
    SkipSpaces();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool EatWord(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  Result<Value> ReadValue(int depth) {
    if (depth > kMaxDepth) return Damaged("nested too deeply");
    SkipSpaces();
    if (text_.empty()) return Damaged("is cut off");
    if (Eat('{')) return ReadItems(Kind::kDict, '}', depth);
    if (Eat('(')) return ReadItems(Kind::kTuple, ')', depth);
    if (Eat('[')) return ReadItems(Kind::kList, ']', depth);
    if (text_.front() == '\'' || text_.front() == '"') return ReadText();
    if (EatWord("True")) return Value::Bool(true);
    if (EatWord("False")) return Value::Bool(false);
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), number);
    if (error != std::errc()) return Damaged("something that is no plain value");
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    EatWord("L");
    return Value::Int(number);
  }

  // The items of a container, up to `last`; of a dict, keys and values.
  Result<Value> ReadItems(Kind kind, char last, int depth) {
    SLIPWAY_ASSIGN_OR_RETURN(const Value value, document_.Make(kind, kNoPlace));
    while (!Eat(last)) {
      SLIPWAY_ASSIGN_OR_RETURN(const Value item, ReadValue(depth + 1));
      SLIPWAY_RETURN_IF_ERROR(document_.Charge(1));
      value.node().items.push_back(item);
      const bool key = kind == Kind::kDict && value.node().items.size() % 2 == 1;
      if (key && !Eat(':')) return Damaged("expected ':'");
      if (!key && !Eat(',')) {
        if (Eat(last)) break;
        return Damaged("expected ','");
      }
    }
    if (kind == Kind::kDict && value.node().items.size() % 2 == 1) return Damaged("a lone key");
    return value;
  }

  Result<Value> ReadText() {
    size_t end = 1;
    while (end < text_.size() && text_[end] != text_.front()) end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) return Damaged("a text is cut off");
    auto decoded = pickle::DecodeQuoted(text_.substr(0, end + 1));
    if (!decoded) return Damaged("a text with an escape that is not known");
    text_.remove_prefix(end + 1);
    SLIPWAY_ASSIGN_OR_RETURN(const std::string_view kept, document_.Keep(*std::move(decoded)));
    return document_.MakeText(Kind::kText, kNoPlace, kept);
  }

  Document& document_;
  std::string_view text_;
};

// The header's text, and what follows it.
Result<std::pair<std::string_view, std::string_view>> Split(std::string_view file) {
  if (!file.starts_with(kMagic) || file.size() < kMagic.size() + 4) {
    return InvalidArgument("NPY: not an array in NumPy's format");
  }
  const char version = file[kMagic.size()];
  file.remove_prefix(kMagic.size() + 2);
  uint32_t bytes = 0;
  const size_t width = version == 1 ? 2 : 4;
  if (version < 1 || version > 3 || file.size() < width) {
    return InvalidArgument("NPY: expected version 1, 2 or 3");
  }
  std::memcpy(&bytes, file.data(), width);
  file.remove_prefix(width);
  if (bytes > file.size() || bytes > kMaxHeaderBytes) {
    return InvalidArgument(StrCat("NPY: a header of ", bytes, " bytes: cut off, or too long"));
  }
  return std::pair(file.substr(0, bytes), file.substr(bytes));
}

}  // namespace

Result<Value> NumpyValues::Text(std::string_view text) {
  return document_.MakeText(Kind::kText, kNoPlace, text);
}

Result<Value> NumpyValues::Tuple(std::initializer_list<Value> items) {
  SLIPWAY_RETURN_IF_ERROR(document_.Charge(items.size()));
  SLIPWAY_ASSIGN_OR_RETURN(const Value tuple, document_.Make(Kind::kTuple, kNoPlace));
  tuple.node().items = items;
  return tuple;
}

Result<Value> NumpyValues::Call(Value& callable, std::string_view module, std::string_view name,
                                const Value& args) {
  if (!callable.has_node()) {
    SLIPWAY_ASSIGN_OR_RETURN(callable, document_.MakeGlobal(kNoPlace, module, name));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Value object, document_.Make(Kind::kObject, kNoPlace));
  object.node().callable = callable;
  object.node().args = args;
  return object;
}

// dtype("V64") with the state (3, "|", None, names, fields, size, alignment, flags).
Result<Value> NumpyValues::MakeRecords(const Value& fields) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value table, document_.Make(Kind::kDict, kNoPlace));
  uint64_t offset = 0;
  for (const Value& field : fields.node().items) {
    const bool known = field.Is(Kind::kTuple) && field.node().items.size() == 2 &&
                       field.node().items[1].Is(Kind::kText);
    if (!known) return base::Unimplemented("NPY: arrays or records within records");
    SLIPWAY_ASSIGN_OR_RETURN(const Value dtype, MakeDType(field.node().items[1]));
    SLIPWAY_ASSIGN_OR_RETURN(const pickle::ArrayType type, pickle::ReadArrayType(dtype));
    const Value& name = field.node().items[0];
    // Gaps between fields are fields without a name.
    if (name.Is(Kind::kText) && !name.node().text.empty()) {
      SLIPWAY_ASSIGN_OR_RETURN(const Value place,
                               Tuple({dtype, Value::Int(static_cast<int64_t>(offset))}));
      SLIPWAY_RETURN_IF_ERROR(document_.Charge(2));
      table.node().items.push_back(name);
      table.node().items.push_back(place);
    }
    offset += type.item_bytes;
  }
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view kept, document_.Keep(StrCat("V", offset)));
  SLIPWAY_ASSIGN_OR_RETURN(const Value name, Text(kept));
  SLIPWAY_ASSIGN_OR_RETURN(const Value args, Tuple({name}));
  SLIPWAY_ASSIGN_OR_RETURN(const Value dtype, Call(dtype_, "numpy", "dtype", args));
  SLIPWAY_ASSIGN_OR_RETURN(const Value order, Text("|"));
  SLIPWAY_ASSIGN_OR_RETURN(dtype.node().state,
                           Tuple({Value::Int(3), order, Value(), Value(), table}));
  return dtype;
}

Result<Value> NumpyValues::MakeDType(const Value& description) {
  if (description.Is(Kind::kList)) return MakeRecords(description);
  if (!description.Is(Kind::kText)) return InvalidArgument("NPY: expected the name of a type");
  SLIPWAY_ASSIGN_OR_RETURN(const Value args, Tuple({description}));
  return Call(dtype_, "numpy", "dtype", args);
}

Result<NumpyValues::Header> NumpyValues::ReadHeader(std::string_view file) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto parts, Split(file));
  SLIPWAY_ASSIGN_OR_RETURN(const Value dict, Literal(document_, parts.first).Read());
  if (!dict.Is(Kind::kDict)) return InvalidArgument("NPY: header: expected a dict");
  const Value* description = pickle::FindKey(dict.node().items, "descr");
  const Value* order = pickle::FindKey(dict.node().items, "fortran_order");
  const Value* shape = pickle::FindKey(dict.node().items, "shape");
  const bool whole = description != nullptr && order != nullptr && order->Is(Kind::kBool) &&
                     shape != nullptr && shape->Is(Kind::kTuple);
  if (!whole) return InvalidArgument("NPY: header: expected descr, fortran_order and shape");
  Header header{
      .dtype = {}, .shape = *shape, .fortran_order = order->boolean(), .data = parts.second};
  SLIPWAY_ASSIGN_OR_RETURN(header.dtype, MakeDType(*description));
  SLIPWAY_ASSIGN_OR_RETURN(const pickle::ArrayType type, pickle::ReadArrayType(header.dtype));
  if (type.kind == 'O') return InvalidArgument("NPY: objects, which would be a pickle: refused");
  return header;
}

Result<Value> NumpyValues::DType(std::string_view file) {
  SLIPWAY_ASSIGN_OR_RETURN(const Header header, ReadHeader(file));
  return header.dtype;
}

// _frombuffer(data, dtype, shape, "C" or "F")
Result<Value> NumpyValues::Array(std::string_view file) {
  SLIPWAY_ASSIGN_OR_RETURN(const Header header, ReadHeader(file));
  SLIPWAY_ASSIGN_OR_RETURN(const Value data,
                           document_.MakeText(Kind::kBytes, kNoPlace, header.data));
  SLIPWAY_ASSIGN_OR_RETURN(const Value order, Text(header.fortran_order ? "F" : "C"));
  SLIPWAY_ASSIGN_OR_RETURN(const Value args, Tuple({data, header.dtype, header.shape, order}));
  return Call(from_buffer_, "numpy._core.numeric", "_frombuffer", args);
}

// _reconstruct(ndarray, (0,), b"b") with the state (1, shape, dtype, False, list).
Result<Value> NumpyValues::ObjectArray(const Value& shape, const Value& list) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value name, Text("O8"));
  SLIPWAY_ASSIGN_OR_RETURN(const Value dtype, MakeDType(name));
  SLIPWAY_ASSIGN_OR_RETURN(const Value args, Tuple({}));
  SLIPWAY_ASSIGN_OR_RETURN(const Value array,
                           Call(reconstruct_, "numpy._core.multiarray", "_reconstruct", args));
  SLIPWAY_ASSIGN_OR_RETURN(array.node().state,
                           Tuple({Value::Int(1), shape, dtype, Value::Bool(false), list}));
  return array;
}

}  // namespace slipway::import::skops
