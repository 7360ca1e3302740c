"""Options that several commands share. What they open: open.py."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from routerlab.core.names import Schedule, Split, Turn
from routerlab.engine.contract.names import Untuned

if TYPE_CHECKING:
    from routerlab.settings import Settings

R = TypeVar("R")

Arms = Annotated[
    list[str] | None,
    typer.Option(
        "--arm",
        "-a",
        metavar="ID_OR_PATH[:CONTRACT]",
        help="What to ask: a catalogue id, a .gguf file, a router file, remote:NAME[@SESSION.toml], control, "
        "or baseline:majority, :keywords or :agreement:ARM,ARM[,ARM]; may be given several times.",
    ),
]
Contract = Annotated[
    Untuned | None,
    typer.Option(help="How arms are asked unless they say so themselves: score (default) or json."),
]
TaxonomyFile = Annotated[
    Path | None, typer.Option("--taxonomy", help="Another set of labels than the six that ship.")
]
ExemplarsFile = Annotated[
    str | None, typer.Option("--exemplars", help="Worked examples for `score`: a corpus file, or `none`.")
]
ScheduleOption = Annotated[
    Schedule | None,
    typer.Option("--schedule", help="exclusive: arms take turns (default); parallel: all at once."),
]
Format = Annotated[Literal["table", "json"], typer.Option("--format", help="How to print it.")]
Html = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write one HTML file that needs nothing else.")
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print the tables as GitHub Markdown.")]
ColumnMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=KEY",
        help="Which key or column holds prompt, id, label, notes, group, language, difficulty or also, for "
        "example --map prompt=text or --map prompt=data.question; by default the one of that name. May be "
        "given several times.",
    ),
]
WhichTurn = Annotated[
    Turn,
    typer.Option("--turn", help="Of a conversation: the user's first turn, the last, or each as a case."),
]
Near = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Report prompts that share at least this part of all their words (0: do not compare).",
    ),
]
SessionPath = Annotated[
    Path | None,
    typer.Option(
        "--session",
        "--out",
        help="Where the session is saved; if it is there already, go on where it stopped.",
    ),
]


def _names(texts: list[str] | None) -> list[str] | None:
    """The names in options that may be given several times, or separated by commas; None for none."""
    names = [name.strip() for text in texts or () for name in text.split(",")]
    return [name for name in names if name] or None


@dataclass(frozen=True)
class Machine:
    """What models may use of this machine; None leaves it to the settings."""

    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads a model may use.")] = None
    context: Annotated[int | None, typer.Option(min=256, help="Context length in tokens.")] = None
    gpu_layers: Annotated[
        int | None,
        typer.Option("--layers", "--gpu-layers", min=-1, help="Layers on the GPU: -1 all that fit, 0 none."),
    ] = None
    devices: Annotated[
        list[str] | None,
        typer.Option(
            "--device",
            metavar="NAME",
            callback=_names,
            help="A GPU to use, as `routerlab doctor` names it, or cpu; may be given several times.",
        ),
    ] = None
    split: Annotated[
        Split | None,
        typer.Option(help="How a model lies on several GPUs: on one only, by layers, or by rows."),
    ] = None

    def given(self) -> dict[str, Any]:
        """What was given, by the settings' keys."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    def settings(self, **others: Any) -> "Settings":
        """The settings file with these options and `others`, those that were given, on top."""
        return settings_with(**self.given(), **others)


@dataclass(frozen=True)
class Asking(Machine):
    """The same, and how long an answer may take."""

    timeout_s: Annotated[
        float | None, typer.Option("--timeout", min=0.001, help="Seconds an arm may take for one answer.")
    ] = None


@dataclass(frozen=True)
class Routing(Asking):
    """The same, and what to abstain from."""

    abstain: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="FAMILIARITY",
            help="Abstain below it: at 0.02 from 2 % of prompts like those a router was fitted for.",
        ),
    ] = None


@dataclass(frozen=True)
class Gathering(Asking):
    """The same, and how many questions that wait may be decoded together."""

    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Questions that wait are decoded together, at most so many."),
    ] = None


@dataclass(frozen=True)
class Serving(Routing, Gathering):
    """All of these."""


def spread(command: Callable[..., R]) -> Callable[..., R]:
    """The command for typer: each field of a parameter that is a dataclass is an option."""
    signature = inspect.signature(command)
    groups: dict[str, Any] = {
        name: p.annotation for name, p in signature.parameters.items() if is_dataclass(p.annotation)
    }
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        inner = inspect.signature(groups[name]).parameters.values() if name in groups else (parameter,)
        parameters += [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in inner]

    @functools.wraps(command)
    def spreading(**options: Any) -> R:
        for name, group in groups.items():
            names = inspect.signature(group).parameters
            options[name] = group(**{key: options.pop(key) for key in names if key in options})
        return command(**options)

    spreading.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return spreading


def settings_with(**options: Any) -> "Settings":
    """The settings file with the command's options, those that were given, on top."""
    from routerlab.settings import load_settings

    return load_settings().model_copy(update={k: v for k, v in options.items() if v is not None})
