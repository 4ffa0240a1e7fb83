#include "app/server/model_settings.h"

#include <algorithm>
#include <cmath>

#include "app/server/config_fields.h"
#include "app/server/padding_field.h"
#include "app/server/state_field.h"
#include "base/check.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::ConfigField;
using base::ConfigValue;
using base::StrCat;

// What is given, as {name: value, section: {name: value}}.
std::string PrintGiven(std::span<const ConfigField> given) {
  std::string out = "{";
  std::string_view open;
  for (const ConfigField& field : given) {
    const size_t dot = field.path.find('.');
    const bool nested = dot != std::string_view::npos;
    const std::string_view section = nested ? field.path.substr(0, dot) : std::string_view();
    const bool same = section == open;
    if (!same && !open.empty()) out.append("}");
    if (out.size() > 1) out.append(", ");
    if (!same && nested) out.append(section).append(": {");
    open = section;
    out.append(nested ? field.path.substr(dot + 1) : field.path).append(": ").append(field.print());
  }
  return out.append(open.empty() ? "}" : "}}");
}

constexpr size_t kMostOperatorThreads = 16;  // that are chosen; more hardly help a single row
constexpr int64_t kMostWeight = 100;  // that of the IO threads: only root may give a thread more

// Each step of nice(2) is a fifth less of a busy processor. Source: sched(7), and
// sched_prio_to_weight in Linux' kernel/sched/core.c.
int NiceFor(int64_t weight) {
  const double steps =
      std::log(static_cast<double>(kMostWeight) / static_cast<double>(weight)) / std::log(1.25);
  return std::min(static_cast<int>(std::lround(steps)), 19);
}

}  // namespace

std::vector<ConfigField> ModelSettings::Fields() {
  return {
      Text("provider", "ONNX Runtime's execution provider: cpu, cuda, tensorrt, openvino, ...",
           provider),
      Count("intra_op_threads",
            "Threads inside one operator; 0: 1, or one per processor for a model of which a single "
            "row "
            "takes more than 0.4 of its objective, if it is quicker then",
            intra_op_threads, 0),
      Count("batching.max_rows",
            "Rows of requests that run together, where a model was measured to gain from it; 1: "
            "every request runs alone",
            max_batch_rows, 1),
      Time("batching.max_delay",
           "How long a batch that is not full waits for more; 0: it never waits", max_batch_delay),
      Counts("batching.preferred_sizes",
             "Rows that a batch of a queue should have: it runs once it has so many, and is not "
             "made larger unless it reaches the next of these; empty: the larger, the better",
             preferred_batch_rows, 1),
      Padding(
          "batching.pad",
          "By the names of inputs: what rows that are shorter than others of a batch are filled "
          "up with, for example {input_ids: 0, attention_mask: 0}; not used where rows are then "
          "answered otherwise than alone; empty: zeros, of models with a mask",
          pad),
      Time("objective",
           "Requests to slow models that would be answered later than this are refused (429), and "
           "how their batches run is chosen by it unless batching.max_delay, "
           "batching.preferred_sizes or queue_threads is set; 0: no objective",
           objective),
      Time("timeout",
           "Requests not answered in this time fail (504); a client may ask for less; 0: no limit",
           timeout),
      Count("queue_threads",
            "Threads of each model that is too slow for the IO threads; 0: one per processor",
            queue_threads, 0),
      Count("max_queued", "Requests that may wait for one such model (429)", max_queued, 1),
      Flag("shed_overload",
           "While more requests come to such a model than can be done, refuse (429) those beyond "
           "the next batch of each thread, or beyond half of the objective",
           shed_overload),
      Text("overflow_model",
           "Model that answers what the queue of such a model refuses, with the same inputs and "
           "outputs: a smaller one; its name is in the answer; empty: none",
           overflow_model),
      Flag("fair_share",
           "Clients that wait for such a model get equal shares of its time, however many requests "
           "each of them sends; false: first come, first served",
           fair_share),
      Count("cpu_weight",
            "Share of a busy processor that the threads of such a model get beside the IO threads "
            "and other models, 1 to 100: with 50 half as much as with 100",
            cpu_weight, 1),
      Time("max_run_time", "A run of a slow model that takes longer is stopped; 0: no limit",
           max_run_time),
      Text("isolation",
           "none: the model runs in the server; process: in a process of its own, which may crash, "
           "spin or be ended without the server",
           isolation),
      Bytes("process_memory",
            "Private memory that a process of its own may have, weights included; 0: no limit",
            process_memory_bytes),
      Bytes("cache.max_bytes",
            "Memory for answers of a model version, which equal requests then get without a run: "
            "only for models that answer the same request in the same way each time; 0: no cache",
            cache_bytes),
      Bytes("cache.max_request",
            "Requests with more bytes of inputs are run without looking for an answer",
            cache_request_bytes),
      States("sequence.state",
             "Inputs of the model that get what an output gave in the run before: the state of a "
             "sequence of requests, which the server keeps and clients do not see. Each {input, "
             "output}, and 'shape' where the model does not say what it begins with, zeros; empty: "
             "none",
             states),
      Time("sequence.idle_timeout",
           "A sequence without a request for this long is forgotten; 0: none is", sequence_idle),
      Count("sequence.max_sequences",
            "Sequences of such a model at the same time (429); the memory of their states is "
            "reserved",
            max_sequences, 1),
  };
}

base::Status ModelSettings::Validate() const {
  for (const int64_t rows : preferred_batch_rows) {
    if (rows > max_batch_rows) {
      return base::InvalidArgument(StrCat("batching.preferred_sizes: expected at most ",
                                          max_batch_rows, " (batching.max_rows), got ", rows));
    }
  }
  if (cpu_weight > kMostWeight) {
    return base::InvalidArgument(
        StrCat("cpu_weight: expected 1 to ", kMostWeight, ", got ", cpu_weight));
  }
  if (isolation != "none" && isolation != "process") {
    return base::InvalidArgument(
        StrCat("isolation: expected 'none' or 'process', got '", base::Printable(isolation), "'"));
  }
  if (!overflow_model.empty() && (!states.empty() || cache_bytes > 0)) {
    return base::InvalidArgument(
        StrCat("overflow_model: expected none for a model with ",
               cache_bytes > 0 ? "cache.max_bytes, which looks for an answer before its queue"
                               : "sequence.state, which no other model has"));
  }
  if (!states.empty() && cache_bytes > 0) {
    return base::InvalidArgument(
        "cache.max_bytes: expected 0 for a model with sequence.state, whose answers to equal "
        "requests differ");
  }
  return base::OkStatus();
}

std::string ModelSettings::Print() const {
  ModelSettings copy = *this;  // fields are bound to what they may change
  return PrintGiven(copy.Fields());
}

size_t ModelSettings::QueueThreads(size_t processors) const {
  return queue_threads > 0 ? static_cast<size_t>(queue_threads) : processors;
}

lifecycle::ModelConfig ModelSettings::ToConfig(size_t processors) const {
  lifecycle::ModelConfig config;
  config.engine.provider = provider;
  config.engine.intra_op_threads = static_cast<int>(std::max<int64_t>(1, intra_op_threads));
  config.engine.own_process = isolation == "process";
  config.engine.process_lanes = static_cast<int>(QueueThreads(processors));
  config.engine.process_memory = process_memory_bytes;
  config.engine.states = states;
  config.reserve_bytes = cache_bytes;
  config.max_sequences = states.empty() ? 0 : static_cast<uint64_t>(max_sequences);
  config.run_settings = Print();
  return config;
}

inference::ModelRuntime::Options ModelSettings::ToRuntime(size_t processors,
                                                          size_t io_threads) const {
  inference::ModelRuntime::Options options;
  options.stat_shards = io_threads;
  options.max_batch_rows = max_batch_rows;
  options.timeout = timeout;
  options.pad = pad;
  options.queue.threads = QueueThreads(processors);
  options.overflow_model = overflow_model;
  options.queue.max_run_time = max_run_time;
  options.queue.max_delay = max_batch_delay;
  options.queue.preferred_rows = preferred_batch_rows;
  std::ranges::sort(options.queue.preferred_rows);
  options.queue.objective = objective;
  options.queue.adapt = objective.count() > 0 && max_batch_delay.count() == 0 &&
                        queue_threads == 0 && preferred_batch_rows.empty();
  if (options.queue.adapt && intra_op_threads == 0) {
    options.most_operator_threads =
        static_cast<int>(std::min<size_t>(processors, kMostOperatorThreads));
  }
  options.queue.max_queued = static_cast<size_t>(max_queued);
  options.queue.shed_overload = shed_overload;
  options.queue.fair_share = fair_share;
  options.queue.nice = NiceFor(cpu_weight);
  options.sequence = {.max_sequences = static_cast<size_t>(max_sequences),
                      .idle_timeout = sequence_idle,
                      .max_waiting = static_cast<size_t>(max_queued)};
  options.cache = {.max_bytes = cache_bytes, .max_request_bytes = cache_request_bytes};
  return options;
}

base::Status OwnModelSettings::Read(const ConfigValue& section) {
  models_.clear();
  if (section.kind() == ConfigValue::Kind::kNull) return base::OkStatus();
  if (section.kind() != ConfigValue::Kind::kMap) {
    return section.Error("expected model names, each with settings such as {objective: 50ms}");
  }
  for (const auto& [name, settings] : section.map()) {
    const bool is_section = settings.kind() == ConfigValue::Kind::kMap;
    if (!is_section && settings.kind() != ConfigValue::Kind::kNull) {
      return settings.Error(StrCat("model '", base::Printable(name.text()),
                                   "': expected settings such as {objective: 50ms}"));
    }
    ModelSettings scratch;
    std::vector<ConfigField> fields = scratch.Fields();
    std::vector<Given>& given = models_[name.text()];
    for (ConfigField& field : fields) {
      field.set = [&given, path = field.path,
                   set = std::move(field.set)](const ConfigValue& value) -> base::Status {
        SLIPWAY_RETURN_IF_ERROR(set(value));
        given.emplace_back(path, value);
        return base::OkStatus();
      };
    }
    SLIPWAY_RETURN_IF_ERROR(base::ReadConfig(settings, fields));
  }
  return base::OkStatus();
}

std::string OwnModelSettings::Print() const {
  std::string out = "{";
  for (const auto& [name, given] : models_) {
    if (out.size() > 1) out.append(", ");
    base::AppendJsonString(out, name);
    ModelSettings settings = For(name, {});
    std::vector<ConfigField> own;
    for (const ConfigField& field : settings.Fields()) {
      const bool is_given = std::ranges::find(given, field.path, &Given::first) != given.end();
      if (is_given) own.push_back(field);
    }
    out.append(": ").append(PrintGiven(own));
  }
  return out.append("}");
}

std::vector<std::string> OwnModelSettings::names() const {
  std::vector<std::string> names;
  names.reserve(models_.size());
  for (const auto& [name, given] : models_) names.push_back(name);
  return names;
}

ModelSettings OwnModelSettings::For(std::string_view name, ModelSettings defaults) const {
  const auto own = models_.find(name);
  if (own == models_.end()) return defaults;
  const std::vector<ConfigField> fields = defaults.Fields();
  for (const auto& [path, value] : own->second) {
    const auto field = std::ranges::find(fields, path, &ConfigField::path);
    SLIPWAY_CHECK(field->set(value).ok());  // Read() has tried it
  }
  return defaults;
}

}  // namespace slipway::app
