#include "lifecycle/inotify_tree.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <utility>

#include "base/str_cat.h"

namespace slipway::lifecycle {
namespace {

constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE |
                             IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |
                             IN_ONLYDIR;

}  // namespace

base::Result<InotifyTree> InotifyTree::Create() {
  base::UniqueFd fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd.valid() && errno == EMFILE) {
    return base::ResourceExhausted("inotify: no instances left (fs.inotify.max_user_instances)");
  }
  if (!fd.valid() && errno == ENOSYS) return base::Unimplemented("inotify: not in this kernel");
  if (!fd.valid()) return base::ErrnoStatus(errno, "inotify");
  return InotifyTree(std::move(fd));
}

base::Status InotifyTree::Watch(std::span<const std::filesystem::path> directories) {
  std::set<std::string> wanted;
  for (const std::filesystem::path& directory : directories) wanted.insert(directory.string());
  std::map<std::string, int> watches;
  for (const std::string& path : wanted) {
    // Again and again for the same path: it may be another directory by now.
    const int watch = inotify_add_watch(fd_.get(), path.c_str(), kEvents);
    if (watch >= 0) watches[path] = watch;
    if (watch < 0 && (errno == ENOSPC || errno == ENOMEM)) {
      return base::ResourceExhausted(base::StrCat("inotify: no watches left for directory '", path,
                                                  "' (fs.inotify.max_user_watches)"));
    }
  }
  std::set<int> kept;
  for (const auto& [path, watch] : watches) {
    kept.insert(watch);
    const auto before = watches_.find(path);
    if (before == watches_.end() || before->second != watch) changed_ = true;
  }
  for (const auto& [path, watch] : watches_) {
    if (!kept.contains(watch)) inotify_rm_watch(fd_.get(), watch);  // fails when it is gone: fine
  }
  watches_ = std::move(watches);
  return base::OkStatus();
}

bool InotifyTree::TakeChanged() {
  alignas(inotify_event) char events[16 * 1024];
  bool changed = std::exchange(changed_, false);
  while (true) {
    const ssize_t got = read(fd_.get(), events, sizeof(events));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return changed;
    // IN_IGNORED, the echo of our own inotify_rm_watch, is the only event that means nothing.
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(events + at);
      if ((event->mask & IN_IGNORED) == 0) changed = true;
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
}

}  // namespace slipway::lifecycle
