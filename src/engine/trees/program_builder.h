#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cpu_level.h"
#include "base/status.h"
#include "engine/trees/input_folds.h"
#include "engine/trees/program.h"
#include "graph/onnx_graph.h"

namespace slipway::engine {

// Turns a graph into a Program, node by node. What it does not understand it refuses with
// kUnimplemented, and then another engine takes the model; that it understands a node means that it
// computes what the ONNX operator says. Used once. Borrows the graph.
class ProgramBuilder {
 public:
  explicit ProgramBuilder(const graph::OnnxGraph& graph,
                          base::CpuLevel level = base::HighestCpuLevel())
      : graph_(graph), folds_(graph), level_(level) {}

  base::Result<Program> Build();

  // For the operators: what a node reads and makes.

  // The slot of input `i` of a node. kUnimplemented when it is left out or unknown.
  base::Result<size_t> Input(const graph::OnnxNode& node, size_t i) const;
  // What its trees take over from steps before them, whose result Input() skips; or nullptr.
  const InputFold* Fold(const graph::OnnxNode& node) const { return folds_.Of(node); }
  // What the processor has.
  base::CpuLevel level() const { return level_; }
  const Slot& slot(size_t index) const { return program_.slots[index]; }
  // The elements of a constant slot.
  template <typename T>
  std::span<const T> ConstantAs(size_t index) const {
    const std::vector<std::byte>& bytes = program_.constants[slot(index).index];
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  // Dimensions of a constant.
  const std::vector<int64_t>& ConstantDims(size_t index) const { return constant_dims_.at(index); }
  // A new slot for output `i` of the node, or for none where that is left out; a step writes it.
  base::Result<size_t> Output(const graph::OnnxNode& node, graph::ElementType type, size_t rank,
                              size_t width, size_t i = 0);
  // A new slot for what the node needs in between.
  base::Result<size_t> Between(const graph::OnnxNode& node, graph::ElementType type, size_t width);
  // The first output of the node is another name of `slot`, perhaps of another rank.
  base::Status Alias(const graph::OnnxNode& node, size_t slot, size_t rank);
  void AddStep(Step step) { program_.steps.push_back(std::move(step)); }
  // What is certain of an INT64 slot's elements; see Slot::below.
  void SetBelow(size_t slot, int64_t below) { program_.slots[slot].below = below; }
  // Gives texts to an INT64 slot that picks them.
  void SetTexts(size_t slot, std::vector<std::string> texts);
  const std::vector<std::string>& ConstantTexts(size_t index) const { return slot(index).texts; }
  void NeedScratch(size_t row_bytes);
  void CountTreeNodes(size_t nodes) { program_.tree_nodes += nodes; }

 private:
  base::Status AddInputs();
  base::Status AddConstant(std::string_view name, graph::Constant constant);
  base::Status AddInitializers();
  base::Status AddNode(const graph::OnnxNode& node);
  base::Status AddOutputs();
  base::Result<size_t> AddSlot(std::string_view name, Slot slot);
  base::Result<size_t> AddComputed(const graph::OnnxNode& node, std::string_view name, Slot slot);

  const graph::OnnxGraph& graph_;
  const InputFolds folds_;
  const base::CpuLevel level_;
  Program program_;
  std::map<std::string_view, size_t> slots_by_name_;
  std::map<size_t, std::vector<int64_t>> constant_dims_;
};

// kUnimplemented, with the node in front.
base::Status NotUnderstood(const graph::OnnxNode& node, std::string_view what);

}  // namespace slipway::engine
