#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "inference/profile_store.h"

namespace slipway::app {

// The directory for what can be made again at any time: `setting`, or, for "auto", the first of
// $CACHE_DIRECTORY (which systemd makes for a unit), $XDG_CACHE_HOME/slipway and
// $HOME/.cache/slipway whose variable is an absolute path. Empty for "none", or where there is no
// such variable. `variable` gives a variable's value, "" when it is not set. Sources: systemd.exec,
// CacheDirectory=; XDG Base Directory Specification.
std::filesystem::path CacheDirectory(std::string_view setting,
                                     const std::function<std::string(const char* name)>& variable);

// Where profiles of models are kept; null when there is no cache directory. `software`: what times
// depend on beside the processor. `fs` must outlive it.
std::unique_ptr<inference::ProfileStore> OpenProfileStore(std::string_view setting,
                                                          const base::FileSystem& fs,
                                                          std::string_view software);

}  // namespace slipway::app
