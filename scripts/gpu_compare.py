"""Compare two sessions of the same arms and cases, one from a GPU and one from the CPU, and write a table.

Usage: gpu_compare.py GPU_SESSION CPU_SESSION OUT.md

Exit codes: 0 the answers are the same, 1 they differ, 2 the sessions do not belong together or cannot be
read, 3 one is missing, or nothing in the first was computed on a GPU.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from routerlab.core.errors import Exit, LabError
from routerlab.core.prediction import Trial
from routerlab.core.session.arm import ArmRecord
from routerlab.core.session.file import read_session
from routerlab.core.session.session import Session
from routerlab.core.statistics.quantiles import percentile
from routerlab.core.text import printable

TOLERANCE = 0.02
"""Largest difference of a label's probability that counts as the same: the devices round differently."""

Answers = Mapping[tuple[str, int], Trial]
"""An arm's trials by case and repeat."""


@dataclass(frozen=True)
class Row:
    """One arm on both devices. `moved` is the largest difference of a probability, and its case; None where
    the contract gives none. `differ` are the cases whose labels, or states, are not the same."""

    gpu: ArmRecord
    cpu: ArmRecord
    on_gpu: Answers
    on_cpu: Answers
    differ: tuple[str, ...]
    moved: tuple[float, str] | None

    @property
    def same(self) -> bool:
        """Whether the GPU answered as the CPU did."""
        return not self.differ and (self.moved is None or self.moved[0] <= TOLERANCE)


def compare(gpu: Session, cpu: Session) -> list[Row]:
    """A row for each arm; LabError when the sessions did not ask the same arms the same cases."""
    pins = [session.header.corpus for session in (gpu, cpu)]
    if None in pins or len({pin.sha256 for pin in pins if pin}) > 1:
        raise LabError("the sessions were not made with the same corpus: replay it in both")
    if [*gpu.arms] != [*cpu.arms]:
        raise LabError(f"the sessions have other arms: {', '.join(gpu.arms)}; and {', '.join(cpu.arms)}")
    return [_row(gpu, cpu, name) for name in gpu.arms]


def _row(gpu: Session, cpu: Session, name: str) -> Row:
    on_gpu, on_cpu = _answers(gpu, name), _answers(cpu, name)
    first, second = gpu.arms[name], cpu.arms[name]
    if not (isinstance(first, ArmRecord) and isinstance(second, ArmRecord)):
        raise LabError(f"{name}: is no model, so it runs on no device")
    for what in ("model_sha256", "prompt_sha256", "contract", "router_sha256", "n_ctx"):
        if getattr(first, what) != getattr(second, what):
            raise LabError(f"{name}: the sessions have another {what}: their answers cannot be compared")
    if on_gpu.keys() != on_cpu.keys() or not on_gpu:
        raise LabError(f"{name}: the sessions have not asked the same cases: finish both")
    if not first.layers_on_gpu:
        raise LabError(f"{name}: the first session has no layer on a GPU ({first.device})", Exit.MISSING)
    if second.layers_on_gpu:
        raise LabError(f"{name}: the second session is not one of the CPU ({second.device})")
    pairs = [(case, on_gpu[case, n], on_cpu[case, n]) for case, n in on_gpu]
    differ = tuple(dict.fromkeys(case for case, a, b in pairs if (a.status, a.label) != (b.status, b.label)))
    moves = [(_moved(a, b), case) for case, a, b in pairs if a.probabilities and b.probabilities]
    return Row(first, second, on_gpu, on_cpu, differ, max(moves, default=None))


def _answers(session: Session, arm: str) -> Answers:
    return {
        (t.case, t.repeat): t
        for t in session.trials
        if t.arm == arm and t.case is not None and t.status != "cancelled"
    }


def _moved(one: Trial, other: Trial) -> float:
    """The largest difference of a label's probability."""
    a, b = one.probabilities or {}, other.probabilities or {}
    return max(abs(a.get(label, 0.0) - b.get(label, 0.0)) for label in {*a, *b})


def report(rows: Sequence[Row], gpu: Session) -> str:
    """The comparison as Markdown."""
    header = gpu.header
    arm = rows[0].gpu
    assert header.corpus is not None
    lines = [
        "# The same questions on a GPU and on the CPU",
        "",
        f"{header.created:%Y-%m-%d}, {header.machine}; {arm.llama_cpp}; routerlab {header.lab_version}; "
        f"{header.corpus.name}, {arm.threads} threads on the CPU. Times in milliseconds, of one run, arms in "
        "turns.",
        "",
        "| arm | layers on | weights on | load | prefill P50 | total P50 | total P95 |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        lines += [_line(row.gpu, row.on_gpu, "GPU"), _line(row.cpu, row.on_cpu, "CPU")]
    lines += [
        "",
        f"Same means: the same label for every case, and no probability further apart than {TOLERANCE}.",
        "",
        "| arm | cases | other labels | largest difference of a probability | same |",
        "| --- | ---: | --- | --- | --- |",
        *map(_verdict, rows),
        "",
    ]
    return "\n".join(lines)


def _line(arm: ArmRecord, answers: Answers, kind: str) -> str:
    on = f"{kind}, {arm.layers_on_gpu if kind == 'GPU' else arm.layers} of {arm.layers}"
    on += f", split by {arm.split}" if arm.split else ""
    latencies = [t.latency_ms for t in answers.values() if t.status in ("ok", "unparsed")]
    prefill, total = [x.prefill for x in latencies], [x.total for x in latencies]
    figures = (arm.load_ms, *(percentile(v, q) for v, q in ((prefill, 0.5), (total, 0.5), (total, 0.95))))
    return _cells(arm.name, on, arm.device, *("-" if f is None else f"{f:.1f}" for f in figures))


def _verdict(row: Row) -> str:
    moved = "none given" if row.moved is None else f"{row.moved[0]:.4f} ({row.moved[1]})"
    same = "yes" if row.same else "NO"
    return _cells(row.gpu.name, str(len(row.on_gpu)), ", ".join(row.differ) or "none", moved, same)


def _cells(*texts: str) -> str:
    return f"| {' | '.join(printable(text).replace('|', '/') for text in texts)} |"


def main(gpu_path: str, cpu_path: str, out: str) -> int:
    """Compare, write the table to `out`, say the outcome in a line; returns the exit code."""
    try:
        gpu, cpu = (read_session(Path(path)).session for path in (gpu_path, cpu_path))
        rows = compare(gpu, cpu)
    except LabError as e:
        print(f"gpu-check: {e}", file=sys.stderr)
        return e.code
    Path(out).write_text(report(rows, gpu), encoding="utf-8")
    different = [row.gpu.name for row in rows if not row.same]
    print(f"{out}: {'different answers: ' + ', '.join(different) if different else 'the same answers'}")
    return Exit.CHECK_FAILED if different else Exit.OK


if __name__ == "__main__":
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        sys.exit(Exit.USAGE)
    sys.exit(main(*sys.argv[1:]))
