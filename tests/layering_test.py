#!/usr/bin/env python3
"""Checks that dependencies between the rooms of src/ point down only.

Three things must agree: the table below (what a room may use), the DEPS of each slipway_room() in src/**/CMakeLists.txt
(what it says it uses) and its #include lines (what it uses). A room reached only through another room's DEPS does not
count as declared. TEST_DEPS count for tests, benchmarks and testing/ only.

Prints one line for each offence; the exit status is 1 if there is any.
"""

import re
import sys
from pathlib import Path

# What each room may use. Going down the table is the order of the house; docs/architecture.md explains it.
MAY_USE = {
    "base": "",
    "tensor": "base",
    "net": "base",
    "graph": "base tensor",
    "dataset": "base tensor",
    "import": "base tensor graph dataset",
    "engine": "base tensor graph",
    "evaluate": "base tensor dataset engine",
    "compress": "base tensor graph dataset engine evaluate",
    "explain": "base tensor graph dataset engine",
    "security": "base net",
    "package": "base tensor security",
    "registry": "base package security",
    "lifecycle": "base tensor engine package registry",
    "monitor": "base tensor dataset",
    "inference": "base tensor engine lifecycle monitor",
    "rollout": "base registry inference monitor evaluate",
    "frontend": "base tensor net graph dataset import engine evaluate compress explain security package registry "
    "lifecycle monitor inference rollout",
    "plan": "base engine inference",
    "deploy": "base package registry plan",
    "app": "*",
}

# What the tests of a room may use besides: importers are held to the answers that an engine gives for what they wrote.
MAY_TEST_WITH = {"import": {"engine", "engine/onnxruntime", "engine/trees"}}

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
KEYWORDS = {"SRCS", "DEPS", "LIBS", "TESTS", "BENCHMARKS", "TESTING", "TEST_DEPS"}


def allowed(user: str, used: str) -> bool:
    """Whether room `user` may use room `used`. A room within a room (engine/onnxruntime) may use what its parent may,
    its parent and its siblings; only app may use it from elsewhere."""
    top, used_top = user.split("/")[0], used.split("/")[0]
    if MAY_USE.get(top) == "*":
        return True
    if "/" in used and top != used_top:
        return False
    if top == used_top:
        return "/" in user
    return used_top in MAY_USE.get(top, "").split()


def allowed_in_tests(user: str, used: str) -> bool:
    return allowed(user, used) or used in MAY_TEST_WITH.get(user.split("/")[0], ())


class Room:
    def __init__(self, name: str, cmake: Path):
        self.name = name
        self.cmake = cmake
        self.deps: set[str] = set()
        self.test_deps: set[str] = set()


def read_rooms(src: Path) -> dict[str, Room]:
    """Every slipway_room() under src, by its folder. A slipway_program() in the same file belongs to that room."""
    rooms = {}
    for cmake in sorted(src.rglob("CMakeLists.txt")):
        text = re.sub(r"#.*", "", cmake.read_text())
        for arguments in re.findall(r"slipway_room\s*\(([^)]*)\)", text):
            name, *words = arguments.split()
            room = Room(name, cmake)
            keyword = ""
            for word in words:
                if word in KEYWORDS:
                    keyword = word
                elif keyword == "DEPS":
                    room.deps.add(word)
                elif keyword == "TEST_DEPS":
                    room.test_deps.add(word)
            rooms[name] = room
    # Targets write '/' as '_': slipway::engine_onnxruntime, slipway::base_testing.
    folders = {name.replace("/", "_"): name for name in [*rooms, *MAY_USE]}
    for room in rooms.values():
        for deps in (room.deps, room.test_deps):
            names = {dep.removeprefix("slipway::") for dep in deps}
            names = {name if name in folders else name.removesuffix("_testing") for name in names}
            deps.clear()
            deps.update(folders.get(name, name) for name in names)
    return rooms


def owner(path: Path, src: Path, rooms: dict[str, Room]) -> str:
    """The innermost room whose folder holds `path`, or its top folder if no CMakeLists.txt claims it yet."""
    parts = path.relative_to(src).parts[:-1]
    for length in range(len(parts), 0, -1):
        if "/".join(parts[:length]) in rooms:
            return "/".join(parts[:length])
    return parts[0] if parts else ""


def is_test(path: Path) -> bool:
    return path.stem.endswith(("_test", "_benchmark")) or "testing" in path.parts


def check(root: Path) -> list[str]:
    src = root / "src"
    rooms = read_rooms(src)
    offences = []
    for room in rooms.values():
        where = room.cmake.relative_to(root)
        if room.name.split("/")[0] not in MAY_USE:
            offences.append(f"{where}: room '{room.name}' is not in the table of tests/layering_test.py")
            continue
        if room.cmake.parent != src / room.name:
            offences.append(f"{where}: room '{room.name}' belongs into src/{room.name}")
        for dep in sorted(room.deps | room.test_deps):
            if dep.split("/")[0] not in MAY_USE:
                offences.append(f"{where}: room '{room.name}' declares '{dep}', which is no room")
            elif not (allowed if dep in room.deps else allowed_in_tests)(room.name, dep):
                offences.append(f"{where}: room '{room.name}' declares '{dep}', which it may not use")

    for path in sorted(src.rglob("*")):
        if path.suffix not in {".h", ".cc"}:
            continue
        user = owner(path, src, rooms)
        if user not in rooms:
            continue  # not built yet
        room = rooms[user]
        declared = room.deps | (room.test_deps if is_test(path) else set())
        text = path.read_text(errors="replace")
        for match in INCLUDE.finditer(text):
            included = match.group(1)
            where = f"{path.relative_to(root)}:{text.count(chr(10), 0, match.start(1)) + 1}"
            if included.split("/")[0] not in MAY_USE:
                if (path.parent / included).exists():
                    offences.append(f'{where}: includes "{included}": write the path from src')
                continue
            used = owner(src / included, src, rooms)
            if used == user:
                continue
            if not (allowed_in_tests if is_test(path) else allowed)(user, used):
                offences.append(f"{where}: room '{user}' includes \"{included}\", but may not use '{used}'")
            elif used not in declared:
                offences.append(f"{where}: room '{user}' includes \"{included}\" without declaring '{used}' in its DEPS")
    return offences


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    offences = check(root)
    for offence in offences:
        print(offence)
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
