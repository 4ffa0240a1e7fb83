#include "app/server/cache_directory.h"

#include <cstdlib>

#include "base/processors.h"
#include "base/str_cat.h"

namespace slipway::app {

std::filesystem::path CacheDirectory(std::string_view setting,
                                     const std::function<std::string(const char* name)>& variable) {
  if (setting == "none") return {};
  if (setting != "auto") return setting;
  const auto from = [&variable](const char* name, const char* below) -> std::filesystem::path {
    const std::filesystem::path path = variable(name);
    return path.is_absolute() ? path / below : std::filesystem::path();
  };
  std::filesystem::path path = variable("CACHE_DIRECTORY");
  if (!path.is_absolute()) path = from("XDG_CACHE_HOME", "slipway");
  if (path.empty()) path = from("HOME", ".cache/slipway");
  return path;
}

std::unique_ptr<inference::ProfileStore> OpenProfileStore(std::string_view setting,
                                                          const base::FileSystem& fs,
                                                          std::string_view software) {
  const std::filesystem::path directory = CacheDirectory(setting, [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  });
  if (directory.empty()) return nullptr;
  return std::make_unique<inference::ProfileStore>(
      fs, directory / "profiles",
      base::StrCat(base::ProcessorName(fs), ", ", base::UsableProcessors(fs), " usable, ",
                   software));
}

}  // namespace slipway::app
