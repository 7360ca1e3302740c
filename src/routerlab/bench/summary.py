"""What the samples of a speed run say. Times are in milliseconds; P50 and P95 as everywhere in the lab."""

from collections.abc import Sequence
from dataclasses import dataclass

from routerlab.bench.peers.kinds import PEERS
from routerlab.bench.speed import Measured, Sample, WayRecord
from routerlab.core.statistics.quantiles import percentile

PIPE = "JSON and pipe"
"""The step that the worker does not see: what the lab waits for besides."""

WRITERS = frozenset(str(kind) for kind, about in PEERS.items() if about.same_model)
"""The peers whose times are set beside ours as ratios: they ask the same model, which writes its answer."""


@dataclass(frozen=True)
class WayRow:
    """One way: questions, share of right labels (None where none is asked for), times of the answers, the
    medians of the tokens decoded in the prefill (ours only) and generated; bytes of its processes and seconds
    of its start, None of a bare decode, and of the fitting besides (see `Way`)."""

    way: str
    n: int
    accuracy: float | None
    p50: float
    p95: float
    worker_p50: float | None
    evaluated: float
    generated: float
    resident: int | None
    start_s: float | None
    fit_s: float


@dataclass(frozen=True)
class OverBare:
    """One of our ways against the bare decode of its tokens, in the worker and as the lab sees it: the median
    of the ratios prompt by prompt, and the difference of the medians. `besides_ms` is what the worker does
    besides `llama_decode`, the median within the same questions."""

    way: str
    worker: float
    worker_ms: float
    lab: float
    lab_ms: float
    besides_ms: float


@dataclass(frozen=True)
class Slower:
    """How many times as long as `than`, one of our ways, `way` takes in the median and in P95."""

    way: str
    than: str
    p50: float
    p95: float


@dataclass(frozen=True)
class ExemplarCost:
    """The worker's median with exemplars in the prefix, without, and the one over the other."""

    way: str
    with_ms: float
    without_ms: float
    ratio: float


@dataclass(frozen=True)
class Figures:
    """Everything a run says about one model. `steps` is the profile: way -> step -> median; `skipped` has the
    ways without a figure, and why."""

    model: str
    ways: tuple[WayRow, ...]
    over_bare: tuple[OverBare, ...]
    slower: tuple[Slower, ...]
    exemplars: tuple[ExemplarCost, ...]
    steps: dict[str, dict[str, float]]
    skipped: dict[str, str]


def figures(measured: Measured) -> Figures:
    """The figures of a run, or of as much of it as there is."""
    answers = {
        way.name: [s for s in measured.samples if s.way == way.name and s.status in ("ok", "unparsed")]
        for way in measured.ways
    }
    ways = [way for way in measured.ways if answers[way.name]]
    read = [w.name for w in ways if w.kind == "ours" and w.info and w.info.contract != "json"]
    written = [w.name for w in ways if w.name in WRITERS or (w.kind == "ours" and w.name not in read)]
    compared = {
        kind: [(w.of, answers[w.of], answers[w.name]) for w in ways if w.kind == kind and answers[w.of]]
        for kind in ("bare", "zero-shot")
    }
    return Figures(
        model=measured.name,
        ways=tuple(_row(w, [s for s in measured.samples if s.way == w.name]) for w in ways),
        over_bare=tuple(_over_bare(*three) for three in compared["bare"]),
        slower=tuple(_slower(w, than, answers[w], answers[than]) for w in written for than in read),
        exemplars=tuple(_exemplar_cost(*three) for three in compared["zero-shot"]),
        steps={name: _steps(answers[name]) for name in read},
        skipped={
            **{str(kind): reason for kind, reason in measured.skipped.items()},
            **{w.name: _fault(measured, w.name) for w in measured.ways if not answers[w.name]},
        },
    )


def _fault(measured: Measured, way: str) -> str:
    faults = [s.error for s in measured.samples if s.way == way and s.error]
    return faults[-1] if faults else "no answer"


def median(values: Sequence[float]) -> float:
    """P50; ValueError for no values."""
    found = percentile(values, 0.5)
    if found is None:
        raise ValueError("no values")
    return found


def _p95(samples: Sequence[Sample]) -> float:
    return percentile([s.ms for s in samples], 0.95) or 0.0


def _p50(samples: Sequence[Sample]) -> float:
    return median([s.ms for s in samples])


def _worker(samples: Sequence[Sample]) -> list[float]:
    return [s.worker_ms for s in samples if s.worker_ms is not None]


def _row(way: WayRecord, samples: Sequence[Sample]) -> WayRow:
    # A bare decode, and a layer read without a head, put no label on anything.
    judged = [s.correct for s in samples if s.status != "ok" or s.label is not None]
    answers = [s for s in samples if s.status in ("ok", "unparsed")]
    worker = _worker(answers)
    return WayRow(
        way=way.name,
        n=len(samples),
        accuracy=sum(judged) / len(judged) if judged else None,
        p50=_p50(answers),
        p95=_p95(answers),
        worker_p50=median(worker) if worker else None,
        evaluated=median([s.evaluated for s in answers]),
        generated=median([s.generated for s in answers]),
        resident=way.resident,
        start_s=way.start_s,
        fit_s=way.fit_s,
    )


def _over_bare(way: str, ours: Sequence[Sample], bare: Sequence[Sample]) -> OverBare:
    limit = {(s.case, s.repeat): s.ms for s in bare}
    pairs = [(s, limit[s.case, s.repeat]) for s in ours if (s.case, s.repeat) in limit]
    limit_p50 = _p50(bare)
    return OverBare(
        way=way,
        worker=median([(s.worker_ms or 0.0) / least for s, least in pairs]),
        worker_ms=median(_worker(ours)) - limit_p50,
        lab=median([s.ms / least for s, least in pairs]),
        lab_ms=_p50(ours) - limit_p50,
        besides_ms=median([sum(s.steps.values()) - s.steps.get("decode", 0.0) for s in ours]),
    )


def _slower(way: str, than: str, slow: Sequence[Sample], ours: Sequence[Sample]) -> Slower:
    return Slower(way, than, _p50(slow) / _p50(ours), _p95(slow) / _p95(ours))


def _exemplar_cost(way: str, ours: Sequence[Sample], zero_shot: Sequence[Sample]) -> ExemplarCost:
    with_ms, without_ms = median(_worker(ours)), median(_worker(zero_shot))
    return ExemplarCost(way, with_ms, without_ms, with_ms / without_ms)


def _steps(samples: Sequence[Sample]) -> dict[str, float]:
    names = list(dict.fromkeys(name for s in samples for name in s.steps))
    found = {name: median([s.steps.get(name, 0.0) for s in samples]) for name in names}
    return found | {PIPE: median([s.ms - sum(s.steps.values()) for s in samples])}
