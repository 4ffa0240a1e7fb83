#include "import/onnx/onnx_importer.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "graph/onnx_graph.h"
#include "graph/onnx_summary.h"
#include "graph/tabular_metadata.h"
#include "import/onnx/model_edit.h"

namespace slipway::import::onnx {
namespace {

using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;
using base::WireType;
using graph::OnnxGraph;
using graph::OnnxNode;
using graph::OnnxSummary;
using graph::OnnxValue;

constexpr int64_t kIrVersion = 10;
constexpr int64_t kIrWithDefaults = 4;  // before it, an initializer had to be an input too

bool IsZipMap(WireReader node) {
  for (WireField field; node.Next(field);) {
    if (field.number == 4 && field.type == WireType::kBytes) return field.text() == "ZipMap";
  }
  return false;
}

bool HasZipMap(std::span<const std::byte> file) {
  WireReader model(file);
  for (WireField field; model.Next(field);) {
    if (field.number != 7 || field.type != WireType::kBytes) continue;
    WireReader graph = model.Enter(field);
    for (WireField node; graph.Next(node);) {
      if (node.number == 1 && node.type == WireType::kBytes && IsZipMap(graph.Enter(node))) {
        return true;
      }
    }
  }
  return false;
}

Result<std::vector<std::string>> ClassNames(const OnnxNode& node) {
  SLIPWAY_ASSIGN_OR_RETURN(std::vector<std::string> names, node.Texts("classlabels_strings"));
  if (!names.empty()) return names;
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<int64_t> numbers, node.Ints("classlabels_int64s"));
  for (const int64_t number : numbers) names.push_back(std::to_string(number));
  return names;
}

// The ZipMaps whose maps nobody but the client takes.
Result<std::vector<ZippedOutput>> FindZipMaps(const OnnxGraph& graph) {
  std::set<std::string_view> used;
  for (const OnnxNode& node : graph.nodes) used.insert(node.inputs.begin(), node.inputs.end());
  std::set<std::string_view> outputs;
  for (const OnnxValue& output : graph.outputs) outputs.insert(output.name);
  std::vector<ZippedOutput> found;
  for (const OnnxNode& node : graph.nodes) {
    if (node.op_type != "ZipMap" || node.inputs.size() != 1 || node.outputs.size() != 1) continue;
    if (used.contains(node.outputs[0]) || !outputs.contains(node.outputs[0])) continue;
    auto classes = ClassNames(node);
    if (!classes.ok()) {
      return classes.status().WithContext(StrCat("node '", Printable(node.name), "' (ZipMap)"));
    }
    if (classes->empty()) continue;
    found.push_back({.node = node.name,
                     .tensor = node.inputs[0],
                     .output = node.outputs[0],
                     .classes = *std::move(classes)});
  }
  return found;
}

// The files that tensors lie in, each mapped once.
class ExternalFiles {
 public:
  ExternalFiles(const base::FileSystem& fs, base::FileSystem::Path directory)
      : fs_(fs), directory_(std::move(directory)) {}

  Result<std::string_view> Read(std::string_view location, uint64_t offset, uint64_t size) {
    auto& file = files_[std::string(location)];
    if (file == nullptr) {
      SLIPWAY_ASSIGN_OR_RETURN(file, fs_.MapContained(directory_, location));
    }
    const std::span<const std::byte> bytes = file->bytes();
    if (offset > bytes.size() || size > bytes.size() - offset) {
      return base::InvalidArgument(StrCat("expected ", size, " bytes at ", offset, " of '",
                                          Printable(location), "', which has ", bytes.size()));
    }
    return std::string_view(reinterpret_cast<const char*>(bytes.data()) + offset, size);
  }

 private:
  const base::FileSystem& fs_;
  const base::FileSystem::Path directory_;
  std::map<std::string, std::unique_ptr<base::MappedFile>> files_;
};

// What is to change, and lines that say so.
struct Plan {
  ModelEdit edit;
  std::vector<std::string> changes;
  std::vector<std::string> classes;  // in the order of the columns, where one output has them
};

void PlanUnzip(std::vector<ZippedOutput> zip_maps, Plan& plan) {
  for (const ZippedOutput& zipped : zip_maps) {
    plan.changes.push_back(StrCat("output '", Printable(zipped.output), "': a tensor of ",
                                  zipped.classes.size(), " columns instead of maps"));
  }
  if (zip_maps.size() == 1) plan.classes = zip_maps[0].classes;
  plan.edit.unzip = std::move(zip_maps);
}

void PlanInputs(const OnnxSummary& summary, bool keep_optional, Plan& plan) {
  const bool must_go = summary.ir_version < kIrWithDefaults;
  size_t constants = 0;
  for (const OnnxValue& input : summary.inputs) {
    if (!input.has_initializer || (keep_optional && !must_go)) continue;
    plan.edit.drop_inputs.insert(input.name);
    if (!must_go) ++constants;
  }
  if (constants > 0) {
    plan.changes.push_back(StrCat(constants, " inputs with a default became constants"));
  }
}

Status PlanExternal(const OnnxSummary& summary, const ImportOptions& options, ExternalFiles* files,
                    Plan& plan) {
  if (summary.external.empty()) return base::OkStatus();
  if (files == nullptr) {
    return base::InvalidArgument(StrCat("tensor '", Printable(summary.external[0].name),
                                        "' lies in another file, which cannot be read from here"));
  }
  const uint64_t most = graph::OnnxLimits().max_file_bytes;
  if (summary.file_bytes + summary.external_bytes > std::min(most, options.limits.max_file_bytes)) {
    return base::ResourceExhausted(
        StrCat("with its tensors of ", base::FormatByteSize(summary.external_bytes),
               " the file would have more than ", base::FormatByteSize(most),
               ", the most ONNX can have: serve it as it is"));
  }
  plan.edit.external = [files](std::string_view location, uint64_t offset, uint64_t size) {
    return files->Read(location, offset, size);
  };
  plan.changes.push_back(
      StrCat(summary.external.size(), " tensors of other files are in the model"));
  return base::OkStatus();
}

std::vector<std::string> Structure(const OnnxSummary& summary) {
  std::string opsets;
  for (const auto& [domain, version] : summary.opsets) {
    opsets += StrCat(opsets.empty() ? "" : ", ", Printable(domain), " ", version);
  }
  return {StrCat(summary.node_count, " nodes, ", summary.parameter_count, " parameters, operators ",
                 opsets)};
}

Result<ImportedModel> Import(std::span<const std::byte> file, const ImportOptions& options) {
  SLIPWAY_ASSIGN_OR_RETURN(const OnnxSummary summary, graph::ReadOnnxSummary(file));
  Plan plan;
  plan.edit.ir_version = std::max(summary.ir_version, kIrVersion);
  const bool has_zip_map = std::ranges::find(summary.operators, std::string_view("ZipMap"),
                                             &graph::OnnxOperator::type) != summary.operators.end();
  if (!options.keep_zip_maps && has_zip_map) {
    SLIPWAY_ASSIGN_OR_RETURN(
        const OnnxGraph graph,
        graph::ReadOnnxGraph(file, {.max_nodes = graph::OnnxLimits().max_nodes,
                                    .max_entries = graph::OnnxLimits().max_names}));
    SLIPWAY_ASSIGN_OR_RETURN(std::vector<ZippedOutput> zip_maps, FindZipMaps(graph));
    PlanUnzip(std::move(zip_maps), plan);
  }
  PlanInputs(summary, options.keep_optional_inputs, plan);
  std::optional<ExternalFiles> files;
  if (options.files != nullptr) files.emplace(*options.files, options.directory);
  SLIPWAY_RETURN_IF_ERROR(PlanExternal(summary, options, files ? &*files : nullptr, plan));

  ImportedModel model;
  model.format = "ONNX";
  model.framework = summary.producer_name;
  model.framework_version = summary.producer_version;
  model.structure = Structure(summary);
  model.structure.insert(model.structure.end(), plan.changes.begin(), plan.changes.end());
  model.class_names = plan.classes;
  model.has_other_files = !summary.external.empty();
  SLIPWAY_ASSIGN_OR_RETURN(model.onnx, ApplyEdit(file, plan.edit));
  graph::TabularMetadata metadata;
  metadata.classes = plan.classes;
  for (const auto& [key, value] : graph::MetadataEntries(metadata)) {
    if (!summary.metadata.contains(key)) graph::AppendMetadata(key, value, model.onnx);
  }
  return model;
}

}  // namespace

bool LooksLikeOnnx(std::span<const std::byte> file) {
  WireReader model(file);
  bool first = true;
  for (WireField field; model.Next(field); first = false) {
    if (first && field.number != 1 && field.number != 8) return false;  // ir_version, opset_import
    if (field.number == 7) return field.type == WireType::kBytes;
  }
  return false;
}

const Importer& OnnxImporter() {
  static constexpr Importer kImporter = {
      .name = "onnx",
      .recognizes =
          [](std::span<const std::byte> file) { return LooksLikeOnnx(file) && HasZipMap(file); },
      .import = Import};
  return kImporter;
}

}  // namespace slipway::import::onnx
