#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/pickle/document.h"
#include "import/pickle/value.h"

namespace slipway::import::pickle {

// Runs the opcodes of one pickle, from the first to STOP, and makes plain data of them: where
// Python would look up a class, call it or set a state, this notes down what, with what, and which.
//
// Takes any bytes. Time and memory are linear in them and in the number of values; no recursion,
// except that an array of objects in a joblib stream is a pickle of its own, in which no further
// one can stand. Refused: persistent ids, extension codes and buffers out of band, which a file
// cannot use. Used by Document::Read(). Source: CPython 3.13, Lib/pickle.py and
// Lib/pickletools.py.
class Machine {
 public:
  enum class Arrays : uint8_t {
    kInStream,  // the data of joblib's arrays follows the opcode that finishes their wrapper
    kNone,
  };

  // Starts at `position` of `stream`, whose bytes the document's values may refer to.
  Machine(Document& document, std::string_view stream, size_t position, Arrays arrays)
      : document_(document), stream_(stream), position_(position), arrays_(arrays) {}

  // The value that the pickle describes. Call once.
  base::Result<Value> Run();
  // After Run(): behind STOP.
  size_t position() const { return position_; }

 private:
  friend struct Opcodes;  // the table of opcodes, in machine.cc
  using Kind = Value::Kind;

  // kInvalidArgument with the place of the opcode.
  base::Status Damaged(std::string_view what) const;

  // Arguments of opcodes.
  base::Result<std::string_view> Take(uint64_t count);
  base::Result<std::string_view> TakeLine();
  template <typename T>
  base::Result<T> TakeNumber();

  // The stack.
  base::Status Push(const Value& value);
  base::Status PushNode(Value::Kind kind);
  base::Result<Value> Pop();
  // The values above the topmost mark, which goes with them.
  base::Result<std::vector<Value>> PopToMark();
  base::Result<Value*> Top();

  // The opcodes, one function for each kind of effect.
  base::Status RunOpcode(uint8_t opcode);
  base::Status RunProto();
  base::Status RunFrame();
  base::Status RunMark();
  base::Status RunPop();
  base::Status RunPopMark();
  base::Status RunDup();
  base::Status RunNone();
  base::Status RunTrue();
  base::Status RunFalse();
  base::Status RunIntLine();
  base::Status RunLongLine();
  base::Status RunFloatLine();
  template <typename T>
  base::Status RunInt();
  template <typename Length>
  base::Status RunLong();
  base::Status RunFloat();
  template <typename Length, Value::Kind TextKind>
  base::Status RunText();
  base::Status RunTextLine();
  base::Status RunQuotedLine();
  base::Status RunEmptyList();
  base::Status RunEmptyDict();
  base::Status RunEmptySet();
  base::Status RunEmptyTuple();
  base::Status RunList();
  base::Status RunDict();
  base::Status RunTuple();
  template <size_t Count>
  base::Status RunShortTuple();
  base::Status RunFrozenSet();
  base::Status RunAppend();
  base::Status RunAppends();
  base::Status RunAddItems();
  base::Status RunSetItem();
  base::Status RunSetItems();
  base::Status RunPutLine();
  template <typename T>
  base::Status RunPut();
  base::Status RunMemoize();
  base::Status RunGetLine();
  template <typename T>
  base::Status RunGet();
  base::Status RunGlobalLine();
  base::Status RunStackGlobal();
  base::Status RunReduce();
  base::Status RunNewObjectEx();
  base::Status RunObj();
  base::Status RunInst();
  base::Status RunBuild();
  base::Status RunPersistent();
  base::Status RunExtension();
  base::Status RunBuffer();

  base::Status PushLong(std::string_view bytes);
  base::Status Extend(std::span<const Value> values);
  base::Status SetItems(std::span<const Value> pairs);
  base::Status MakeTuple(std::vector<Value> items);
  base::Status Put(uint64_t index);
  base::Status Get(uint64_t index);
  base::Status MakeObject(const Value& callable, const Value& args);
  // Replaces the wrapper on top of the stack by the array whose data follows in the stream.
  base::Status TakePayload();

  Document& document_;
  const std::string_view stream_;
  size_t position_;
  size_t opcode_place_ = 0;
  const Arrays arrays_;
  std::vector<Value> stack_;
  std::vector<size_t> marks_;              // sizes of the stack
  std::vector<Value> memo_;                // the indices that writers use: 0, 1, 2, ...
  std::map<uint64_t, Value> sparse_memo_;  // any other
};

}  // namespace slipway::import::pickle
