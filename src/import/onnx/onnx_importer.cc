#include "import/onnx/onnx_importer.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/protobuf_wire.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "graph/external_data.h"
#include "graph/function_inliner.h"
#include "graph/function_opsets.h"
#include "graph/graph_builder.h"
#include "graph/model_cleanup.h"
#include "graph/onnx_model.h"
#include "graph/onnx_summary.h"
#include "graph/opset_upgrade.h"
#include "graph/shape_inference.h"
#include "graph/tabular_metadata.h"
#include "import/onnx/zip_maps.h"

namespace slipway::import::onnx {
namespace {

using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using base::WireField;
using base::WireReader;
using base::WireType;
using graph::OnnxModel;
using graph::OnnxSummary;

constexpr size_t kShownObstacles = 20;
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

// The set of ai.onnx among the fields opset_import of a model or function; 0 where there is none.
int64_t StandardSet(WireReader reader, uint32_t field_number) {
  int64_t found = 0;
  for (WireField field; reader.Next(field);) {
    if (field.number != field_number || field.type != WireType::kBytes) continue;
    const std::string_view domain = graph::TextOf(field.bytes, 1);
    if (!domain.empty() && domain != "ai.onnx") continue;
    WireReader opset = reader.Enter(field);
    for (WireField one; opset.Next(one);) {
      if (one.number == 2 && one.type == WireType::kVarint) found = one.signed_value();
    }
  }
  return found;
}

// Whether runtimes misread functions of the file, as of the model's operator set.
bool HasMisreadFunctions(std::span<const std::byte> file) {
  const int64_t common = StandardSet(WireReader(file), 8);
  bool differ = false;
  WireReader model(file);
  for (WireField field; model.Next(field) && !differ;) {
    if (field.number != 25 || field.type != WireType::kBytes) continue;
    const int64_t own = StandardSet(model.Enter(field), 9);
    differ = own != 0 && own != common;
  }
  if (!differ || !graph::ReadOnnxSummary(file).ok()) return false;
  const auto onnx = graph::ReadOnnxModel(file);
  return onnx.ok() && graph::HasMisreadFunctions(*onnx);
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

// Changes the model step by step, and says what it did.
class Preparation {
 public:
  Preparation(const OnnxSummary& summary, const ImportOptions& options, OnnxModel& model)
      : summary_(summary), options_(options), model_(model) {}

  Status Run(ImportedModel& out) {
    SLIPWAY_RETURN_IF_ERROR(TakeInFiles());
    SLIPWAY_RETURN_IF_ERROR(InlineFunctions());
    if (!options_.keep_zip_maps) SLIPWAY_RETURN_IF_ERROR(Unzip(out));
    DropInputs();
    const graph::Cleanup removed = graph::RemoveUnused(model_);
    if (removed.nodes + removed.initializers > 0) {
      changes_.push_back(StrCat(removed.nodes, " nodes and ", removed.initializers,
                                " constants that no output needs are gone"));
    }
    SLIPWAY_ASSIGN_OR_RETURN(const graph::ModelTypes types, Check());
    SLIPWAY_RETURN_IF_ERROR(options_.keep_opset ? ReplaceUpsample(types) : Upgrade(types, out));
    model_.ir_version = std::max(model_.ir_version, graph::GraphBuilder::kIrVersion);
    out.structure.insert(out.structure.end(), changes_.begin(), changes_.end());
    return base::OkStatus();
  }

 private:
  Status TakeInFiles() {
    if (summary_.external.empty()) return base::OkStatus();
    if (options_.files == nullptr) {
      return base::InvalidArgument(
          StrCat("tensor '", Printable(summary_.external[0].name),
                 "' lies in another file, which cannot be read from here"));
    }
    const uint64_t most =
        std::min(graph::OnnxLimits().max_file_bytes, options_.limits.max_file_bytes);
    if (summary_.file_bytes + summary_.external_bytes > most) {
      return base::ResourceExhausted(
          StrCat("with its tensors of ", base::FormatByteSize(summary_.external_bytes),
                 " the file would have more than ", base::FormatByteSize(most),
                 ", the most ONNX can have: serve it as it is"));
    }
    ExternalFiles files(*options_.files, options_.directory);
    SLIPWAY_RETURN_IF_ERROR(graph::FoldExternalData(
        [&files](std::string_view location, uint64_t offset, uint64_t size) {
          return files.Read(location, offset, size);
        },
        model_));
    changes_.push_back(
        StrCat(summary_.external.size(), " tensors of other files are in the model"));
    return base::OkStatus();
  }

  Status InlineFunctions() {
    const size_t functions = model_.functions.size();
    SLIPWAY_ASSIGN_OR_RETURN(const size_t calls, graph::InlineFunctions(model_));
    if (functions > 0) {
      changes_.push_back(StrCat("the bodies of ", functions,
                                " functions stand where they were called, ", calls, " times"));
    }
    return base::OkStatus();
  }

  Status Unzip(ImportedModel& out) {
    SLIPWAY_ASSIGN_OR_RETURN(std::vector<UnzippedOutput> unzipped, UnzipOutputs(model_));
    for (const UnzippedOutput& output : unzipped) {
      changes_.push_back(StrCat("output '", Printable(output.name), "': a tensor of ",
                                output.classes.size(), " columns instead of maps"));
    }
    if (unzipped.size() == 1) out.class_names = std::move(unzipped[0].classes);
    return base::OkStatus();
  }

  void DropInputs() {
    std::set<std::string_view> initialized;
    for (const auto& one : model_.graph.initializers) initialized.insert(one.name);
    const bool must_go = model_.ir_version < kIrWithDefaults;
    if (options_.keep_optional_inputs && !must_go) return;
    const size_t constants = std::erase_if(
        model_.graph.inputs,
        [&](const graph::NamedMessage& one) { return initialized.contains(one.name); });
    if (constants > 0 && !must_go) {
      changes_.push_back(StrCat(constants, " inputs with a default became constants"));
    }
  }

  // Refuses what cannot fit, and tells what the outputs are.
  Result<graph::ModelTypes> Check() {
    SLIPWAY_ASSIGN_OR_RETURN(graph::ModelTypes types, graph::InferTypes(model_));
    SLIPWAY_RETURN_IF_ERROR(graph::CompleteOutputs(types.main, model_));
    return types;
  }

  Status Upgrade(const graph::ModelTypes& types, ImportedModel& out) {
    SLIPWAY_ASSIGN_OR_RETURN(const graph::OpsetUpgrade upgrade, graph::UpgradeOpset(types, model_));
    if (upgrade.to > upgrade.from) {
      graph::RemoveUnused(model_);
      SLIPWAY_RETURN_IF_ERROR(Check().status());
      changes_.push_back(StrCat("operators of ai.onnx ", upgrade.from, " became those of ",
                                upgrade.to, ", ", upgrade.rewritten, " nodes in another form"));
    }
    const size_t shown = std::min(upgrade.obstacles.size(), kShownObstacles);
    for (size_t i = 0; i < shown; ++i) {
      out.warnings.push_back(
          StrCat("the operators stay those of ai.onnx ", upgrade.from, ": ", upgrade.obstacles[i]));
    }
    if (upgrade.obstacles.size() > shown) {
      out.warnings.push_back(
          StrCat("and ", upgrade.obstacles.size() - shown, " more nodes like these"));
    }
    return upgrade.to > upgrade.from ? base::OkStatus() : ReplaceUpsample(types);
  }

  // In a model that stays in its set.
  Status ReplaceUpsample(const graph::ModelTypes& types) {
    const auto set = model_.opsets.find("");
    if (set == model_.opsets.end()) return base::OkStatus();
    SLIPWAY_ASSIGN_OR_RETURN(const graph::OpsetUpgrade upgrade,
                             graph::UpgradeTo(set->second, types, model_));
    if (upgrade.rewritten > 0) {
      graph::RemoveUnused(model_);
      changes_.push_back(StrCat(upgrade.rewritten, " nodes Upsample, which ai.onnx ", set->second,
                                " does not have, became Resize"));
    }
    return base::OkStatus();
  }

  const OnnxSummary& summary_;
  const ImportOptions& options_;
  OnnxModel& model_;
  std::vector<std::string> changes_;
};

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
  SLIPWAY_ASSIGN_OR_RETURN(OnnxModel onnx, graph::ReadOnnxModel(file));
  ImportedModel model;
  model.format = "ONNX";
  model.framework = summary.producer_name;
  model.framework_version = summary.producer_version;
  model.structure = Structure(summary);
  model.has_other_files = !summary.external.empty();
  SLIPWAY_RETURN_IF_ERROR(Preparation(summary, options, onnx).Run(model));
  model.onnx = graph::WriteOnnxModel(onnx);
  graph::TabularMetadata metadata;
  metadata.classes = model.class_names;
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
          [](std::span<const std::byte> file) {
            return LooksLikeOnnx(file) && (HasZipMap(file) || HasMisreadFunctions(file));
          },
      .import = Import};
  return kImporter;
}

}  // namespace slipway::import::onnx
