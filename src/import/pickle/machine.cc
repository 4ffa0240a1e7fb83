#include "import/pickle/machine.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"
#include "import/pickle/literals.h"
#include "import/pickle/payload.h"
#include "import/pickle/plain_calls.h"

namespace slipway::import::pickle {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

static_assert(std::endian::native == std::endian::little, "pickle's numbers are little-endian");

namespace {

constexpr uint8_t kStop = '.';
constexpr uint8_t kHighestProtocol = 5;

}  // namespace

// What each opcode does.
struct Opcodes {
  using Effect = Status (Machine::*)();
  using Kind = Value::Kind;

  static constexpr std::array<Effect, 256> Table() {
    std::array<Effect, 256> table = {};
    const auto set = [&](int opcode, Effect effect) {
      table[static_cast<size_t>(opcode)] = effect;
    };
    set(0x80, &Machine::RunProto);
    set(0x95, &Machine::RunFrame);
    set('(', &Machine::RunMark);
    set('0', &Machine::RunPop);
    set('1', &Machine::RunPopMark);
    set('2', &Machine::RunDup);
    set('N', &Machine::RunNone);
    set(0x88, &Machine::RunTrue);
    set(0x89, &Machine::RunFalse);
    set('I', &Machine::RunIntLine);
    set('L', &Machine::RunLongLine);
    set('F', &Machine::RunFloatLine);
    set('K', &Machine::RunInt<uint8_t>);
    set('M', &Machine::RunInt<uint16_t>);
    set('J', &Machine::RunInt<int32_t>);
    set(0x8a, &Machine::RunLong<uint8_t>);
    set(0x8b, &Machine::RunLong<uint32_t>);
    set('G', &Machine::RunFloat);
    set('V', &Machine::RunTextLine);
    set('S', &Machine::RunQuotedLine);
    set('X', &Machine::RunText<uint32_t, Kind::kText>);
    set('U', &Machine::RunText<uint8_t, Kind::kText>);
    set('T', &Machine::RunText<uint32_t, Kind::kText>);
    set(0x8c, &Machine::RunText<uint8_t, Kind::kText>);
    set(0x8d, &Machine::RunText<uint64_t, Kind::kText>);
    set('B', &Machine::RunText<uint32_t, Kind::kBytes>);
    set('C', &Machine::RunText<uint8_t, Kind::kBytes>);
    set(0x8e, &Machine::RunText<uint64_t, Kind::kBytes>);
    set(0x96, &Machine::RunText<uint64_t, Kind::kBytes>);
    set(']', &Machine::RunEmptyList);
    set('}', &Machine::RunEmptyDict);
    set(')', &Machine::RunEmptyTuple);
    set(0x8f, &Machine::RunEmptySet);
    set('l', &Machine::RunList);
    set('d', &Machine::RunDict);
    set('t', &Machine::RunTuple);
    set(0x85, &Machine::RunShortTuple<1>);
    set(0x86, &Machine::RunShortTuple<2>);
    set(0x87, &Machine::RunShortTuple<3>);
    set(0x91, &Machine::RunFrozenSet);
    set('a', &Machine::RunAppend);
    set('e', &Machine::RunAppends);
    set(0x90, &Machine::RunAddItems);
    set('s', &Machine::RunSetItem);
    set('u', &Machine::RunSetItems);
    set('p', &Machine::RunPutLine);
    set('q', &Machine::RunPut<uint8_t>);
    set('r', &Machine::RunPut<uint32_t>);
    set(0x94, &Machine::RunMemoize);
    set('g', &Machine::RunGetLine);
    set('h', &Machine::RunGet<uint8_t>);
    set('j', &Machine::RunGet<uint32_t>);
    set('c', &Machine::RunGlobalLine);
    set(0x93, &Machine::RunStackGlobal);
    set('R', &Machine::RunReduce);
    set(0x81, &Machine::RunReduce);  // NEWOBJ: a class and the arguments of its __new__
    set(0x92, &Machine::RunNewObjectEx);
    set('o', &Machine::RunObj);
    set('i', &Machine::RunInst);
    set('b', &Machine::RunBuild);
    set('P', &Machine::RunPersistent);
    set('Q', &Machine::RunPersistent);
    set(0x82, &Machine::RunExtension);
    set(0x83, &Machine::RunExtension);
    set(0x84, &Machine::RunExtension);
    set(0x97, &Machine::RunBuffer);
    set(0x98, &Machine::RunBuffer);
    return table;
  }
};

Result<Value> Machine::Run() {
  while (true) {
    opcode_place_ = position_;
    SLIPWAY_ASSIGN_OR_RETURN(const uint8_t opcode, TakeNumber<uint8_t>());
    if (opcode == kStop) break;
    SLIPWAY_RETURN_IF_ERROR(RunOpcode(opcode));
  }
  if (stack_.size() != 1 || !marks_.empty()) {
    return Damaged(StrCat("ends with ", stack_.size(), " values on the stack, expected 1"));
  }
  return stack_.front();
}

Status Machine::RunOpcode(uint8_t opcode) {
  static constexpr std::array<Opcodes::Effect, 256> kTable = Opcodes::Table();
  const Opcodes::Effect effect = kTable[opcode];
  if (effect == nullptr) return Damaged(StrCat("no pickle: opcode ", opcode, " does not exist"));
  return (this->*effect)();
}

Status Machine::Damaged(std::string_view what) const {
  return base::InvalidArgument(StrCat("pickle, byte ", opcode_place_, ": ", what));
}

// ---- arguments

Result<std::string_view> Machine::Take(uint64_t count) {
  const uint64_t left = stream_.size() - position_;
  if (count > left) {
    return Damaged(StrCat("the file is cut off: ", count, " bytes expected, ", left, " left"));
  }
  const std::string_view taken = stream_.substr(position_, count);
  position_ += count;
  return taken;
}

Result<std::string_view> Machine::TakeLine() {
  const size_t end = stream_.find('\n', position_);
  if (end == std::string_view::npos) return Damaged("the file is cut off within a line");
  std::string_view line = stream_.substr(position_, end - position_);
  position_ = end + 1;
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

template <typename T>
Result<T> Machine::TakeNumber() {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view bytes, Take(sizeof(T)));
  T value{};
  std::memcpy(&value, bytes.data(), bytes.size());
  return value;
}

// ---- the stack

Status Machine::Push(const Value& value) {
  SLIPWAY_RETURN_IF_ERROR(document_.Charge(1));
  stack_.push_back(value);
  return OkStatus();
}

Status Machine::PushNode(Kind kind) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value value, document_.Make(kind, opcode_place_));
  return Push(value);
}

Result<Value> Machine::Pop() {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= floor) return Damaged("takes a value from an empty stack");
  const Value value = stack_.back();
  stack_.pop_back();
  return value;
}

Result<std::vector<Value>> Machine::PopToMark() {
  if (marks_.empty()) return Damaged("expected a mark on the stack");
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Value> values(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return values;
}

Result<Value*> Machine::Top() {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= floor) return Damaged("expected a value on the stack");
  return &stack_.back();
}

// ---- opcodes that frame, mark and move

Status Machine::RunProto() {
  SLIPWAY_ASSIGN_OR_RETURN(const uint8_t protocol, TakeNumber<uint8_t>());
  if (protocol <= kHighestProtocol) return OkStatus();
  return Damaged(StrCat("protocol ", protocol, " is not known, the highest is 5"));
}

// Frames group bytes for reading; what they say about lengths is not needed, nor trusted.
Status Machine::RunFrame() {
  SLIPWAY_ASSIGN_OR_RETURN(const uint64_t length, TakeNumber<uint64_t>());
  if (length <= stream_.size() - position_) return OkStatus();
  return Damaged(StrCat("the file is cut off: a frame of ", length, " bytes, ",
                        stream_.size() - position_, " left"));
}

Status Machine::RunMark() {
  SLIPWAY_RETURN_IF_ERROR(document_.Charge(1));
  marks_.push_back(stack_.size());
  return OkStatus();
}

Status Machine::RunPop() {
  if (!marks_.empty() && stack_.size() == marks_.back()) {
    marks_.pop_back();
    return OkStatus();
  }
  return Pop().status();
}

Status Machine::RunPopMark() { return PopToMark().status(); }

Status Machine::RunDup() {
  SLIPWAY_ASSIGN_OR_RETURN(const Value* top, Top());
  const Value value = *top;
  return Push(value);
}

// ---- numbers

Status Machine::RunNone() { return Push(Value()); }
Status Machine::RunTrue() { return Push(Value::Bool(true)); }
Status Machine::RunFalse() { return Push(Value::Bool(false)); }

Status Machine::RunIntLine() {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view line, TakeLine());
  if (line == "00" || line == "01") return Push(Value::Bool(line == "01"));
  int64_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc() || end != line.data() + line.size()) {
    return Damaged(StrCat("'", base::Printable(line), "' is no integer of 64 bits"));
  }
  return Push(Value::Int(value));
}

Status Machine::RunLongLine() {
  SLIPWAY_ASSIGN_OR_RETURN(std::string_view line, TakeLine());
  if (line.ends_with('L')) line.remove_suffix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  const bool whole = end == line.data() + line.size();
  if (error == std::errc() && whole) return Push(Value::Int(value));
  if (error != std::errc::result_out_of_range || !whole) {
    return Damaged(StrCat("'", base::Printable(line), "' is no integer"));
  }
  return PushNode(Kind::kBigInt);  // seeds of random generators: nobody asks for the value
}

Status Machine::RunFloatLine() {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view line, TakeLine());
  const auto value = ParseFloat(line);
  if (!value) return Damaged(StrCat("'", base::Printable(line), "' is no number"));
  return Push(Value::Float(*value));
}

template <typename T>
Status Machine::RunInt() {
  SLIPWAY_ASSIGN_OR_RETURN(const T value, TakeNumber<T>());
  return Push(Value::Int(value));
}

template <typename Length>
Status Machine::RunLong() {
  SLIPWAY_ASSIGN_OR_RETURN(const Length length, TakeNumber<Length>());
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view bytes, Take(length));
  return PushLong(bytes);
}

Status Machine::PushLong(std::string_view bytes) {
  if (bytes.size() > sizeof(int64_t)) {
    SLIPWAY_ASSIGN_OR_RETURN(const Value value,
                             document_.MakeText(Kind::kBigInt, opcode_place_, bytes));
    return Push(value);
  }
  const bool negative = !bytes.empty() && (static_cast<uint8_t>(bytes.back()) & 0x80) != 0;
  int64_t value = negative ? -1 : 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  return Push(Value::Int(value));
}

Status Machine::RunFloat() {
  SLIPWAY_ASSIGN_OR_RETURN(const auto bits, TakeNumber<uint64_t>());
  return Push(Value::Float(std::bit_cast<double>(__builtin_bswap64(bits))));
}

// ---- texts

template <typename Length, Value::Kind TextKind>
Status Machine::RunText() {
  SLIPWAY_ASSIGN_OR_RETURN(const Length length, TakeNumber<Length>());
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view text, Take(length));
  SLIPWAY_ASSIGN_OR_RETURN(const Value value, document_.MakeText(TextKind, opcode_place_, text));
  return Push(value);
}

Status Machine::RunTextLine() {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view line, TakeLine());
  auto decoded = DecodeRawUnicodeEscape(line);
  if (!decoded) return Damaged("a text with a broken escape");
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view kept, document_.Keep(*std::move(decoded)));
  SLIPWAY_ASSIGN_OR_RETURN(const Value value, document_.MakeText(Kind::kText, opcode_place_, kept));
  return Push(value);
}

Status Machine::RunQuotedLine() {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view line, TakeLine());
  auto decoded = DecodeQuoted(line);
  if (!decoded) return Damaged("a quoted text that does not end, or with a broken escape");
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view kept, document_.Keep(*std::move(decoded)));
  SLIPWAY_ASSIGN_OR_RETURN(const Value value, document_.MakeText(Kind::kText, opcode_place_, kept));
  return Push(value);
}

// ---- containers

Status Machine::RunEmptyList() { return PushNode(Kind::kList); }
Status Machine::RunEmptyDict() { return PushNode(Kind::kDict); }
Status Machine::RunEmptySet() { return PushNode(Kind::kSet); }
Status Machine::RunEmptyTuple() { return PushNode(Kind::kTuple); }

Status Machine::MakeTuple(std::vector<Value> items) {
  SLIPWAY_RETURN_IF_ERROR(PushNode(Kind::kTuple));
  stack_.back().node().items = std::move(items);
  return OkStatus();
}

Status Machine::RunTuple() {
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<Value> items, PopToMark());
  return MakeTuple(std::move(items));
}

template <size_t Count>
Status Machine::RunShortTuple() {
  std::vector<Value> items(Count);
  for (size_t i = Count; i-- > 0;) {
    SLIPWAY_ASSIGN_OR_RETURN(items[i], Pop());
  }
  return MakeTuple(std::move(items));
}

Status Machine::RunList() {
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<Value> items, PopToMark());
  SLIPWAY_RETURN_IF_ERROR(PushNode(Kind::kList));
  stack_.back().node().items = std::move(items);
  return OkStatus();
}

Status Machine::RunDict() {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Value> pairs, PopToMark());
  SLIPWAY_RETURN_IF_ERROR(PushNode(Kind::kDict));
  return SetItems(pairs);
}

Status Machine::RunFrozenSet() {
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<Value> items, PopToMark());
  SLIPWAY_RETURN_IF_ERROR(PushNode(Kind::kSet));
  stack_.back().node().items = std::move(items);
  return OkStatus();
}

Status Machine::Extend(std::span<const Value> values) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value* top, Top());
  const bool object = top->Is(Kind::kObject) && !top->node().pairs && !top->node().has_payload;
  if (!top->Is(Kind::kList) && !object) {
    return Damaged(StrCat("appends to ", KindName(top->kind())));
  }
  std::vector<Value>& items = top->node().items;
  items.insert(items.end(), values.begin(), values.end());
  return OkStatus();
}

Status Machine::RunAppend() {
  SLIPWAY_ASSIGN_OR_RETURN(const Value value, Pop());
  return Extend(std::span(&value, 1));
}

Status Machine::RunAppends() {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Value> values, PopToMark());
  return Extend(values);
}

Status Machine::RunAddItems() {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Value> values, PopToMark());
  SLIPWAY_ASSIGN_OR_RETURN(const Value* top, Top());
  if (!top->Is(Kind::kSet)) return Damaged(StrCat("adds items to ", KindName(top->kind())));
  std::vector<Value>& items = top->node().items;
  items.insert(items.end(), values.begin(), values.end());
  return OkStatus();
}

Status Machine::SetItems(std::span<const Value> pairs) {
  if (pairs.size() % 2 != 0) return Damaged("a key without a value");
  SLIPWAY_ASSIGN_OR_RETURN(const Value* top, Top());
  const bool object = top->Is(Kind::kObject) && !top->node().has_payload &&
                      (top->node().pairs || top->node().items.empty());
  if (!top->Is(Kind::kDict) && !object) {
    return Damaged(StrCat("sets items of ", KindName(top->kind())));
  }
  Node& node = top->node();
  node.pairs = true;
  node.items.insert(node.items.end(), pairs.begin(), pairs.end());
  return OkStatus();
}

Status Machine::RunSetItem() {
  std::array<Value, 2> pair;
  SLIPWAY_ASSIGN_OR_RETURN(pair[1], Pop());
  SLIPWAY_ASSIGN_OR_RETURN(pair[0], Pop());
  return SetItems(pair);
}

Status Machine::RunSetItems() {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Value> pairs, PopToMark());
  return SetItems(pairs);
}

// ---- the memo

Status Machine::Put(uint64_t index) {
  SLIPWAY_ASSIGN_OR_RETURN(const Value* top, Top());
  SLIPWAY_RETURN_IF_ERROR(document_.Charge(1));
  if (index < memo_.size()) {
    memo_[index] = *top;
  } else if (index == memo_.size() && sparse_memo_.empty()) {
    memo_.push_back(*top);
  } else {
    sparse_memo_.insert_or_assign(index, *top);
  }
  return OkStatus();
}

Status Machine::Get(uint64_t index) {
  if (index < memo_.size()) return Push(memo_[index]);
  const auto found = sparse_memo_.find(index);
  if (found == sparse_memo_.end()) return Damaged(StrCat("the memo has no entry ", index));
  return Push(found->second);
}

Status Machine::RunPutLine() {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view line, TakeLine());
  const auto index = ParseIndex(line);
  if (!index) return Damaged("an index into the memo that is no number");
  return Put(*index);
}

template <typename T>
Status Machine::RunPut() {
  SLIPWAY_ASSIGN_OR_RETURN(const T index, TakeNumber<T>());
  return Put(index);
}

Status Machine::RunMemoize() { return Put(memo_.size() + sparse_memo_.size()); }

Status Machine::RunGetLine() {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view line, TakeLine());
  const auto index = ParseIndex(line);
  if (!index) return Damaged("an index into the memo that is no number");
  return Get(*index);
}

template <typename T>
Status Machine::RunGet() {
  SLIPWAY_ASSIGN_OR_RETURN(const T index, TakeNumber<T>());
  return Get(index);
}

// ---- classes and objects

Status Machine::RunGlobalLine() {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view module, TakeLine());
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view name, TakeLine());
  SLIPWAY_ASSIGN_OR_RETURN(const Value value, document_.MakeGlobal(opcode_place_, module, name));
  return Push(value);
}

Status Machine::RunStackGlobal() {
  SLIPWAY_ASSIGN_OR_RETURN(const Value name, Pop());
  SLIPWAY_ASSIGN_OR_RETURN(const Value module, Pop());
  if (!name.Is(Kind::kText) || !module.Is(Kind::kText)) {
    return Damaged(StrCat("a class whose name is ", KindName(name.kind()), " in ",
                          KindName(module.kind()), ", expected texts"));
  }
  SLIPWAY_ASSIGN_OR_RETURN(
      const Value value, document_.MakeGlobal(opcode_place_, module.node().text, name.node().text));
  return Push(value);
}

Status Machine::MakeObject(const Value& callable, const Value& args) {
  SLIPWAY_ASSIGN_OR_RETURN(const auto plain, CallPlainly(document_, opcode_place_, callable, args));
  if (plain) return Push(*plain);
  SLIPWAY_RETURN_IF_ERROR(PushNode(Kind::kObject));
  stack_.back().node().callable = callable;
  stack_.back().node().args = args;
  return OkStatus();
}

Status Machine::RunReduce() {
  SLIPWAY_ASSIGN_OR_RETURN(const Value args, Pop());
  SLIPWAY_ASSIGN_OR_RETURN(const Value callable, Pop());
  if (!args.Is(Kind::kTuple)) {
    return Damaged(StrCat("a call with ", KindName(args.kind()), ", expected a tuple"));
  }
  return MakeObject(callable, args);
}

Status Machine::RunNewObjectEx() {
  SLIPWAY_ASSIGN_OR_RETURN(const Value keywords, Pop());
  if (!keywords.Is(Kind::kDict)) return Damaged("keyword arguments that are no dict");
  if (!keywords.node().items.empty()) return Damaged("an object made with keyword arguments");
  return RunReduce();
}

Status Machine::RunObj() {
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<Value> items, PopToMark());
  if (items.empty()) return Damaged("an object without a class");
  const Value callable = items.front();
  items.erase(items.begin());
  SLIPWAY_ASSIGN_OR_RETURN(const Value args, document_.Make(Kind::kTuple, opcode_place_));
  args.node().items = std::move(items);
  return MakeObject(callable, args);
}

Status Machine::RunInst() {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view module, TakeLine());
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view name, TakeLine());
  SLIPWAY_ASSIGN_OR_RETURN(const Value callable, document_.MakeGlobal(opcode_place_, module, name));
  SLIPWAY_RETURN_IF_ERROR(RunTuple());
  SLIPWAY_ASSIGN_OR_RETURN(const Value args, Pop());
  return MakeObject(callable, args);
}

Status Machine::RunBuild() {
  SLIPWAY_ASSIGN_OR_RETURN(const Value state, Pop());
  SLIPWAY_ASSIGN_OR_RETURN(const Value* top, Top());
  if (!top->Is(Kind::kObject)) {
    return Damaged(StrCat("gives a state to ", KindName(top->kind())));
  }
  Node& node = top->node();
  if (!node.state.Is(Kind::kNone)) return Damaged("gives a second state to an object");
  node.state = state;
  if (arrays_ == Arrays::kInStream && IsArrayWrapper(*top)) return TakePayload();
  return OkStatus();
}

Status Machine::TakePayload() {
  const Value wrapper = stack_.back();
  const auto layout = ReadWrapper(wrapper);
  if (!layout.ok()) return Damaged(layout.status().message());
  SLIPWAY_ASSIGN_OR_RETURN(const Value array, document_.Make(Kind::kObject, opcode_place_));
  Node& node = array.node();
  node.callable = wrapper.node().callable;
  node.state = wrapper.node().state;
  node.has_payload = true;
  document_.set_has_payloads();
  stack_.back() = array;  // the memo keeps the wrapper, as it does in joblib
  if (layout->of_objects) {
    Machine inner(document_, stream_, position_, Arrays::kNone);
    SLIPWAY_ASSIGN_OR_RETURN(const Value objects, inner.Run());
    position_ = inner.position();
    node.items.push_back(objects);
    return OkStatus();
  }
  if (layout->padded) {
    SLIPWAY_ASSIGN_OR_RETURN(const uint8_t padding, TakeNumber<uint8_t>());
    SLIPWAY_RETURN_IF_ERROR(Take(padding).status());
  }
  SLIPWAY_ASSIGN_OR_RETURN(node.text, Take(layout->bytes));
  return OkStatus();
}

// ---- what no file of a model has

Status Machine::RunPersistent() { return Damaged("a persistent id: it refers out of the file"); }
Status Machine::RunExtension() {
  return Damaged("an extension code: its class is not in the file");
}
Status Machine::RunBuffer() { return Damaged("a buffer out of band: its data is not in the file"); }

}  // namespace slipway::import::pickle
