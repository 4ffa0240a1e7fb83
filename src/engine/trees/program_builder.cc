#include "engine/trees/program_builder.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/str_cat.h"
#include "base/text.h"
#include "engine/trees/operators.h"

namespace slipway::engine {

using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using base::Unimplemented;
using graph::Constant;
using graph::ElementType;
using graph::OnnxNode;
using graph::OnnxValue;

namespace {

// What is computed for a row may take this much.
constexpr size_t kMaxRowBytes = size_t{256} << 10;
constexpr size_t kAlignment = 8;  // of every type

size_t Align(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// A value that a program can take or give: rows of numbers.
Result<Slot> SlotOf(const OnnxValue& value) {
  const bool rows = value.kind == OnnxValue::Kind::kTensor && value.has_shape &&
                    (value.dims.size() == 1 || value.dims.size() == 2) && value.dims[0] == -1 &&
                    (value.dims.size() == 1 || value.dims[1] > 0);
  if (!rows || SlotBytes(value.element_type) == 0) {
    return Unimplemented(StrCat("'", Printable(value.name), "' is ", value));
  }
  Slot slot;
  slot.type = value.element_type;
  slot.rank = value.dims.size();
  slot.width = slot.rank == 2 ? static_cast<size_t>(value.dims[1]) : 1;
  return slot;
}

}  // namespace

size_t SlotBytes(ElementType type) {
  switch (type) {
    case ElementType::kFloat:
    case ElementType::kInt32:
      return 4;
    case ElementType::kDouble:
    case ElementType::kInt64:
    case ElementType::kString:
      return 8;
    case ElementType::kBool:
    case ElementType::kUint8:
      return 1;
    default:
      return 0;
  }
}

Status NotUnderstood(const OnnxNode& node, std::string_view what) {
  return Unimplemented(
      StrCat("node '", Printable(node.name), "' (", Printable(node.op_type), "): ", what));
}

Result<Program> ProgramBuilder::Build() {
  SLIPWAY_RETURN_IF_ERROR(AddInitializers());
  SLIPWAY_RETURN_IF_ERROR(AddInputs());
  for (const OnnxNode& node : graph_.nodes) {
    if (!folds_.IsUnused(node)) SLIPWAY_RETURN_IF_ERROR(AddNode(node));
  }
  SLIPWAY_RETURN_IF_ERROR(AddOutputs());
  return std::move(program_);
}

Result<size_t> ProgramBuilder::AddSlot(std::string_view name, Slot slot) {
  const size_t index = program_.slots.size();
  if (!name.empty() && !slots_by_name_.try_emplace(name, index).second) {
    return Unimplemented(StrCat("'", Printable(name), "' is made twice"));
  }
  program_.slots.push_back(std::move(slot));
  return index;
}

Status ProgramBuilder::AddInputs() {
  for (size_t i = 0; i < graph_.inputs.size(); ++i) {
    SLIPWAY_ASSIGN_OR_RETURN(Slot slot, SlotOf(graph_.inputs[i]));
    if (slot.type == ElementType::kString) return Unimplemented("an input of texts");
    slot.kind = Slot::Kind::kInput;
    slot.index = i;
    SLIPWAY_RETURN_IF_ERROR(AddSlot(graph_.inputs[i].name, std::move(slot)).status());
  }
  return OkStatus();
}

Status ProgramBuilder::AddConstant(std::string_view name, Constant constant) {
  Slot slot;
  slot.kind = Slot::Kind::kConstant;
  slot.type = constant.type;
  slot.per_row = false;
  slot.rank = constant.dims.size();
  slot.index = program_.constants.size();
  const size_t size = SlotBytes(constant.type);
  if (size == 0) return Unimplemented(StrCat("'", Printable(name), "' has another type"));
  slot.width =
      constant.type == ElementType::kString ? constant.texts.size() : constant.bytes.size() / size;
  slot.texts = std::move(constant.texts);
  std::vector<std::byte>& bytes = program_.constants.emplace_back(constant.bytes.size());
  if (!bytes.empty()) std::memcpy(bytes.data(), constant.bytes.data(), bytes.size());
  SLIPWAY_ASSIGN_OR_RETURN(const size_t index, AddSlot(name, std::move(slot)));
  constant_dims_[index] = std::move(constant.dims);
  return OkStatus();
}

Status ProgramBuilder::AddInitializers() {
  for (const graph::OnnxInitializer& initializer : graph_.initializers) {
    SLIPWAY_ASSIGN_OR_RETURN(Constant constant, graph::ReadConstant(initializer.message));
    SLIPWAY_RETURN_IF_ERROR(AddConstant(initializer.name, std::move(constant)));
  }
  return OkStatus();
}

Status ProgramBuilder::AddNode(const OnnxNode& node) {
  if (node.op_type == "Constant" && node.domain.empty() && node.outputs.size() == 1) {
    SLIPWAY_ASSIGN_OR_RETURN(std::optional<Constant> constant, node.Tensor("value"));
    if (!constant) return NotUnderstood(node, "a constant that is no tensor");
    return AddConstant(node.outputs[0], *std::move(constant));
  }
  if (!MayHaveSeveralOutputs(node)) {
    const auto used = std::ranges::count_if(node.outputs, [](auto name) { return !name.empty(); });
    if (used != 1 || node.outputs[0].empty()) return NotUnderstood(node, "several outputs");
  }
  return AddOperator(*this, node);
}

Result<size_t> ProgramBuilder::Input(const OnnxNode& node, size_t i) const {
  if (i >= node.inputs.size() || node.inputs[i].empty()) {
    return NotUnderstood(node, StrCat("input ", i, " is left out"));
  }
  const InputFold* fold = Fold(node);
  const auto found = slots_by_name_.find(fold != nullptr ? fold->input : node.inputs[i]);
  if (found == slots_by_name_.end()) return NotUnderstood(node, "an input that comes later");
  return found->second;
}

Result<size_t> ProgramBuilder::Output(const OnnxNode& node, ElementType type, size_t rank,
                                      size_t width, size_t i) {
  Slot slot;
  slot.type = type;
  slot.rank = rank;
  slot.width = width;
  return AddComputed(node, i < node.outputs.size() ? node.outputs[i] : "", std::move(slot));
}

Result<size_t> ProgramBuilder::Between(const OnnxNode& node, ElementType type, size_t width) {
  Slot slot;
  slot.type = type;
  slot.rank = 2;
  slot.width = width;
  return AddComputed(node, "", std::move(slot));
}

Result<size_t> ProgramBuilder::AddComputed(const OnnxNode& node, std::string_view name, Slot slot) {
  const size_t size = SlotBytes(slot.type);
  if (size == 0 || slot.width == 0 || slot.width > kMaxRowBytes / size) {
    return NotUnderstood(node,
                         StrCat(slot.width, " elements of ", graph::ElementTypeName(slot.type)));
  }
  slot.offset = program_.row_bytes;
  program_.row_bytes += Align(slot.width * size);
  if (program_.row_bytes > kMaxRowBytes) {
    return NotUnderstood(node, "too many elements");
  }
  return AddSlot(name, std::move(slot));
}

Status ProgramBuilder::Alias(const OnnxNode& node, size_t of, size_t rank) {
  Slot slot = program_.slots[of];
  slot.rank = rank;
  return AddSlot(node.outputs[0], std::move(slot)).status();
}

void ProgramBuilder::SetTexts(size_t slot, std::vector<std::string> texts) {
  program_.slots[slot].texts = std::move(texts);
}

void ProgramBuilder::NeedScratch(size_t row_bytes) {
  program_.scratch_row_bytes = std::max(program_.scratch_row_bytes, Align(row_bytes));
}

Status ProgramBuilder::AddOutputs() {
  for (const OnnxValue& output : graph_.outputs) {
    const auto found = slots_by_name_.find(output.name);
    if (found == slots_by_name_.end()) return Unimplemented("an output that nothing makes");
    const Slot& slot = program_.slots[found->second];
    SLIPWAY_ASSIGN_OR_RETURN(const Slot declared, SlotOf(output));
    if (!slot.per_row || slot.type != declared.type || slot.rank != declared.rank ||
        slot.width != declared.width) {
      return Unimplemented(StrCat("output '", Printable(output.name), "' is not as declared"));
    }
    program_.outputs.push_back(found->second);
  }
  return OkStatus();
}

}  // namespace slipway::engine
