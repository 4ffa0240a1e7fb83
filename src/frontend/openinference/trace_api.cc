#include "frontend/openinference/trace_api.h"

#include <charconv>
#include <cstdint>

#include "base/str_cat.h"
#include "base/text.h"
#include "frontend/openinference/json_object.h"
#include "tensor/json_reader.h"

namespace slipway::frontend::openinference {
namespace {

using base::InvalidArgument;
using base::OkStatus;
using base::Printable;
using base::Result;
using base::Status;
using base::StrCat;
using tensor::JsonReader;

constexpr std::string_view kMode = "triton";

Result<std::string_view> OneText(const TraceWish& wish) {
  if (wish.values->size() == 1) return std::string_view(wish.values->front());
  return InvalidArgument(
      StrCat("'", wish.name, "': expected one value, got ", wish.values->size()));
}

template <typename Number>
Status ReadNumber(const TraceWish& wish, Number least, std::optional<std::optional<Number>>& to) {
  to.emplace();
  if (!wish.values) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view text, OneText(wish));
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least) {
    return InvalidArgument(StrCat("'", wish.name, "': expected a whole number of at least ", least,
                                  ", got '", Printable(text), "'"));
  }
  *to = number;
  return OkStatus();
}

Status ReadLevel(const TraceWish& wish, std::optional<std::optional<bool>>& to) {
  to.emplace();
  if (!wish.values) return OkStatus();
  bool off = false;
  bool timestamps = false;
  for (const std::string& level : *wish.values) {
    if (level == "TENSORS") {
      return base::Unimplemented("'trace_level': TENSORS is not supported; TIMESTAMPS is");
    }
    if (level != "OFF" && level != "TIMESTAMPS") {
      return InvalidArgument(
          StrCat("'trace_level': expected OFF or TIMESTAMPS, got '", Printable(level), "'"));
    }
    (level == "OFF" ? off : timestamps) = true;
  }
  if (off && timestamps)
    return InvalidArgument(
        "'trace_level': OFF goes with nothing else, got TIMESTAMPS too: send one");
  *to = timestamps;
  return OkStatus();
}

// A setting that can only be what it is.
Status ReadFixed(const TraceWish& wish, std::string_view now, std::string_view why_not) {
  if (!wish.values) return OkStatus();
  SLIPWAY_ASSIGN_OR_RETURN(const std::string_view text, OneText(wish));
  return text == now ? OkStatus() : base::Unimplemented(StrCat("'", wish.name, "' ", why_not));
}

Status ReadWish(const TraceWish& wish, const monitor::RequestTracer& tracer,
                monitor::TraceChange& change) {
  if (wish.name == "trace_level") return ReadLevel(wish, change.timestamps);
  if (wish.name == "trace_rate") return ReadNumber<uint64_t>(wish, 1, change.rate);
  if (wish.name == "trace_count") return ReadNumber<int64_t>(wish, -1, change.count);
  if (wish.name == "log_frequency") return ReadNumber<uint64_t>(wish, 0, change.log_frequency);
  if (wish.name == "trace_file") {
    return ReadFixed(wish, tracer.file(), "can be set at start only (trace.file)");
  }
  if (wish.name == "trace_mode") return ReadFixed(wish, kMode, "can only be 'triton'");
  return InvalidArgument(StrCat("unknown setting '", Printable(wish.name),
                                "': expected trace_level, trace_rate, trace_count, log_frequency, "
                                "trace_file or trace_mode"));
}

// null, a text, a number, or a list of texts.
Status ReadJsonWish(JsonReader& reader, TraceWish& wish) {
  using Kind = JsonReader::Kind;
  std::string_view text;
  switch (reader.Peek()) {
    case Kind::kNull:
      reader.SkipValue();
      return reader.status();
    case Kind::kArray:
      wish.values.emplace();
      for (reader.BeginArray(); reader.NextElement() && reader.ReadString(text);) {
        wish.values->emplace_back(text);
      }
      return reader.status();
    case Kind::kNumber: {
      int64_t number = 0;
      if (reader.ReadInt64(number)) wish.values = {std::to_string(number)};
      return reader.status();
    }
    default:
      if (reader.ReadString(text)) wish.values = {std::string(text)};
      return reader.status();
  }
}

}  // namespace

Status ApplyTraceWishes(std::string_view model, std::span<const TraceWish> wishes,
                        monitor::RequestTracer& tracer) {
  monitor::TraceChange change;
  for (const TraceWish& wish : wishes) {
    SLIPWAY_RETURN_IF_ERROR(ReadWish(wish, tracer, change));
  }
  return tracer.Change(model, change);
}

TraceTexts TraceSettingTexts(std::string_view model, const monitor::RequestTracer& tracer) {
  const monitor::TraceSettings now = tracer.Settings(model);
  return {{"trace_level", {now.timestamps ? "TIMESTAMPS" : "OFF"}},
          {"trace_rate", {std::to_string(now.rate)}},
          {"trace_count", {std::to_string(now.count)}},
          {"log_frequency", {std::to_string(now.log_frequency)}},
          {"trace_file", {tracer.file()}},
          {"trace_mode", {std::string(kMode)}}};
}

std::string TraceJson(std::string_view model, const monitor::RequestTracer& tracer) {
  std::string out;
  for (const auto& [name, values] : TraceSettingTexts(model, tracer)) {
    const std::string text = base::JsonString(values.front());
    out += StrCat(out.empty() ? "{\"" : ",\"", name, "\":");
    out += name == "trace_level" ? StrCat("[", text, "]") : text;
  }
  return out + "}";
}

Status UpdateTraces(std::span<std::byte> body, std::string_view model,
                    monitor::RequestTracer& tracer) {
  std::vector<TraceWish> wishes;
  JsonReader reader({reinterpret_cast<char*>(body.data()), body.size()});
  SLIPWAY_RETURN_IF_ERROR(ReadObject(reader, [&](std::string_view key) {
    wishes.push_back({.name = std::string(key), .values = std::nullopt});
    return ReadJsonWish(reader, wishes.back());
  }));
  if (!reader.Finish()) return reader.status();
  return ApplyTraceWishes(model, wishes, tracer);
}

}  // namespace slipway::frontend::openinference
