"""`routerlab trial new`, `lock` and `status`: a protocol before, and a trial while it runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import say
from routerlab.cli.trial.options import ProtocolFile, SessionFile
from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from routerlab.study.trial.protocol.lock import Lock
    from routerlab.study.trial.protocol.registration import Registered
    from routerlab.study.trial.protocol.session import Recorded


def new(
    file: Annotated[Path, typer.Argument(metavar="PROTOCOL.toml", help="The file to write.")],
) -> None:
    """Write a protocol with comments and sound defaults, to be edited.

    Example: routerlab trial new protocol.toml
    """
    import re
    import secrets
    from datetime import UTC, datetime

    from routerlab.study.trial.protocol.protocol import TEMPLATE

    name = re.sub(r"[^\w.-]", "-", file.stem)[:60]
    seed = secrets.randbelow(1_000_000)
    text = TEMPLATE.read_text(encoding="utf-8").format(
        name=name, seed=seed, today=f"{datetime.now(UTC):%Y-%m-%d}"
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as f:
            f.write(text)
    except FileExistsError:
        raise LabError(f"{file}: exists already; choose another name") from None
    except OSError as e:
        raise LabError(f"{file}: cannot be written: {e.strerror}") from None
    say(f"{file}: edit it, see `routerlab trial power {file}`, then `routerlab trial lock {file}`")


def lock(
    file: ProtocolFile,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a lock of another content; the new one says so.")
    ] = False,
) -> None:
    """Check a protocol and all that it names, and freeze it with their hashes in PROTOCOL.lock.toml.

    Nothing of it can be changed after that without `trial run` refusing it.

    Example: routerlab trial lock protocol.toml
    """
    from routerlab.study.trial.protocol import lock as locks
    from routerlab.study.trial.protocol.registration import register

    work = register(file)
    path = locks.lock_path(file)
    old = locks.load_lock(path) if path.exists() and not replace else None
    if old is not None:
        lines = locks.changes(old, work)
        if lines:
            for line in lines:
                say(f"  {line}")
            raise LabError(f"{path}: is of another content; --replace it, if no session was sent under it")
        typer.echo(f"{path}: locked already, on {old.locked_at:%Y-%m-%d %H:%M} UTC: {old.sha256}")
        return
    replaced = locks.load_lock(path).sha256 if path.exists() else None
    made = locks.make_lock(work, replaced)
    locks.write_lock(path, made)
    for line in _summary(work, made):
        say(line)
    typer.echo(f"{path}: {made.sha256}")


def _summary(work: "Registered", made: "Lock") -> list[str]:
    """What is decided now, for a person to read once more."""
    from routerlab.engine.remote.arm import RemoteSpec
    from routerlab.study.trial.protocol.assignment import balance
    from routerlab.study.trial.protocol.interim import level_at, look_points

    planned = work.planned()
    even = balance(planned, [case.id for case in work.cases], work.arms)
    lines = [
        f"{len(planned)} sessions over {len(work.arms)} arms and {len(work.cases)} cases: each case "
        f"{even.fewest} to {even.most} times with an arm, arms differ by {even.apart} at most"
    ]
    points = look_points(planned, work.routed, work.protocol.looks.fractions)
    primary = work.protocol.primary
    for point in points if primary else ():
        information = tuple(p.information for p in points[: point.number])
        level = level_at(information, primary.alpha) if primary else 0.0
        lines.append(
            f"look {point.number}: after {point.after} sessions, {point.information:.0%} of the cases; "
            f"nominal level {level:.5f} for one pair"
        )
    prices = work.protocol.cost.by_arm if work.protocol.cost else {}
    paid = {spec.name for spec in work.specs if isinstance(spec, RemoteSpec) and spec.remote.prices}
    if unpriced := [arm for arm in work.routed if arm not in prices and arm not in paid]:
        lines.append(f"note: no price for {', '.join(unpriced)}: there will be no decision by cost")
    if made.git_commit and not made.git_clean:
        lines.append("note: the protocol is not committed as it is; commit it and its lock before the run")
    return lines


def status(session: SessionFile, format: o.Format = "table") -> None:
    """How far a trial is: sessions by arm, looks and deviations. No outcomes: see `trial peek` for those.

    Example: routerlab trial status sessions/trial-four-arms.toml --format json
    """
    from routerlab.cli.shared.show import new_table, print_json, print_table
    from routerlab.core.session.file import read_session
    from routerlab.core.text import printable
    from routerlab.study.trial.protocol.peeks import waiting_peeks
    from routerlab.study.trial.protocol.session import recorded

    found = read_session(session).session
    trial = recorded(session, found)
    counts = _counts(trial)
    state = {
        "session": str(session),
        "answered": len(trial.answered),
        "planned": len(trial.planned),
        "ended": trial.ended,
        "arms": {arm: {"answered": n, "planned": total} for arm, (n, total) in counts.items()},
        "looks": [mark.reason for mark in found.marks if mark.kind == "look"],
        "deviations": [
            *(mark.reason for mark in found.marks if mark.kind == "deviation"),
            *waiting_peeks(session),
        ],
    }
    if format == "json":
        print_json(state)
        return
    table = new_table("arm", "answered", "planned")
    for arm, (n, total) in counts.items():
        table.add_row(printable(arm), str(n), str(total))
    print_table(table)
    typer.echo(f"over: {printable(str(state['ended']))}" if state["ended"] else "not over")
    for mark in found.marks:
        if mark.kind in ("look", "deviation"):
            typer.echo(printable(f"{mark.kind}: {f'{mark.arm}: ' if mark.arm else ''}{mark.reason}"))
    for reason in waiting_peeks(session):
        typer.echo(printable(f"deviation: {reason}"))


def _counts(trial: "Recorded") -> dict[str, tuple[int, int]]:
    """Arm -> sessions answered and planned."""
    from collections import Counter

    done = Counter(t.arm for t in trial.answered.values())
    total = Counter(p.arm for p in trial.planned)
    return {arm: (done[arm], total[arm]) for arm in trial.arms}
