#include "app/inspect_report.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "app/console/table_text.h"
#include "base/str_cat.h"
#include "base/text.h"
#include "tensor/dtype.h"

namespace slipway::app {
namespace {

using base::FormatByteSize;
using base::StrCat;
using graph::OnnxSummary;
using graph::OnnxValue;
using nlohmann::json;

constexpr size_t kWidth = 80;
constexpr size_t kMetadataBytes = 60;  // of a value shown to people

std::string_view KindName(OnnxValue::Kind kind) {
  switch (kind) {
    case OnnxValue::Kind::kTensor:
      return "tensor";
    case OnnxValue::Kind::kSequence:
      return "sequence";
    case OnnxValue::Kind::kMap:
      return "map";
    case OnnxValue::Kind::kOptional:
      return "optional";
    case OnnxValue::Kind::kSparse:
      return "sparse tensor";
    case OnnxValue::Kind::kOpaque:
      return "opaque";
    case OnnxValue::Kind::kUndeclared:
      break;
  }
  return "undeclared";
}

// Before IR version 4 initializers had to be among the inputs: those are none.
bool IsInput(const OnnxSummary& summary, const OnnxValue& value) {
  return !value.has_initializer || summary.IsOptional(value);
}

std::string SizeText(uint64_t bytes) {
  return bytes < 1024 ? StrCat(bytes, " B")
                      : StrCat(FormatByteSize(bytes), " (", WithThousands(bytes), " B)");
}

std::string OpsetText(const OnnxSummary& summary) {
  std::string text = StrCat("ONNX, IR version ", summary.ir_version);
  for (const auto& [domain, version] : summary.opsets) text += StrCat(", ", domain, " ", version);
  return text;
}

std::string ModelText(const InspectReport& report) {
  return report.model.version ? StrCat(report.model.name, " version ", *report.model.version)
                              : report.model.name;
}

std::string FileSizeText(const OnnxSummary& summary) {
  std::string text = SizeText(summary.file_bytes);
  if (summary.external_bytes > 0) {
    text += StrCat(" + ", FormatByteSize(summary.external_bytes), " in other files");
  }
  return text;
}

std::string ParameterText(const OnnxSummary& summary) {
  if (summary.parameter_count == 0) return "none in tensors (trees hold theirs in attributes)";
  return StrCat(WithThousands(summary.parameter_count), " in ",
                WithThousands(summary.initializer_count), " weight tensors, ",
                FormatByteSize(summary.parameter_bytes));
}

std::string LoadText(const InspectReport& report) {
  if (!report.load) return StrCat(report.engine, ", not tried (--no-load)");
  if (!report.load->status.ok()) {
    return StrCat(report.engine, " does NOT load it: ", report.load->status.message());
  }
  return StrCat(report.engine, " loads it, in ", base::FormatDuration(report.load->time));
}

void PrintFacts(const InspectReport& report, std::ostream& out) {
  const OnnxSummary& summary = report.summary;
  std::vector<std::pair<std::string, std::string>> facts;
  facts.emplace_back("model", ModelText(report));
  facts.emplace_back("format", OpsetText(summary));
  if (!summary.producer_name.empty()) {
    facts.emplace_back("producer", StrCat(summary.producer_name, " ", summary.producer_version));
  }
  facts.emplace_back("size", FileSizeText(summary));
  facts.emplace_back("digest", report.digest);
  facts.emplace_back("parameters", ParameterText(summary));
  facts.emplace_back("memory", report.memory_bytes.ok()
                                   ? StrCat("about ", FormatByteSize(*report.memory_bytes),
                                            " when loaded, by estimate")
                                   : report.memory_bytes.status().message());
  facts.emplace_back("engine", LoadText(report));
  for (const auto& [name, value] : facts) {
    out << "  " << name << std::string(12 - name.size(), ' ')
        << base::Printable(base::TrimWhitespace(value), 4096) << "\n";
  }
}

void PrintValues(const char* title, const OnnxSummary& summary,
                 const std::vector<OnnxValue>& values, std::ostream& out) {
  out << "\n" << title << "\n";
  TableText table({{}, {}, {}, {}});
  for (const OnnxValue& value : values) {
    if (!IsInput(summary, value)) continue;
    table.Add({value.name, DatatypeText(value), ShapeText(value),
               summary.IsOptional(value) ? "optional" : ""});
  }
  if (table.empty()) out << "  none\n";
  table.Print(out);
}

void PrintOperators(const OnnxSummary& summary, std::ostream& out) {
  out << "\noperators: " << WithThousands(summary.node_count)
      << (summary.node_count == 1 ? " node" : " nodes");
  if (summary.subgraph_count > 0) out << ", " << summary.subgraph_count << " subgraphs";
  if (!summary.functions.empty()) out << ", " << summary.functions.size() << " functions";
  out << "\n";
  std::vector<std::string> words;
  for (const graph::OnnxOperator& one : summary.operators) {
    const std::string domain = one.domain == "ai.onnx" ? "" : one.domain + ".";
    words.push_back(base::Printable(StrCat(domain, one.type, " ", WithThousands(one.count)), 256));
  }
  PrintWrapped(words, kWidth, out);
}

void PrintMetadata(const OnnxSummary& summary, std::ostream& out) {
  if (summary.metadata.empty()) return;
  out << "\nmetadata\n";
  TableText table({{}, {}});
  for (const auto& [key, value] : summary.metadata) {
    const bool cut = value.size() > kMetadataBytes;
    table.Add({base::Printable(key, kMetadataBytes),
               StrCat(value.substr(0, kMetadataBytes), cut ? "..." : "")});
  }
  table.Print(out);
}

json ValuesJson(const OnnxSummary& summary, const std::vector<OnnxValue>& values) {
  json list = json::array();
  for (const OnnxValue& value : values) {
    if (!IsInput(summary, value)) continue;
    json one = {{"name", value.name},
                {"kind", KindName(value.kind)},
                {"datatype", DatatypeText(value)},
                {"shape", value.has_shape ? json(value.dims) : json(nullptr)},
                {"dim_names", value.dim_names},
                {"optional", summary.IsOptional(value)}};
    list.push_back(std::move(one));
  }
  return list;
}

json OperatorsJson(const OnnxSummary& summary) {
  json list = json::array();
  for (const graph::OnnxOperator& one : summary.operators) {
    list.push_back({{"domain", one.domain}, {"type", one.type}, {"count", one.count}});
  }
  return list;
}

json EngineJson(const InspectReport& report) {
  json engine = {{"name", report.engine}, {"loads", nullptr}};
  if (report.load) {
    engine["loads"] = report.load->status.ok();
    if (report.load->status.ok()) {
      engine["load_ms"] = std::chrono::duration<double, std::milli>(report.load->time).count();
    } else {
      engine["error"] = report.load->status.message();
    }
  }
  return engine;
}

}  // namespace

std::string DatatypeText(const OnnxValue& value) {
  if (value.kind != OnnxValue::Kind::kTensor) return std::string(KindName(value.kind));
  const auto dtype = graph::ToDType(value.element_type);
  return dtype ? std::string(tensor::DTypeName(*dtype))
               : graph::ElementTypeName(value.element_type);
}

std::string ShapeText(const OnnxValue& value) {
  if (!value.has_shape) return value.kind == OnnxValue::Kind::kTensor ? "[...]" : "";
  std::string text = "[";
  for (size_t i = 0; i < value.dims.size(); ++i) {
    if (i > 0) text.push_back(',');
    if (value.dims[i] >= 0) {
      text += StrCat(value.dims[i]);
    } else {
      text += value.dim_names[i].empty() ? "?" : value.dim_names[i];
    }
  }
  return text + "]";
}

void PrintReport(const InspectReport& report, std::ostream& out) {
  out << report.path << "\n";
  PrintFacts(report, out);
  PrintValues("inputs", report.summary, report.summary.inputs, out);
  PrintValues("outputs", report.summary, report.summary.outputs, out);
  PrintOperators(report.summary, out);
  PrintMetadata(report.summary, out);
}

json ReportJson(const InspectReport& report) {
  const OnnxSummary& summary = report.summary;
  return {
      {"path", report.path},
      {"model", report.model.name},
      {"version", report.model.version ? json(*report.model.version) : json(nullptr)},
      {"digest", report.digest},
      {"file_bytes", summary.file_bytes},
      {"external_bytes", summary.external_bytes},
      {"ir_version", summary.ir_version},
      {"opsets", summary.opsets},
      {"producer", {{"name", summary.producer_name}, {"version", summary.producer_version}}},
      {"domain", summary.domain},
      {"model_version", summary.model_version},
      {"graph_name", summary.graph_name},
      {"inputs", ValuesJson(summary, summary.inputs)},
      {"outputs", ValuesJson(summary, summary.outputs)},
      {"operators", OperatorsJson(summary)},
      {"node_count", summary.node_count},
      {"subgraph_count", summary.subgraph_count},
      {"functions", summary.functions},
      {"parameters",
       {{"count", summary.parameter_count},
        {"bytes", summary.parameter_bytes},
        {"tensors", summary.initializer_count}}},
      {"memory_bytes", report.memory_bytes.ok() ? json(*report.memory_bytes) : json(nullptr)},
      {"engine", EngineJson(report)},
      {"metadata", summary.metadata},
  };
}

}  // namespace slipway::app
