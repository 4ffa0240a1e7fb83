# SPDX-License-Identifier: Apache-2.0
"""The tables: what each server costs, the ratios to ours, and the targets. Standard library only."""

import statistics
from dataclasses import dataclass, field

from cases import CASES, MOST_OF_PYTHON


@dataclass
class Result:
    """All that was found of one server."""

    name: str
    title: str
    kind: str = "python"
    setting: str = ""
    version: str = ""
    megabytes: float | None = None
    packages: int | None = None
    starts_s: list = field(default_factory=list)
    idle_mb: list = field(default_factory=list)
    loads: dict = field(default_factory=dict)  # case -> [Load, ...]
    wrong: list | None = None  # what it answered wrongly; None: not asked
    problems: dict = field(default_factory=dict)  # case, or "" for all of it -> why there is no number

    def measured(self):
        return bool(self.loads or self.starts_s)


def median(values):
    return statistics.median(values) if values else None


def figure(value):
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def with_range(values):
    if len(values) < 2:
        return figure(values[0])
    return f"{figure(median(values))} ({figure(min(values))}-{figure(max(values))})"


# The columns of a case: title, value of a Load, whether less is better.
COLUMNS = [("CPU us a request", lambda load: load.cpu_us, True),
           ("requests/s", lambda load: load.per_second, False),
           ("p50 ms", lambda load: load.p50_ms, True),
           ("p99 ms", lambda load: load.p99_ms, True)]


def marked(text, value, ours, less_is_better):
    """Bold where a peer is better than Slipway."""
    if ours is None or value is None:
        return text
    return f"**{text}**" if (value < ours if less_is_better else value > ours) else text


def case_table(case, results):
    """One row a server that can do the case, the cheapest first."""
    ours = next((r for r in results if r.name == "slipway"), None)
    able = sorted((r for r in results if r.loads.get(case.name)),
                  key=lambda r: median([load.cpu_us for load in r.loads[case.name]]))
    rows = []
    for result in able:
        row = [result.title]
        for _title, value, less in COLUMNS:
            values = [value(load) for load in result.loads[case.name]]
            baseline = None if result is ours or not ours else median([value(load) for load in ours.loads.get(case.name, [])])
            row.append(marked(with_range(values), median(values), baseline, less))
        rows.append(row)
    return ["server", *(title for title, _, _ in COLUMNS)], rows


def known(value):
    return [] if value is None else [value]


def facts_table(results):
    """What does not depend on the case."""
    ours = next((r for r in results if r.name == "slipway"), Result("", ""))
    rows = []
    for result in (r for r in results if r.measured()):
        def cell(values, baseline, result=result):
            if not values:
                return ""
            return marked(with_range(values), median(values), None if result is ours else median(baseline), True)

        rows.append([result.title, result.version, cell(result.idle_mb, ours.idle_mb), cell(result.starts_s, ours.starts_s),
                     cell(known(result.megabytes), known(ours.megabytes)), str(result.packages or "")])
    return ["server", "version", "idle memory MB", "first answer s", "installed MB", "packages"], rows


def ratio_table(results):
    """How many times ours a peer needs: CPU of each case, memory, start, size."""
    ours = next((r for r in results if r.name == "slipway"), None)
    if ours is None:
        return [], []

    def cpu(result, case):
        return median([load.cpu_us for load in result.loads.get(case.name, [])])

    def ratio(theirs, our):
        return marked(f"{figure(theirs / our)}x", theirs, our, True) if theirs and our else ""

    rows = [[r.title, *(ratio(cpu(r, case), cpu(ours, case)) for case in CASES),
             ratio(median(r.idle_mb), median(ours.idle_mb)), ratio(median(r.starts_s), median(ours.starts_s)),
             ratio(r.megabytes, ours.megabytes)]
            for r in results if r is not ours and r.measured()]
    return ["times Slipway's", *(case.name for case in CASES), "idle memory", "first answer", "installed"], rows


def targets(results):
    """[what, target, value, met or MISSED] where both servers were measured."""
    by_name = {r.name: r for r in results}
    rows = []

    def cpu(name, case):
        return median([load.cpu_us for load in by_name[name].loads.get(case, [])]) if name in by_name else None

    def judge(what, ours, theirs, most):
        if ours and theirs:
            rows.append([what, f"at most 1/{1 / most:.0f}", f"1/{theirs / ours:.1f}",
                         "met" if ours <= theirs * most else "MISSED"])
    for case in CASES:
        judge(f"{case.title}: CPU beside Triton's", cpu("slipway", case.name), cpu("triton", case.name), case.most_of_triton)
    pythons = [(value, r.title) for r in results if r.kind == "python" and (value := cpu(r.name, "json"))]
    if pythons:
        value, title = min(pythons)
        judge(f"{CASES[0].title}: CPU beside the best Python server's ({title})", cpu("slipway", "json"), value,
              MOST_OF_PYTHON)
    return rows


def markdown(titles, rows):
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def document(header, results, cases):
    """The whole report as Markdown."""
    parts = ["# Beside other servers, measured", "\n".join(f"- {line}" for line in header),
             "Bold: better than Slipway. Medians, and ranges where there is more than one start."]
    for case in cases:
        titles, rows = case_table(case, results)
        if rows:
            how = f"{case.connections} connections" + (f", {case.outstanding} calls on each" if case.outstanding > 1 else "")
            parts += [f"## {case.title[0].upper()}{case.title[1:]}", f"`{case.name}`, {how}.", markdown(titles, rows)]
    parts += ["## Memory, start, size", markdown(*facts_table(results))]
    titles, rows = ratio_table(results)
    if rows:
        parts += ["## Ratios", markdown(titles, rows)]
    if rows := targets(results):
        parts += ["## Targets", markdown(["what", "target", "measured", ""], rows)]
    asked = [r for r in results if r.wrong is not None]
    if asked:
        parts += ["## Mistakes in a request, and what came instead of a status of 400 to 499",
                  "\n".join(f"- {r.title}: {'; '.join(r.wrong) or 'nothing'}" for r in asked)]
    parts += ["## Settings", "\n".join(f"- {r.title}: {r.setting}" for r in results)]
    missing = [f"- {r.title}{f', {case}' if case else ''}: {why}" for r in results for case, why in r.problems.items()]
    if missing:
        parts += ["## Not measured", "\n".join(missing)]
    return "\n\n".join(parts) + "\n"
