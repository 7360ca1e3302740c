"""The sections of a measurement of compression: H9, and what it costs in answers."""

from routerlab.core.text import plural
from routerlab.study.figures.arm import Estimate
from routerlab.study.outcome.compress.figures import ALIKE, SAVED
from routerlab.study.outcome.compress.result import CompressResult, MethodFigures
from routerlab.study.report import words as w
from routerlab.study.report.blocks import Cell, Row, Section, facts, table
from routerlab.study.report.sections.outcome import MARKS, difference


def sections(result: CompressResult) -> list[Section]:
    """All sections, H9 first."""
    found = (_methods(result), _quality(result), _origin(result))
    return [section for section in found if section]


def _methods(result: CompressResult) -> Section:
    heads = ("Method", "H9", "Prompts", "Tokens saved", "Similarity", f"At least {ALIKE:g}", "Numbers lost")
    rows: list[Row] = [
        (
            one.method,
            Cell(one.finding, mark=MARKS[one.finding]),
            w.count(one.prompts),
            _exact(one.saved),
            _exact(one.similarity),
            w.share(one.alike.value if one.alike else None),
            w.share(one.lost.value if one.lost else None),
        )
        for one in result.methods
    ]
    note = (
        f"H9: at least {SAVED:.0%} of the tokens saved, at a mean similarity of at least {ALIKE:g}. "
        f"Supported: both {result.settings.confidence:.0%} intervals are at or above; refuted: one is below. "
        f"Tokens are {result.reader}'s; similarity is the cosine of {result.encoder}'s means. "
        "Numbers: those that prompts name and what is left does not."
    )
    return Section(f"Prompts at {result.keep:g} of their tokens", (table(heads, rows, 2, note),))


def unread(one: MethodFigures) -> str:
    """What a method's similarity is without, in a line; "" if it is of all prompts."""
    said = f"{one.method}: {plural(one.unread, 'prompt')} longer than the encoder can read"
    return f"{said}, not compared" if one.unread else ""


def _quality(result: CompressResult) -> Section | None:
    if not result.quality:
        return None
    heads = ("Model", "Costs quality", "Tasks", "Whole", "Compressed", "Difference", "p", "Saved", "Needed")
    rows: list[Row] = [
        (
            one.model,
            Cell(one.finding, mark=MARKS[one.finding]),
            w.count(one.tasks),
            w.estimate(one.quality_whole),
            w.estimate(one.quality),
            difference(one.difference),
            w.p_value(one.p),
            w.share(one.saved.value if one.saved else None),
            "" if one.needed is None else f"{one.needed:,}",
        )
        for one in result.quality
    ]
    note = (
        "Mean scores of checked answers, the same tasks. Supported: answers get worse, the whole interval; "
        f"refuted: less than {result.worth:g} is lost. Saved: of what the model reads, with its chat "
        "template. Needed: tasks that would decide, if they came out as these."
    )
    return Section("Answers to compressed prompts", (table(heads, rows, 2, note),))


def _origin(result: CompressResult) -> Section:
    drawn = f"{result.settings.resamples:,} draws, seed {result.settings.seed}"
    rows = [
        ("Prompts", result.prompts),
        ("Reader", f"{result.reader}, SHA-256 {result.reader_sha256}"),
        ("Encoder", f"{result.encoder}, SHA-256 {result.encoder_sha256}"),
        ("Outcomes", result.outcomes),
        ("Intervals", f"percentile bootstrap over prompts and tasks, {drawn}"),
        ("Lab", result.lab_version),
    ]
    return Section("Where it is from", (facts(rows),), detail=True)


def _exact(found: Estimate | None) -> Cell:
    """With the digits that decide."""
    if found is None or found.low is None or found.high is None:
        return w.estimate(found)
    return Cell(w.share(found.value), w.ends((found.low, found.high)))
