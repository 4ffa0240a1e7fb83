#include "inference/profile_store.h"

#include <charconv>
#include <span>

#include "base/digest.h"
#include "base/str_cat.h"
#include "base/text.h"

namespace slipway::inference {
namespace {

using base::Result;
using base::StrCat;
using std::chrono::nanoseconds;

constexpr uint64_t kMaxBytes = 64 * 1024;
constexpr size_t kMaxBatches = 64;
constexpr std::string_view kTitle = "slipway run profile 1";

// The next line of `text`, which goes on behind it.
std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// The next word of `line` as a number above 0; 0 when it is none.
int64_t TakeNumber(std::string_view& line) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc() || number <= 0) return 0;
  line.remove_prefix(static_cast<size_t>(end - line.data()));
  if (line.starts_with(' ')) line.remove_prefix(1);
  return number;
}

// "ROWS NANOSECONDS", and nothing else.
bool ReadBatch(std::string_view line, RunProfile::Batch& batch) {
  batch.rows = TakeNumber(line);
  batch.time = nanoseconds(TakeNumber(line));
  return batch.rows > 0 && batch.time.count() > 0 && line.empty();
}

// Whether the profile is such as MeasureBatches() makes: more rows, and cheaper by row.
bool IsSound(const RunProfile& profile) {
  RunProfile::Batch last{.rows = 1, .time = profile.run_time};
  for (const RunProfile::Batch& batch : profile.batches) {
    const double before = static_cast<double>(last.time.count()) / static_cast<double>(last.rows);
    const double now = static_cast<double>(batch.time.count()) / static_cast<double>(batch.rows);
    if (batch.rows <= last.rows || now >= before) return false;
    last = batch;
  }
  return true;
}

}  // namespace

std::string ProfileStore::KeyOf(std::string_view model) const {
  // In JSON, so that a name with the end of a line in it cannot stand for another.
  return base::JsonString(StrCat(machine_, " | ", model));
}

std::filesystem::path ProfileStore::PathOf(const std::string& key) const {
  const std::string digest = base::Sha256Of(std::as_bytes(std::span(key))).ToString();
  return directory_ / StrCat(digest.substr(digest.find(':') + 1), ".profile");
}

Result<RunProfile> ProfileStore::Find(std::string_view model) const {
  const std::string key = KeyOf(model);
  const std::filesystem::path path = PathOf(key);
  SLIPWAY_ASSIGN_OR_RETURN(const std::string content, fs_.Read(path, kMaxBytes));
  const auto damaged = [&path](std::string_view what) {
    return base::InvalidArgument(
        StrCat("'", path.string(), "': ", what, "; remove it, and the model is measured again"));
  };
  std::string_view text = content;
  if (TakeLine(text) != kTitle) return damaged(StrCat("expected '", kTitle, "' as the first line"));
  if (TakeLine(text) != key) return damaged("it is of another model or machine");
  RunProfile profile;
  RunProfile::Batch one{};
  if (!ReadBatch(TakeLine(text), one) || one.rows != 1)
    return damaged("expected the time of a row");
  profile.run_time = one.time;
  while (!text.empty()) {
    RunProfile::Batch batch{};
    if (profile.batches.size() == kMaxBatches || !ReadBatch(TakeLine(text), batch)) {
      return damaged("expected rows and nanoseconds");
    }
    profile.batches.push_back(batch);
  }
  if (!IsSound(profile)) return damaged("expected larger batches to be cheaper by row");
  return profile;
}

base::Status ProfileStore::Keep(std::string_view model, const RunProfile& profile) const {
  const std::string key = KeyOf(model);
  std::string text = StrCat(kTitle, "\n", key, "\n1 ", profile.run_time.count(), "\n");
  for (const RunProfile::Batch& batch : profile.batches) {
    text.append(StrCat(batch.rows, " ", batch.time.count(), "\n"));
  }
  SLIPWAY_RETURN_IF_ERROR(fs_.CreateDirectories(directory_));
  return fs_.WriteAtomically(PathOf(key), text);
}

}  // namespace slipway::inference
