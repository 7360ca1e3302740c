"""A table of outcomes as a session of them: hashes, labels and figures, no texts."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from routerlab.core.session.fragment import header_text, record_text
from routerlab.study.outcome.analysis.labels import Labelled
from routerlab.study.outcome.record import ModelRecord, Outcome, OutcomeHeader, TaskRecord
from routerlab.study.outcome.tables.formats import Told
from routerlab.version import __version__


def session_text(
    told: Sequence[Told],
    name: str,
    source: str,
    taxonomy: str,
    currency: str,
    good: float,
    at: datetime,
    labelled: Labelled | None = None,
) -> bytes:
    """The session file's content. `labelled` gives tasks their gold label where the table has none; `good` is
    the score from which an answer is good enough."""
    models = dict.fromkeys(one.model for one in told)
    first: dict[str, Told] = {}
    for one in told:
        first.setdefault(one.task, one)
    header = OutcomeHeader(
        schema_version=1,
        kind="outcomes",
        lab_version=__version__,
        created=at,
        name=name,
        taxonomy=taxonomy,
        currency=currency,
        source=source,
        model=tuple(ModelRecord(name=model, model=model) for model in models),
        task=tuple(_task(one, good, labelled) for one in first.values()),
    )
    return header_text(header) + b"".join(record_text("outcome", _outcome(one, at)) for one in told)


def _task(one: Told, good: float, labelled: Labelled | None) -> TaskRecord:
    known: Mapping[str, str | None] = labelled.by_sha256 | labelled.by_task if labelled else {}
    return TaskRecord(
        id=one.task,
        prompt_sha256=one.prompt_sha256,
        label=one.label or known.get(one.prompt_sha256 or "") or known.get(one.task),
        difficulty=one.difficulty,
        group=one.group,
        good=good,
        source=one.source,
    )


def _outcome(one: Told, at: datetime) -> Outcome:
    return Outcome(
        at=at,
        task=one.task,
        model=one.model,
        status="ok",
        tokens_in=one.tokens_in,
        tokens_out=one.tokens_out,
        latency_ms=one.latency_ms,
        cost=one.cost,
        score=one.score,
        checked=one.score is not None,
    )
