"""What bench/soak.py makes of its numbers, and that a server which leaks fails it. The hour itself is `./test --soak`."""

import sys
import types

import pytest

from support.server import ROOT, binary

sys.path.insert(0, str(ROOT / "bench"))
try:
    import soak
finally:
    sys.path.pop(0)


def run_of(memory=lambda _: 50_000, descriptors=lambda _: 30, threads=lambda _: 11, p99=lambda _: 2.0):
    """An hour with a sample a second and a p99 a minute, each as its function of the time says."""
    samples = [soak.Sample(at, memory(at), descriptors(at), threads(at)) for at in range(3600)]
    return soak.Soak(samples=samples, p99_ms={"REST": [p99(minute) for minute in range(60)]})


def test_what_is_flat_passes_however_it_begins_and_jumps():
    steady = run_of(memory=lambda at: 50_000 + 20_000 * (at > 300) + 9_000 * (at % 60 == 0), threads=lambda at: 11 + at % 2,
                    p99=lambda minute: 2.0 + 30 * (minute % 10 == 9))
    assert steady.problems() == []


@pytest.mark.parametrize("run, name", [
    (run_of(memory=lambda at: 50_000 + at), "memory_kb"),
    (run_of(descriptors=lambda at: 30 + at // 600), "descriptors"),
    (run_of(threads=lambda at: 11 + at // 1200), "threads"),
    (run_of(p99=lambda minute: 2.0 + minute / 100), "REST"),
    (soak.Soak(samples=run_of().samples, failed=1), "1 requests failed"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_grows_is_named(run, name):
    problem, = run.problems()
    assert problem.startswith(name)


def test_a_server_that_leaks_is_caught(tmp_path):
    args = types.SimpleNamespace(binary=binary(), segment_s=3, rate=300, seed=1)
    caught = soak.run_soak(args, 5, soak.leaking(tmp_path, every=2)).leaks()
    assert any(leak.startswith("memory_kb") for leak in caught), caught
    assert any(leak.startswith("descriptors") for leak in caught), caught
