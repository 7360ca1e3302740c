"""`routerlab outcome labels`: what routers say of prompts, by hash."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.shared.show import not_over, save, say
from routerlab.core.errors import LabError
from routerlab.core.text import plural


def labels(
    prompts: Annotated[
        Path, typer.Argument(metavar="PROMPTS", help="Tasks, a corpus, or any file of prompts.")
    ],
    arm: Annotated[
        list[str],
        typer.Option("--arm", "-a", metavar="ROUTER", help="A router to ask; may be given several times."),
    ],
    out: Annotated[Path, typer.Option(metavar="LABELS.csv", help="The table to write.")],
    features: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz",
            help="Keep what the first router's model computes of each prompt, too, for `analyze --direct`.",
        ),
    ] = None,
) -> None:
    """Ask routers for labels of prompts, and write them by the prompts' hashes: no texts.

    `outcome analyze --labels` reads the table; so it does a session that replayed the prompts.

    Example: routerlab outcome labels corpus/tasks.toml --arm routers/smollm2-135m.toml --out labels.csv
    """
    from routerlab.cli.shared.progress import teller
    from routerlab.study.outcome.tables.prompts import ask, features_bytes, labels_text, read_prompts

    not_over(out, prompts)
    not_over(features, prompts)
    texts = read_prompts(prompts)
    if not texts:
        raise LabError(f"{prompts}: there is no prompt in it")
    tell = teller("text")
    found = [asyncio.run(ask(name, texts, partial(tell, f"asking {name}"))) for name in arm]
    if features:
        save(features, features_bytes(texts, found[0]))
    save(out, labels_text(texts, found))
    say(f"{out}: {plural(len(texts), 'prompt')}, {plural(len(found), 'router')}")
