"""`routerlab route`: one prompt, or one a line from stdin, through one or several arms."""

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.open import open_lab, open_materials
from routerlab.cli.shared.show import say
from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable
from routerlab.tune.offloop import off_loop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from routerlab.core.prediction import Trial
    from routerlab.engine.arms.arm import Spec
    from routerlab.engine.lab.events import Event
    from routerlab.engine.lab.lab import Lab

EXITS = {
    "ok": Exit.OK,
    "unparsed": Exit.CHECK_FAILED,
    "refused": Exit.USAGE,
    "crashed": Exit.MISSING,
    "timeout": Exit.MISSING,
    "cancelled": Exit.INTERRUPTED,
    "unrouted": Exit.OK,
}


@o.spread
def route(
    prompt: Annotated[str, typer.Argument(help="What a user asks; `-` reads one prompt a line from stdin.")],
    arm: o.Arms = None,
    contract: o.Contract = None,
    format: Annotated[
        Literal["text", "json"], typer.Option("--format", help="text, or one JSON object a line.")
    ] = "text",
    taxonomy: o.TaxonomyFile = None,
    exemplars: o.ExemplarsFile = None,
    *,
    on: o.Routing,
) -> int:
    """Put a label on a prompt. Nothing is saved.

    Where a router abstains (--abstain, or what it promises), the label stands but is not to be acted on: the
    prompt is meant for the default of a routing table, or the next router of a cascade.

    Ends with the worst answer's exit code: 0 label given, 1 unparsed, 2 refused, 3 crashed or timed out.

    Example: routerlab route "write a regex for ISO dates" --arm smollm2-135m --format json
    """
    settings = on.settings(contract=contract)
    if prompt != "-" and not prompt.strip():
        raise LabError("the prompt is empty: type what a user would ask")
    materials = open_materials(taxonomy, None)
    lab, specs = open_lab(arm, materials, exemplars, settings, None)
    lab.path = None
    return asyncio.run(_run(lab, specs if arm else specs[:1], prompt, format))


def _stdin() -> "Iterator[str]":
    """Its lines, by a file of their own: a program that ends while a thread still waits for a line of
    sys.stdin itself is ended by Python as broken."""
    with open(os.dup(sys.stdin.fileno()), encoding=sys.stdin.encoding, errors=sys.stdin.errors) as file:
        yield from file


async def _run(lab: "Lab", specs: "Sequence[Spec]", prompt: str, format_: str) -> int:
    from routerlab.engine.lab.start import start_arms

    worst = Exit.OK
    try:
        await start_arms(lab, specs, say)
        lines = _stdin() if prompt == "-" else iter([prompt])
        while (line := await off_loop(lambda: next(lines, None))) is not None:
            if not line.strip():
                continue
            for trial in await _ask(lab, line.rstrip("\n")):
                worst = max(worst, EXITS[trial.status])
                print(_json(trial) if format_ == "json" else _text(trial), flush=True)
                if trial.label and trial.error and format_ == "text":
                    say(f"{trial.arm}: {trial.error}")
    finally:
        await lab.close()
    return worst


async def _ask(lab: "Lab", prompt: str) -> "list[Trial]":
    """Every arm's answer to the prompt, in the order of the arms; LabError when one was given up."""
    from routerlab.engine.lab.events import TrialDone
    from routerlab.engine.lab.start import given_up

    answers: dict[str, Trial] = {}
    complete = asyncio.Event()

    def collect(event: "Event") -> None:
        if isinstance(event, TrialDone):
            answers[event.trial.arm] = event.trial
        # An arm that failed answers no more: its questions are dropped.
        if all(name in answers or arm.state.phase == "failed" for name, arm in lab.arms.items()):
            complete.set()

    stop = lab.subscribe(collect)
    lab.ask(prompt)
    await complete.wait()
    stop()
    for name, arm in lab.arms.items():
        if name not in answers:
            raise given_up(name, arm.state, say)
    return [answers[name] for name in lab.arms]


def _text(trial: "Trial") -> str:
    confidence = (
        trial.probabilities.get(trial.label) if trial.probabilities and trial.label else trial.confidence
    )
    answer = trial.label or (f"{trial.status}: {trial.error}" if trial.error else trial.status)
    answer = f"abstained: {answer}" if trial.abstained else answer
    sure = f"{confidence:.2f}" if confidence is not None else "-"
    who = f"{trial.arm} by {trial.member}" if trial.member else trial.arm
    told = [printable(answer), sure, f"{trial.latency_ms.total:.0f} ms", printable(who)]
    known = [] if trial.familiarity is None else [f"familiarity {trial.familiarity:.3f}"]
    return "\t".join(told + known)


def _json(trial: "Trial") -> str:
    kept = {"prompt", "arm", "status", "label", "probabilities", "mass", "familiarity", "abstained"}
    kept |= {"confidence", "answer", "error", "member", "latency_ms", "tokens"}
    return json.dumps(trial.model_dump(mode="json", include=kept))
