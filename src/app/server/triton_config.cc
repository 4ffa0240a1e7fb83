#include "app/server/triton_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::app {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;
using base::StrCat;
using lifecycle::VersionPolicy;
using Json = nlohmann::json;

constexpr int64_t kMostMicroseconds = 1'000'000'000'000;  // eleven days
constexpr int64_t kMostInstances = 1024;

// The fields of Triton's ModelConfig. Source: model_config.proto.
constexpr std::array<std::string_view, 26> kModelConfigFields = {"name",
                                                                 "platform",
                                                                 "backend",
                                                                 "runtime",
                                                                 "version_policy",
                                                                 "max_batch_size",
                                                                 "input",
                                                                 "output",
                                                                 "batch_input",
                                                                 "batch_output",
                                                                 "optimization",
                                                                 "dynamic_batching",
                                                                 "sequence_batching",
                                                                 "ensemble_scheduling",
                                                                 "instance_group",
                                                                 "default_model_filename",
                                                                 "cc_model_filenames",
                                                                 "metric_tags",
                                                                 "parameters",
                                                                 "model_warmup",
                                                                 "model_operations",
                                                                 "model_transaction_policy",
                                                                 "model_repository_agents",
                                                                 "response_cache",
                                                                 "model_metrics",
                                                                 "scheduling_choice"};

// A value of the configuration, and its name for messages; null where there is none.
class Node {
 public:
  Node(const Json& json, std::string path) : json_(json), path_(std::move(path)) {}

  bool is_null() const { return json_.is_null(); }
  bool is_object() const { return json_.is_object(); }
  const std::string& path() const { return path_; }

  Result<Node> At(const char* name) const {
    static const Json kNull;
    if (is_null()) return Node(kNull, Below(name));
    if (!json_.is_object()) return Expected(StrCat("an object with '", name, "'"));
    const auto found = json_.find(name);
    return Node(found == json_.end() ? kNull : *found, Below(name));
  }
  bool Has(const char* name) const { return json_.is_object() && json_.contains(name); }

  // Of an object's fields.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    if (!json_.is_object()) return names;
    for (const auto& [name, unused] : json_.items()) names.push_back(name);
    return names;
  }

  // A number that ModelConfig's JSON form may write as a number or as text.
  Result<int64_t> Number(int64_t least, int64_t most = int64_t{1} << 30) const {
    const std::string text = json_.is_string() ? json_.get<std::string>() : json_.dump();
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return Expected("a whole number");
    if (number < least || number > most) {
      return Expected(StrCat("a number from ", least, " to ", most));
    }
    return number;
  }
  Result<bool> Boolean() const {
    if (!json_.is_boolean()) return Expected("true or false");
    return json_.get<bool>();
  }
  Result<std::string> Text() const {
    if (!json_.is_string()) return Expected("text");
    return json_.get<std::string>();
  }
  Result<std::vector<Node>> Items() const {
    if (!json_.is_array()) return Expected("a list");
    std::vector<Node> items;
    items.reserve(json_.size());
    for (size_t i = 0; i < json_.size(); ++i) {
      items.emplace_back(json_[i], StrCat(path_, "[", i, "]"));
    }
    return items;
  }
  Status Expected(std::string_view what) const {
    return InvalidArgument(StrCat("model config, ", path_, ": expected ", what, ", got ",
                                  base::Printable(json_.dump(-1, ' ', false, kReplace), 200)));
  }

 private:
  static constexpr auto kReplace = Json::error_handler_t::replace;
  std::string Below(const char* name) const {
    return path_.empty() ? std::string(name) : StrCat(path_, ".", name);
  }

  const Json& json_;
  const std::string path_;
};

// A parser and a printer of JSON that call themselves must not meet text as deep as it likes.
base::Status CheckDepth(std::string_view json) {
  constexpr int kMaxDepth = 64;
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) {
        return base::InvalidArgument(
            StrCat("model config: expected at most ", kMaxDepth, " nested levels"));
      }
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return base::OkStatus();
}

Result<VersionPolicy> ReadPolicy(const Node& node) {
  VersionPolicy policy;
  if (node.Has("all")) {
    policy.kind = VersionPolicy::Kind::kAll;
    return policy;
  }
  if (node.Has("latest")) {
    SLIPWAY_ASSIGN_OR_RETURN(const Node latest, node.At("latest"));
    SLIPWAY_ASSIGN_OR_RETURN(const Node count, latest.At("num_versions"));
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t number, count.is_null() ? 1 : count.Number(1));
    policy.count = static_cast<size_t>(number);
    return policy;
  }
  if (!node.Has("specific")) return node.Expected("'latest', 'all' or 'specific'");
  policy.kind = VersionPolicy::Kind::kSpecific;
  SLIPWAY_ASSIGN_OR_RETURN(const Node specific, node.At("specific"));
  SLIPWAY_ASSIGN_OR_RETURN(const Node versions, specific.At("versions"));
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Node> items, versions.Items());
  for (const Node& item : items) {
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t version,
                             item.Number(0, std::numeric_limits<int64_t>::max()));
    policy.versions.push_back(version);
  }
  std::ranges::sort(policy.versions);
  const auto repeated = std::ranges::unique(policy.versions);
  policy.versions.erase(repeated.begin(), repeated.end());
  return policy;
}

Status ReadQueuePolicy(const Node& batching, TritonConfig& out) {
  SLIPWAY_ASSIGN_OR_RETURN(const Node policy, batching.At("default_queue_policy"));
  SLIPWAY_ASSIGN_OR_RETURN(const Node size, policy.At("max_queue_size"));
  if (!size.is_null()) {
    SLIPWAY_ASSIGN_OR_RETURN(out.max_queue_size, size.Number(0));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Node timeout, policy.At("default_timeout_microseconds"));
  if (!timeout.is_null()) {
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t us, timeout.Number(0, kMostMicroseconds));
    out.default_timeout = std::chrono::microseconds(us);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Node action, policy.At("timeout_action"));
  if (action.is_null()) return base::OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, action.Text());
  if (name == "REJECT") return base::OkStatus();
  return action.Expected("REJECT: what is late is never run");
}

Status ReadBatching(const Node& batching, TritonConfig& out) {
  SLIPWAY_ASSIGN_OR_RETURN(const Node sizes, batching.At("preferred_batch_size"));
  if (!sizes.is_null()) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Node> items, sizes.Items());
    std::vector<int64_t>& preferred = out.preferred_sizes.emplace();
    for (const Node& item : items) {
      SLIPWAY_ASSIGN_OR_RETURN(preferred.emplace_back(), item.Number(1));
    }
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Node delay, batching.At("max_queue_delay_microseconds"));
  if (!delay.is_null()) {
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t us, delay.Number(0, kMostMicroseconds));
    out.max_queue_delay = std::chrono::microseconds(us);
  }
  return ReadQueuePolicy(batching, out);
}

// kUnimplemented, with all of them, when `node` has other fields than these.
Status RefuseOthers(const Node& node, std::span<const std::string_view> known) {
  std::string others;
  for (const std::string& name : node.Names()) {
    if (std::ranges::find(known, name) != known.end()) continue;
    others.append(StrCat(others.empty() ? "'" : ", '", base::Printable(name), "'"));
  }
  if (others.empty()) return base::OkStatus();
  return base::Unimplemented(
      StrCat("model config, ", node.path(), ": ", others, " not supported; leave out"));
}

// A state begins with zeros here; Triton can have it begin with what a file says.
Status ReadInitialState(const Node& initial) {
  constexpr std::array<std::string_view, 4> kKnown = {"data_type", "dims", "zero_data", "name"};
  if (initial.is_null()) return base::OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Node> items, initial.Items());
  for (const Node& item : items) {
    SLIPWAY_RETURN_IF_ERROR(RefuseOthers(item, kKnown));
    SLIPWAY_ASSIGN_OR_RETURN(const Node zeros, item.At("zero_data"));
    SLIPWAY_ASSIGN_OR_RETURN(const bool is_zero, zeros.Boolean());
    if (!is_zero) return zeros.Expected("true");
  }
  return base::OkStatus();
}

Result<tensor::DType> ReadDType(const Node& node) {
  constexpr std::string_view kPrefix = "TYPE_";
  SLIPWAY_ASSIGN_OR_RETURN(const std::string name, node.Text());
  const auto dtype = name.starts_with(kPrefix)
                         ? tensor::ParseDType(std::string_view(name).substr(kPrefix.size()))
                         : std::nullopt;
  if (!dtype) return node.Expected("a datatype such as TYPE_FP32");
  return *dtype;
}

// `with_rows`: dims leave out the batch dimension, as they do where max_batch_size is above 0.
Status ReadState(const Node& node, bool with_rows, engine::StateOption& out) {
  constexpr std::array<std::string_view, 5> kKnown = {"input_name", "output_name", "data_type",
                                                      "dims", "initial_state"};
  SLIPWAY_RETURN_IF_ERROR(RefuseOthers(node, kKnown));
  SLIPWAY_ASSIGN_OR_RETURN(const Node input, node.At("input_name"));
  SLIPWAY_ASSIGN_OR_RETURN(out.input, input.Text());
  SLIPWAY_ASSIGN_OR_RETURN(const Node output, node.At("output_name"));
  SLIPWAY_ASSIGN_OR_RETURN(out.output, output.Text());
  SLIPWAY_ASSIGN_OR_RETURN(const Node dtype, node.At("data_type"));
  if (!dtype.is_null()) {
    SLIPWAY_ASSIGN_OR_RETURN(out.dtype, ReadDType(dtype));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Node dims, node.At("dims"));
  if (!dims.is_null()) {
    SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Node> items, dims.Items());
    if (with_rows) out.shape.push_back(1);
    for (const Node& item : items) {
      SLIPWAY_ASSIGN_OR_RETURN(out.shape.emplace_back(), item.Number(1));
    }
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Node initial, node.At("initial_state"));
  return ReadInitialState(initial);
}

Status ReadSequences(const Node& sequences, TritonConfig& out) {
  constexpr std::array<std::string_view, 2> kKnown = {"max_sequence_idle_microseconds", "state"};
  if (sequences.is_null()) return base::OkStatus();
  out.sequence_batching = true;
  SLIPWAY_ASSIGN_OR_RETURN(const Node idle, sequences.At("max_sequence_idle_microseconds"));
  SLIPWAY_RETURN_IF_ERROR(RefuseOthers(sequences, kKnown));
  if (!idle.is_null()) {
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t us, idle.Number(0, kMostMicroseconds));
    if (us > 0) out.sequence_idle = std::chrono::microseconds(us);
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Node state, sequences.At("state"));
  if (state.is_null()) return base::OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Node> items, state.Items());
  for (const Node& item : items) {
    SLIPWAY_RETURN_IF_ERROR(
        ReadState(item, out.max_batch_size.value_or(0) > 0, out.states.emplace_back()));
  }
  return base::OkStatus();
}

Status ReadInstances(const Node& groups, TritonConfig& out) {
  SLIPWAY_ASSIGN_OR_RETURN(const std::vector<Node> items, groups.Items());
  int64_t instances = 0;
  for (const Node& group : items) {
    SLIPWAY_ASSIGN_OR_RETURN(const Node count, group.At("count"));
    SLIPWAY_ASSIGN_OR_RETURN(const int64_t number,
                             count.is_null() ? 1 : count.Number(1, kMostInstances));
    instances += number;
    if (instances > kMostInstances) {
      return groups.Expected(StrCat("at most ", kMostInstances, " instances"));
    }
    SLIPWAY_ASSIGN_OR_RETURN(const Node kind, group.At("kind"));
    if (kind.is_null()) continue;
    SLIPWAY_ASSIGN_OR_RETURN(const std::string name, kind.Text());
    if (name == "KIND_AUTO" || name == "KIND_CPU" || name == "KIND_MODEL") continue;
    return base::Unimplemented(StrCat(
        "model config, ", kind.path(), ": '", base::Printable(name),
        "' is not supported; the server's configuration says where a model runs (provider)"));
  }
  if (instances > 0) out.instances = instances;
  return base::OkStatus();
}

// What would run otherwise than the configuration says is refused.
Status RefuseWhatIsNotHere(const Node& config) {
  if (config.Has("ensemble_scheduling")) {
    return base::Unimplemented(
        "model config, ensemble_scheduling: it is not supported; leave it out");
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Node policy, config.At("model_transaction_policy"));
  SLIPWAY_ASSIGN_OR_RETURN(const Node decoupled, policy.At("decoupled"));
  if (decoupled.is_null()) return base::OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const bool is_decoupled, decoupled.Boolean());
  if (!is_decoupled) return base::OkStatus();
  return base::Unimplemented(
      "model config, model_transaction_policy.decoupled: expected false, got true: a model gives "
      "one "
      "answer to a request");
}

Status CheckFields(const Json& config) {
  if (!config.is_object()) {
    return InvalidArgument("model config: expected a JSON object");
  }
  for (const auto& [key, unused] : config.items()) {
    if (std::ranges::find(kModelConfigFields, key) == kModelConfigFields.end()) {
      const std::string_view near = base::NearestName(key, kModelConfigFields);
      return InvalidArgument(StrCat("model config: unknown field '", base::Printable(key), "'",
                                    near.empty() ? "" : "; did you mean '", near,
                                    near.empty() ? "" : "'?"));
    }
  }
  return base::OkStatus();
}

}  // namespace

Result<ModelSettings> TritonConfig::Applied(ModelSettings settings) const {
  if (max_batch_size) settings.max_batch_rows = std::max<int64_t>(1, *max_batch_size);
  if (preferred_sizes) settings.preferred_batch_rows = *preferred_sizes;
  if (max_queue_delay) settings.max_batch_delay = *max_queue_delay;
  const int64_t queue_size = max_queue_size.value_or(0);
  if (queue_size > 0) settings.max_queued = queue_size;
  if (default_timeout) settings.timeout = *default_timeout;
  if (instances) settings.queue_threads = *instances;
  if (!states.empty()) settings.states = states;
  if (sequence_idle) settings.sequence_idle = *sequence_idle;
  if (sequence_batching && settings.states.empty()) {
    return base::Unimplemented(
        "model config, sequence_batching: expected 'state': a model that keeps its state itself is "
        "not supported");
  }
  if (response_cache && !*response_cache) settings.cache_bytes = 0;
  if (response_cache.value_or(false) && settings.cache_bytes == 0) {
    return InvalidArgument(
        "model config, response_cache.enable: the server's configuration has no cache for this "
        "model; set cache.max_bytes there");
  }
  const Status valid = settings.Validate();
  if (!valid.ok()) return valid.WithContext("model config");
  return settings;
}

Result<TritonConfig> ReadTritonConfig(std::string_view json) {
  SLIPWAY_RETURN_IF_ERROR(CheckDepth(json));
  constexpr bool kThrow = false;
  const Json document = Json::parse(json, nullptr, kThrow);
  if (document.is_discarded()) return InvalidArgument("model config: not valid JSON");
  SLIPWAY_RETURN_IF_ERROR(CheckFields(document));
  const Node config(document, "");
  SLIPWAY_RETURN_IF_ERROR(RefuseWhatIsNotHere(config));
  TritonConfig out;
  SLIPWAY_ASSIGN_OR_RETURN(const Node policy, config.At("version_policy"));
  if (!policy.is_null()) {
    SLIPWAY_ASSIGN_OR_RETURN(out.version_policy, ReadPolicy(policy));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Node size, config.At("max_batch_size"));
  if (!size.is_null()) {
    SLIPWAY_ASSIGN_OR_RETURN(out.max_batch_size, size.Number(0));
  }
  SLIPWAY_ASSIGN_OR_RETURN(const Node batching, config.At("dynamic_batching"));
  SLIPWAY_RETURN_IF_ERROR(ReadBatching(batching, out));
  SLIPWAY_ASSIGN_OR_RETURN(const Node sequences, config.At("sequence_batching"));
  SLIPWAY_RETURN_IF_ERROR(ReadSequences(sequences, out));
  SLIPWAY_ASSIGN_OR_RETURN(const Node groups, config.At("instance_group"));
  if (!groups.is_null()) SLIPWAY_RETURN_IF_ERROR(ReadInstances(groups, out));
  SLIPWAY_ASSIGN_OR_RETURN(const Node cache, config.At("response_cache"));
  SLIPWAY_ASSIGN_OR_RETURN(const Node enable, cache.At("enable"));
  if (!enable.is_null()) {
    SLIPWAY_ASSIGN_OR_RETURN(out.response_cache, enable.Boolean());
  }
  return out;
}

}  // namespace slipway::app
