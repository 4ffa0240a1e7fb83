#include "graph/opset_rules.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "base/str_cat.h"

namespace slipway::graph {

using base::OkStatus;
using base::Result;
using base::Status;
using base::StrCat;

namespace {

// ---- Pieces that rules are made of ----

void SetInput(size_t index, std::string_view name, ModelNode& node) {
  if (node.inputs.size() <= index) node.inputs.resize(index + 1);
  node.inputs[index] = name;
}

std::string_view InputOf(const ModelNode& node, size_t index) {
  return index < node.inputs.size() ? node.inputs[index] : std::string_view();
}

// A list of integers becomes an input; where there is none, or an empty one, there is no input.
Status IntsToInput(std::string_view attribute, size_t index, NodeRewrite& at) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> values, at.node.Ints(attribute));
  OpsetEditor::Remove(attribute, at.node);
  if (!values.empty()) {
    const Constant constant = Int64Constant(values, {static_cast<int64_t>(values.size())});
    SetInput(index, at.editor.AddConstant(constant, at.node, attribute), at.node);
  }
  return OkStatus();
}

// A number of the type of the node's first input.
std::string_view NumberLikeInput(float value, std::string_view what, NodeRewrite& at) {
  const ElementType type = at.editor.TypeOf(InputOf(at.node, 0)).type;
  if (type == ElementType::kDouble) {
    const double wide = value;
    return at.editor.AddConstant(DoubleConstant(std::span(&wide, 1), {}), at.node, what);
  }
  const std::string_view number =
      at.editor.AddConstant(FloatConstant(std::span(&value, 1), {}), at.node, what);
  if (type == ElementType::kFloat) return number;
  ModelNode& cast = at.before.emplace_back();
  cast.op_type = "CastLike";
  cast.inputs = {number, InputOf(at.node, 0)};
  cast.outputs = {at.editor.NewName(at.node, what)};
  return cast.outputs[0];
}

// ---- Attributes that became inputs ----

Status AxesToInput(NodeRewrite& at) { return IntsToInput("axes", 1, at); }
Status SplitToInput(NodeRewrite& at) { return IntsToInput("split", 1, at); }
Status ShapeToInput(NodeRewrite& at) { return IntsToInput("shape", 1, at); }

Status SliceToInputs(NodeRewrite& at) {
  SLIPWAY_RETURN_IF_ERROR(IntsToInput("starts", 1, at));
  SLIPWAY_RETURN_IF_ERROR(IntsToInput("ends", 2, at));
  return IntsToInput("axes", 3, at);
}

Status TopKToInput(NodeRewrite& at) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t k, at.node.Int("k", 0));
  OpsetEditor::Remove("k", at.node);
  const Constant constant = Int64Constant(std::span(&k, 1), {1});
  SetInput(1, at.editor.AddConstant(constant, at.node, "k"), at.node);
  return OkStatus();
}

Status ClipToInputs(NodeRewrite& at) {
  for (const auto& [attribute, index] : {std::pair("min", 1), std::pair("max", 2)}) {
    if (!at.node.Has(attribute)) continue;
    SLIPWAY_ASSIGN_OR_RETURN(const float limit, at.node.Float(attribute, 0));
    OpsetEditor::Remove(attribute, at.node);
    SetInput(static_cast<size_t>(index), NumberLikeInput(limit, attribute, at), at.node);
  }
  return OkStatus();
}

Status PadToInputs(NodeRewrite& at) {
  SLIPWAY_ASSIGN_OR_RETURN(const float value, at.node.Float("value", 0));
  SLIPWAY_RETURN_IF_ERROR(IntsToInput("pads", 1, at));
  OpsetEditor::Remove("value", at.node);
  if (value != 0 && at.node.inputs.size() == 2) {
    SetInput(2, NumberLikeInput(value, "value", at), at.node);
  }
  return OkStatus();
}

Status UpsampleToInput(NodeRewrite& at) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<float> scales, at.node.Floats("scales"));
  OpsetEditor::Remove("scales", at.node);
  const Constant constant = FloatConstant(scales, {static_cast<int64_t>(scales.size())});
  SetInput(1, at.editor.AddConstant(constant, at.node, "scales"), at.node);
  return OkStatus();
}

Status DftToInput(NodeRewrite& at) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t axis, at.node.Int("axis", 1));
  OpsetEditor::Remove("axis", at.node);
  const Constant constant = Int64Constant(std::span(&axis, 1), {});
  SetInput(2, at.editor.AddConstant(constant, at.node, "axis"), at.node);
  return OkStatus();
}

Status SplitCountsOutputs(NodeRewrite& at) {
  if (!InputOf(at.node, 1).empty()) return OkStatus();
  at.editor.Set({"num_outputs", static_cast<int64_t>(at.node.outputs.size())}, at.node);
  return OkStatus();
}

// ---- Softmax, LogSoftmax, Hardmax ----

// Up to operator set 12 these see [product of dims before axis, product of the others].
Status SoftmaxOfTwoAxes(NodeRewrite& at) {
  SLIPWAY_ASSIGN_OR_RETURN(const int64_t axis, at.node.Int("axis", 1));
  const std::optional<size_t> rank = at.editor.TypeOf(InputOf(at.node, 0)).rank();
  const bool is_last = axis == -1 || (rank && axis == static_cast<int64_t>(*rank) - 1);
  at.editor.Set({"axis", int64_t{-1}}, at.node);
  if (is_last || at.node.inputs.empty() || at.node.outputs.empty()) return OkStatus();
  ModelNode shape;
  shape.op_type = "Shape";
  shape.inputs = {at.node.inputs[0]};
  shape.outputs = {at.editor.NewName(at.node, "shape")};
  ModelNode flatten;
  flatten.op_type = "Flatten";
  flatten.inputs = {at.node.inputs[0]};
  flatten.outputs = {at.editor.NewName(at.node, "flat")};
  at.editor.Set({"axis", axis}, flatten);
  ModelNode reshape;
  reshape.op_type = "Reshape";
  reshape.inputs = {at.editor.NewName(at.node, "rows"), shape.outputs[0]};
  reshape.outputs = {at.node.outputs[0]};
  at.editor.Set({"allowzero", int64_t{1}}, reshape);
  at.node.inputs[0] = flatten.outputs[0];
  at.node.outputs[0] = reshape.inputs[0];
  at.before = {std::move(shape), std::move(flatten)};
  at.after = {std::move(reshape)};
  return OkStatus();
}

// ---- Resize, Upsample and other operators of images ----

// In set 10, where scales that make smaller round up; those of Upsample are at least 1.
Status UpsampleToResize(NodeRewrite& at) {
  at.node.op_type = "Resize";
  return OkStatus();
}

// How Resize 10 rounds to the nearest: up where it makes smaller, down where it makes larger.
// nullopt: that depends on the axis, or on what comes in.
std::optional<std::string> NearestMode(const NodeRewrite& at) {
  const auto mode = at.node.Text("mode", "nearest");
  if (mode.ok() && *mode != "nearest") return "floor";
  const std::optional<Constant> scales = at.editor.ConstantOf(InputOf(at.node, 1));
  if (!scales || scales->type != ElementType::kFloat) return std::nullopt;
  bool smaller = false;
  bool larger = false;
  for (size_t i = 0; i + sizeof(float) <= scales->bytes.size(); i += sizeof(float)) {
    float scale = 0;
    std::memcpy(&scale, scales->bytes.data() + i, sizeof(scale));
    smaller = smaller || scale < 1;
    larger = larger || scale > 1;
  }
  if (smaller && larger) return std::nullopt;
  return smaller ? "ceil" : "floor";
}

std::string ResizeRoundsBothWays(const NodeRewrite& at) {
  if (NearestMode(at)) return {};
  return "it rounds up on axes that become smaller and down on others, here at once or by an input";
}

Status ResizeToCoordinates(NodeRewrite& at) {
  const std::string mode = NearestMode(at).value_or("floor");
  const std::string_view roi = at.editor.AddConstant(FloatConstant({}, {0}), at.node, "roi");
  at.node.inputs = {InputOf(at.node, 0), roi, InputOf(at.node, 1)};
  at.editor.Set({"coordinate_transformation_mode", std::string("asymmetric")}, at.node);
  at.editor.Set({"nearest_mode", mode}, at.node);
  return OkStatus();
}

std::string ResizeHasTensorFlowMode(const NodeRewrite& at) {
  const auto mode = at.node.Text("coordinate_transformation_mode", "");
  return mode.ok() && *mode == "tf_half_pixel_for_nn"
             ? "coordinate_transformation_mode tf_half_pixel_for_nn is gone"
             : "";
}

// Inputs that are not used were empty tensors, and are left out now.
Status ResizeLeavesOut(NodeRewrite& at) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view mode,
                           at.node.Text("coordinate_transformation_mode", ""));
  if (mode != "tf_crop_and_resize") SetInput(1, {}, at.node);
  if (InputOf(at.node, 3).empty()) return OkStatus();
  const std::optional<Constant> scales = at.editor.ConstantOf(InputOf(at.node, 2));
  if (scales && scales->bytes.empty()) at.node.inputs[2] = {};
  return OkStatus();
}

Status RoiAlignHalfPixel(NodeRewrite& at) {
  at.editor.Set({"coordinate_transformation_mode", std::string("output_half_pixel")}, at.node);
  return OkStatus();
}

Status GridSampleModes(NodeRewrite& at) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view mode, at.node.Text("mode", "bilinear"));
  if (mode == "nearest") return OkStatus();
  at.editor.Set({"mode", std::string(mode == "bicubic" ? "cubic" : "linear")}, at.node);
  return OkStatus();
}

// ---- Training, left out of models that answer ----

std::string IsTraining(const NodeRewrite& at) {
  const auto is_test = at.node.Int("is_test", 0);
  return is_test.ok() && *is_test != 0 ? "" : "without is_test it trains";
}

Status RemoveIsTest(NodeRewrite& at) {
  OpsetEditor::Remove("is_test", at.node);
  return OkStatus();
}

std::string UsesMore(const NodeRewrite& at, std::string_view why) {
  for (size_t i = 1; i < at.node.outputs.size(); ++i) {
    const std::string_view output = at.node.outputs[i];
    if (!output.empty() && at.editor.IsUsed(output)) return std::string(why);
  }
  return {};
}

std::string UsesMask(const NodeRewrite& at) {
  return UsesMore(at, "its mask is used, which was another one");
}

std::string UsesStatistics(const NodeRewrite& at) {
  return UsesMore(at, "its mean and variance are used, which belong to training");
}

Status KeepOneOutput(NodeRewrite& at) {
  if (at.node.outputs.size() > 1) at.node.outputs.resize(1);
  return OkStatus();
}

Status DropoutWithoutRatio(NodeRewrite& at) {
  OpsetEditor::Remove("ratio", at.node);
  return KeepOneOutput(at);
}

std::string IsNotSpatial(const NodeRewrite& at) {
  const auto spatial = at.node.Int("spatial", 1);
  return spatial.ok() && *spatial == 1 ? "" : "spatial 0 is gone";
}

Status RemoveSpatial(NodeRewrite& at) {
  OpsetEditor::Remove("spatial", at.node);
  return OkStatus();
}

// ---- The first six operator sets ----

std::string HasAxis(const NodeRewrite& at) {
  return at.node.Has("axis") ? "broadcasting from an axis is gone" : "";
}

Status RemoveBroadcast(NodeRewrite& at) {
  OpsetEditor::Remove("broadcast", at.node);
  return OkStatus();
}

Status ConcatDefaultAxis(NodeRewrite& at) {
  if (!at.node.Has("axis")) at.editor.Set({"axis", int64_t{1}}, at.node);
  return OkStatus();
}

std::string Unsupported(const NodeRewrite& /*at*/) {
  return "its form of that operator set is not upgraded";
}

std::string HasOutputSequence(const NodeRewrite& at) {
  return at.node.Has("output_sequence") ? "output_sequence is gone" : "";
}

std::string HasScalesPerGroup(const NodeRewrite& /*at*/) {
  return "its scales are of groups, and of channels now";
}

Status RenameScatter(NodeRewrite& at) {
  at.node.op_type = "ScatterElements";
  return OkStatus();
}

// ---- The table ----

struct Entry {
  int64_t version;
  std::string_view op_type;
  OpsetRule rule;
};

// Steps that are not here changed only which types an operator takes, or gave it new options whose
// defaults are what was before.
const std::vector<Entry>& Entries() {
  static const std::vector<Entry> kEntries = [] {
    std::vector<Entry> out;
    const auto add = [&out](int64_t version, std::initializer_list<std::string_view> operators,
                            OpsetRule rule) {
      for (const std::string_view op : operators) out.push_back({version, op, rule});
    };
    add(2, {"GlobalLpPool", "LpPool", "Pad", "Split"}, {Unsupported, nullptr});
    add(3, {"GRU"}, {Unsupported, nullptr});
    add(4, {"Concat"}, {nullptr, ConcatDefaultAxis});
    add(5, {"Reshape"}, {nullptr, ShapeToInput});
    add(6, {"Cast", "Selu", "Tile"}, {Unsupported, nullptr});
    add(7, {"Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor"},
        {HasAxis, RemoveBroadcast});
    add(7, {"BatchNormalization", "Dropout"}, {IsTraining, RemoveIsTest});
    add(7, {"GRU", "LSTM", "RNN"}, {HasOutputSequence, nullptr});
    add(7, {"Gemm"}, {nullptr, RemoveBroadcast});
    add(7, {"PRelu", "Upsample"}, {Unsupported, nullptr});
    add(9, {"BatchNormalization"}, {IsNotSpatial, RemoveSpatial});
    add(9, {"MeanVarianceNormalization", "Scan"}, {Unsupported, nullptr});
    add(9, {"Upsample"}, {nullptr, UpsampleToInput});
    add(10, {"Slice"}, {nullptr, SliceToInputs});
    add(10, {"TopK"}, {nullptr, TopKToInput});
    add(10, {"Upsample"}, {nullptr, UpsampleToResize});
    add(11, {"Clip"}, {nullptr, ClipToInputs});
    add(11, {"Pad"}, {nullptr, PadToInputs});
    add(11, {"Resize"}, {ResizeRoundsBothWays, ResizeToCoordinates});
    add(11, {"Scatter"}, {nullptr, RenameScatter});
    add(12, {"Dropout"}, {UsesMask, DropoutWithoutRatio});
    add(13, {"Hardmax", "LogSoftmax", "Softmax"}, {nullptr, SoftmaxOfTwoAxes});
    add(13, {"ReduceSum", "Squeeze", "Unsqueeze"}, {nullptr, AxesToInput});
    add(13, {"Resize"}, {ResizeHasTensorFlowMode, ResizeLeavesOut});
    add(13, {"Split"}, {nullptr, SplitToInput});
    add(14, {"BatchNormalization"}, {UsesStatistics, KeepOneOutput});
    add(16, {"RoiAlign"}, {nullptr, RoiAlignHalfPixel});
    add(18,
        {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
         "ReduceMin", "ReduceProd", "ReduceSumSquare"},
        {nullptr, AxesToInput});
    add(18, {"Split"}, {nullptr, SplitCountsOutputs});
    add(20, {"DFT"}, {nullptr, DftToInput});
    add(20, {"GridSample"}, {nullptr, GridSampleModes});
    add(21, {"GroupNormalization"}, {HasScalesPerGroup, nullptr});
    return out;
  }();
  return kEntries;
}

}  // namespace

const OpsetRule* FindOpsetRule(std::string_view op_type, int64_t version) {
  const std::vector<Entry>& entries = Entries();
  const auto same = std::ranges::equal_range(entries, version, {}, &Entry::version);
  const auto found = std::ranges::find(same, op_type, &Entry::op_type);
  return found == same.end() ? nullptr : &found->rule;
}

}  // namespace slipway::graph
