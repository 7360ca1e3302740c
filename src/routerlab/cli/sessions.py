"""`routerlab sessions`: what was saved, what it adds up to, and getting it out."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.read import read
from routerlab.cli.shared.show import say
from routerlab.core.text import plural, printable

if TYPE_CHECKING:
    from routerlab.core.corpus import Corpus
    from routerlab.core.session.arm import AnyArmRecord
    from routerlab.core.session.session import Pin, Session

app = typer.Typer(help="Saved sessions: list them, sum them up, export them.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="A session file.", metavar="FILE")]


@app.command("list", epilog="Examples: routerlab sessions list | routerlab sessions list old --format json")
def list_(
    folder: Annotated[
        Path | None, typer.Argument(help="Where to look (default: ./sessions, else the user's data folder).")
    ] = None,
    shape: o.Format = "table",
) -> None:
    """List the sessions in a folder, oldest first. Files that are not sessions are named on stderr."""
    from routerlab.cli.shared.show import new_table, print_json, print_table
    from routerlab.cli.shared.tables import cell
    from routerlab.core.errors import LabError
    from routerlab.core.session.file import peek_session
    from routerlab.paths import sessions_dir

    where = folder or sessions_dir()
    if folder is not None and not folder.is_dir():
        raise LabError(f"{folder}: no such folder")
    rows: list[dict[str, Any]] = []
    for path in sorted(where.glob("*.toml")):
        try:
            header, counts = peek_session(path)
        except LabError as e:
            say(str(e))
            continue
        rows.append(
            {
                "file": str(path),
                "created": _stamp(header.created),
                "title": header.title,
                "corpus": header.corpus.name if header.corpus else None,
                "trials": counts["trial"],
                "annotations": counts["annotation"],
            }
        )
    rows.sort(key=lambda row: row["created"])
    if shape == "json":
        print_json(rows)
    elif not rows:
        say(f"no sessions in {where}")
    else:
        table = new_table(*(heading for heading in rows[0] if heading != "title"))
        for row in rows:
            created = row["created"][:16].replace("T", " ")
            file = row["file"] + (f" ({row['title']})" if row["title"] else "")
            table.add_row(*map(cell, (file, created, row["corpus"] or "", row["trials"], row["annotations"])))
        print_table(table)


@app.command(epilog="Examples: routerlab sessions show sessions/20261124-0815-3fa9.toml --format json")
def show(file: File, shape: o.Format = "table") -> None:
    """Sum a session up: where it comes from, a row an arm, agreement of the arms, annotations."""
    from dataclasses import asdict

    from routerlab.cli.results.show import print_summary
    from routerlab.cli.shared.early import record_early_look
    from routerlab.cli.shared.show import print_json
    from routerlab.core.statistics.agreement import pairwise
    from routerlab.core.statistics.metrics import summarise

    opened = read(file)
    session = opened.session
    record_early_look(file, session, "sessions show")
    header, families = session.header, session.header.taxonomy.families
    summaries, pairs = summarise(session.trials, families), pairwise(session.trials)
    if opened.torn:
        say(
            f"{file}: an unfinished record of {opened.torn} bytes at the end is left out; the lab sets it "
            "aside when it next opens the file"
        )
    if shape == "json":
        facts = {
            "file": str(file),
            "header": header.model_dump(mode="json", exclude_none=True),
            "arms": [arm.model_dump(mode="json", exclude_none=True) for arm in session.arms.values()],
            "summary": [asdict(s) for s in summaries],
            "pairs": [asdict(p) for p in pairs],
            "trials": len(session.trials),
            "annotations": len(session.annotations),
            "torn_bytes": opened.torn,
        }
        print_json(facts)
        return
    corpus = f"{header.corpus.name} ({header.corpus.sha256[:12]})" if header.corpus else "none: typed prompts"
    lines = [
        f"{header.id}{': ' + header.title if header.title else ''}",
        f"created {_stamp(header.created)} by routerlab {header.lab_version} on {header.machine}",
        f"corpus {corpus}, taxonomy {header.taxonomy.name} ({header.taxonomy.sha256[:12]}), "
        f"schedule {header.schedule}, repeats {header.repeats}",
        *map(_arm_line, session.arms.values()),
        f"{plural(len(session.trials), 'trial')}, {plural(len(session.annotations), 'annotation event')}",
    ]
    for line in lines:
        typer.echo(printable(line))
    if summaries:
        print_summary(summaries, families, pairs)


def _arm_line(arm: "AnyArmRecord") -> str:
    from routerlab.core.session.arm import ArmRecord, RemoteRecord

    if isinstance(arm, RemoteRecord):
        of = f" from {arm.recording}" if arm.recording else ""
        said = " ".join(filter(None, (arm.served_model, arm.system_fingerprint))) or "nothing yet"
        where = f"{arm.model} at {arm.base_url}"
        ways = "".join(
            f"; {way}" for way in (arm.parse and f"parse {arm.parse}", *(arm.adapted or ())) if way
        )
        return f"{arm.name}: {arm.kind}{of}, {where}, which called itself {said}; {arm.client}{ways}"
    if not isinstance(arm, ArmRecord):
        asks = ", ".join(f"{member.name} ({member.model_file})" for member in arm.member)
        return f"{arm.name}: baseline {arm.contract} {asks or arm.source_file or ''}".rstrip()
    plain = f" in plain text ({arm.plain_text})" if arm.plain_text else ""
    return (
        f"{arm.name}: {arm.model_file} {arm.quantization}, {arm.contract}/{arm.encoding}{plain}, "
        f"{arm.device}, {arm.layers_on_gpu}/{arm.layers} layers on a GPU, {plural(arm.threads, 'thread')}, "
        f"{arm.llama_cpp}"
    )


@app.command(
    epilog="Examples: routerlab sessions export s.toml --format jsonl | "
    "routerlab sessions export s.toml --format csv --out s.csv"
)
def export(
    file: File,
    shape: Annotated[Literal["csv", "jsonl"], typer.Option("--format", help="Kind of file to make.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write (default: stdout).", metavar="FILE")
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="The session's corpus, if it has moved.", metavar="FILE")
    ] = None,
) -> None:
    """Export a session, one row a trial, with its current annotation and its prompt.

    jsonl is exact. In csv a text that begins with = + - @, a tab or a line break gets a ' in front, because
    spreadsheets run such cells as formulas; on a terminal csv shows control characters escaped.

    Prompts of a corpus are read from the file that the session pins, if it is in this folder, beside the
    session or given with --corpus, and has not changed; otherwise they stay empty, and stderr says so.
    """
    import sys
    from io import StringIO

    from routerlab.cli.shared.early import record_early_look
    from routerlab.cli.shared.show import not_over, save

    not_over(out, file, corpus)
    opened = read(file)
    if opened.torn:
        say(f"{file}: an unfinished record of {opened.torn} bytes at the end is left out")
    session = opened.session
    record_early_look(file, session, "sessions export")
    pinned = None
    if session.header.corpus and any(trial.case for trial in session.trials):
        pinned = _pinned_corpus(session.header.corpus, file, corpus)
    rows = _rows(session, pinned)
    write = _write_csv if shape == "csv" else _write_jsonl
    if out is None:
        write(rows, sys.stdout)
        return
    text = StringIO()
    write(rows, text)
    save(out, text.getvalue().encode())
    say(f"{plural(len(session.trials), 'trial')} in {out}")


def _pinned_corpus(pin: "Pin", session: Path, given: Path | None) -> "Corpus | None":
    """The corpus that the session pins, or None (told on stderr)."""
    from routerlab.annotate.ratings.pinned import pinned_corpus
    from routerlab.core.corpus import Corpus
    from routerlab.core.files.toml import load_toml

    corpus = pinned_corpus(pin, session, [load_toml(given, Corpus)] if given else [])
    if corpus is None:
        say(
            f"{pin.path}: no corpus {pin.name!r} with the hash {pin.sha256[:12]} found; prompts of its cases "
            "are empty (name the file with --corpus)"
        )
    return corpus


def _rows(session: "Session", corpus: "Corpus | None") -> list[dict[str, Any]]:
    """One flat dict a trial; all have the same keys in the same order."""
    labels = dict.fromkeys(session.header.taxonomy.labels)
    for trial in session.trials:
        labels.update(dict.fromkeys(trial.probabilities or ()))
    return [_row(session, i, list(labels), corpus) for i in range(len(session.trials))]


def _row(session: "Session", index: int, labels: list[str], corpus: "Corpus | None") -> dict[str, Any]:
    trial = session.trials[index]
    case = corpus.by_id.get(trial.case) if corpus and trial.case else None
    state = session.current(trial.id)
    probabilities = trial.probabilities or {}
    return {
        "session": session.header.id,
        "id": trial.id,
        "at": _stamp(trial.at),
        "case": trial.case,
        "arm": trial.arm,
        "repeat": trial.repeat,
        "status": trial.status,
        "gold": trial.gold,
        "label": trial.label,
        "correct": trial.correct,
        **{f"p:{label}": probabilities.get(label) for label in labels},
        "mass": trial.mass,
        "familiarity": trial.familiarity,
        "abstained": trial.abstained,
        "confidence": trial.confidence,
        **{f"{part}_ms": value for part, value in trial.latency_ms.model_dump().items()},
        **{f"tokens_{part}": value for part, value in trial.tokens.model_dump().items()},
        "contended": trial.contended,
        "batched": trial.batched,
        "answer": trial.answer,
        "error": trial.error,
        "strict": trial.strict,
        "member": trial.member,
        "annotation_label": state.label,
        "annotation_skipped": state.skipped,
        "annotation_flagged": state.flagged,
        "annotation_note": state.note,
        "prompt": case.prompt if case else trial.prompt,
    }


def _write_jsonl(rows: Iterable[dict[str, Any]], out: TextIO) -> None:
    import json

    for row in rows:
        out.write(json.dumps(row) + "\n")  # ASCII: exact, and harmless on a terminal


def _write_csv(rows: list[dict[str, Any]], out: TextIO) -> None:
    import csv

    from routerlab.annotate.formats.table import safe

    def shown(value: object) -> object:
        if not isinstance(value, str):
            return value
        text = safe(value)
        return printable(text, keep_newlines=True) if out.isatty() else text

    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([shown(key) for key in row] for row in rows[:1])
    writer.writerows([shown(value) for value in row.values()] for row in rows)


def _stamp(at: Any) -> str:
    from datetime import UTC

    return str(at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"))
