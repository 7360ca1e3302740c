"""`routerlab serve promote`: another router in the place of the one at work, if it has earned that."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import say

if TYPE_CHECKING:
    from routerlab.serve.at_work import AtWork, Choice, Evidence
    from routerlab.settings import Settings

RELOAD_S = 600.0
"""Seconds that a server has to load the new router."""


@o.spread
def promote(
    router: Annotated[
        str | None, typer.Argument(metavar="ARM", help="What is to be at work: a router, or any other arm.")
    ] = None,
    labelled: Annotated[
        Path | None,
        typer.Option(
            "--on",
            metavar="FILE",
            help="Labelled traffic: a session in which both have answered (`lab --watch` keeps one), or a "
            "corpus or file of prompts with labels, which both are asked.",
        ),
    ] = None,
    serving: Annotated[
        Path, typer.Option(metavar="FILE", help="Says what is at work: what `serve --router FILE` serves.")
    ] = Path("serving.toml"),
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Have the server at this address load it at once; the token is that of the environment "
            "variable ROUTERLAB_SERVE_TOKEN.",
        ),
    ] = None,
    back: Annotated[
        bool, typer.Option("--back", help="Return to the one before, without asking for evidence.")
    ] = False,
    require: Annotated[
        list[str] | None,
        typer.Option(metavar="GATE", help="A gate instead of accuracy>=0.85 and p95<=2000; several times."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="A gate that is undecided is not kept, too.")
    ] = False,
    taxonomy: o.TaxonomyFile = None,
    *,
    on: o.Asking,
) -> None:
    """Put a router in the place of the one at work, if labelled traffic says that it may; exit 1 if not.

    It may when it keeps its gates, as `routerlab check` asks them, and is at least as accurate as the one at
    work on the cases that both answered; a refusal says the counts and McNemar's exact p. The first router
    has its gates alone to keep. FILE has every promotion with its evidence. Without --url, SIGHUP to the
    server makes it real.

    Example: routerlab serve promote mine.toml --on labelled.toml --url http://127.0.0.1:8088
    """
    from routerlab.core.errors import LabError
    from routerlab.core.files.lock import lock_beside
    from routerlab.serve.at_work import confirm, numbers, promoted, read_at_work

    if back == (router is not None) or back == (labelled is not None):
        raise LabError("name ARM and --on FILE to promote, or --back alone")
    with lock_beside(serving, "wait until it has ended"):
        now = read_at_work(serving)
        evidence = None
        if router is None or labelled is None:
            new = now.before if now else None
            if new is None:
                raise LabError(f"{serving}: no router was at work before")
            confirm(serving, new)
        else:
            new, evidence = _earned(router, labelled, now, require, strict, taxonomy, on.settings())
        promoted(serving, now, new, evidence)
        if url:
            _reload(url, serving, now, new)
    against = f"; against {numbers(evidence.paired)}" if evidence and evidence.paired else ""
    made = "is at work" if url else f"is what {serving} says; SIGHUP has the server load it"
    say(f"{new.name} {made}{against}")


def _earned(
    router: str,
    labelled: Path,
    now: "AtWork | None",
    require: list[str] | None,
    strict: bool,
    taxonomy: Path | None,
    settings: "Settings",
) -> "tuple[Choice, Evidence]":
    """The router and the evidence for it; LabError (code 1) when it has not earned it."""
    from routerlab.cli.results.check import measured, promised
    from routerlab.core.errors import Exit, LabError
    from routerlab.core.statistics.gates import parse_gate
    from routerlab.engine.lab.specs import any_spec
    from routerlab.serve.at_work import Choice, judge, verdict
    from routerlab.serve.at_work import labelled as labelled_in

    wanted = [parse_gate(text) for text in require or ()]
    new = Choice.of(router, any_spec(router, settings.contract))
    before = now.promotion[-1].router if now else None
    if before and before.name == new.name:
        same = (
            "is at work already" if before == new else "is the name of the one at work, too; give it another"
        )
        raise LabError(f"{new.name} {same}")
    path = _answers(labelled, [c.arm for c in (new, before) if c], taxonomy, settings)
    analysis = labelled_in(path)
    told = judge(analysis, new, before)
    arm = analysis.by_name[new.name]
    gates = wanted or [*map(parse_gate, analysis.gates), *promised(arm)]
    answers = measured(path, analysis, arm, gates)
    lines = tuple(f"{g.gate}: {g.answer} ({g.value:.4g})" for g in answers)
    told = told.model_copy(update={"gates": lines})
    bad = ("fail", "undecided") if strict else ("fail",)
    broken = [line for line, g in zip(lines, answers, strict=True) if g.answer in bad]
    reason = "; ".join(broken) or verdict(told)
    if reason:
        raise LabError(f"{new.name} is not promoted: {reason}", Exit.CHECK_FAILED)
    return new, told


def _answers(labelled: Path, arms: list[str], taxonomy: Path | None, settings: "Settings") -> Path:
    """A session with the answers of the arms: the one that was named, or one in which they are asked now."""
    import asyncio

    from routerlab.annotate.desk.source import is_session
    from routerlab.cli.replay import ask_all
    from routerlab.cli.shared.open import cases_of, open_lab, open_materials

    if is_session(labelled):
        return labelled
    materials = open_materials(taxonomy, labelled)
    cases_of(materials)
    lab, specs = open_lab(arms, materials, None, settings, None)
    asyncio.run(ask_all(lab, specs, 1))
    assert lab.path is not None
    say(f"the answers are in {lab.path}")
    return lab.path


def _reload(url: str, serving: Path, before: "AtWork | None", new: "Choice") -> None:
    """Have the server load it; LabError when it does not, and then the file says what it did before."""
    import os

    from httpx2 import HTTPError, InvalidURL, post

    from routerlab.core.errors import LabError
    from routerlab.integrations.litellm import TOKEN  # what a client needs; serve.run needs the extra
    from routerlab.serve.at_work import restore

    try:
        token = os.environ.get(TOKEN, "").strip()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = post(f"{url.rstrip('/')}/admin/reload", headers=headers, timeout=RELOAD_S, trust_env=False)
        body = answer.json()
        reason = None if answer.is_success else f"{answer.status_code}: {body['error']['message']}"
        if reason is None and body["router"] != new.name:
            reason = f"it serves {body['router']}: start it with --router {serving}"
    except (HTTPError, InvalidURL) as e:
        reason = f"{type(e).__name__}; is `routerlab serve` there?"
    except (ValueError, KeyError, TypeError):
        reason = "not an answer of `routerlab serve`"
    if reason:
        restore(serving, before)
        raise LabError(f"{url}: {reason}; {serving} is as it was")
