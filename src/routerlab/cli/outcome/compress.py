"""`routerlab outcome compress`: what three methods leave of prompts, and what that costs."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.outcome import options as oo
from routerlab.cli.shared import options as o
from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from routerlab.study.outcome.compress.measure import Compressed
    from routerlab.study.outcome.record import Method


def compress(
    prompts: Annotated[
        Path, typer.Argument(metavar="PROMPTS", help="Tasks, a corpus, or any file of prompts.")
    ],
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method", "-m", help="window, self-information or llmlingua; several times; all by default."
        ),
    ] = None,
    keep: Annotated[float, typer.Option(help="The share of a prompt's tokens that may stay.")] = 0.7,
    reader: Annotated[
        str, typer.Option("--with", metavar="MODEL", help="The small model that reads the prompts.")
    ] = "smollm2-135m",
    encoder: Annotated[
        str, typer.Option(metavar="MODEL", help="The encoder that says how alike two texts are.")
    ] = "all-minilm-l6-v2",
    texts: Annotated[bool, typer.Option("--texts", help="Print what is left of each prompt, too.")] = False,
    outcomes: Annotated[
        Path | None,
        typer.Option(
            metavar="SESSION.toml",
            help="A session whose plan asked models compressed prompts, too: what that costs in answers.",
        ),
    ] = None,
    worth: oo.Worth = 0.02,
    resamples: Annotated[int, typer.Option(min=200, help="Draws of bootstraps and permutations.")] = 10_000,
    seed: oo.Seed = 0,
    format: o.Format = "table",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the result as JSON, no texts.")
    ] = None,
) -> None:
    """Send fewer tokens: how many fewer, how alike the prompts stay, whether answers stay as good.

    window keeps head and tail; self-information drops the words that the small model expected most;
    llmlingua drops tokens, segment by segment. The finding is H9 of the study: at least 30 % fewer tokens at
    a similarity of at least 0.88. A plan asks models compressed prompts by `compress = "window"`.

    Example: routerlab outcome compress corpus/tasks.toml --texts
    """
    from typing import get_args

    from routerlab.cli.results.show import print_sections
    from routerlab.cli.shared.show import not_over, print_json, save_json, say
    from routerlab.core.text import printable
    from routerlab.models.catalog import find_model
    from routerlab.models.fingerprint import file_sha256
    from routerlab.study.figures.arm import Settings as Figures
    from routerlab.study.outcome.compress.figures import method_figures, quality_figures
    from routerlab.study.outcome.compress.result import CompressResult
    from routerlab.study.outcome.load import read_outcomes
    from routerlab.study.outcome.record import Method
    from routerlab.study.outcome.tables.prompts import read_prompts
    from routerlab.study.report.sections.compress import sections, unread
    from routerlab.version import __version__

    not_over(out, prompts, outcomes)
    known: tuple[Method, ...] = get_args(Method)
    if unknown := [one for one in method or () if one not in known]:
        raise LabError(f"--method {unknown[0]}: there are {', '.join(known)}")
    if not 0 < keep < 1:
        raise LabError(f"--keep {keep:g}: a share between 0 and 1")
    wanted = tuple(one for one in known if not method or one in method)
    asked = read_prompts(prompts)
    if not asked:
        raise LabError(f"{prompts}: there is no prompt in it")
    session = read_outcomes(outcomes) if outcomes else None
    small, other = find_model(reader), find_model(encoder)
    found = asyncio.run(_measured(asked, wanted, keep, small, other))
    settings = Figures(resamples=resamples, seed=seed)
    rows = tuple(one.row for one in found)
    result = CompressResult(
        lab_version=__version__,
        prompts=prompts.name,
        keep=keep,
        reader=small.stem,
        reader_sha256=file_sha256(small),
        encoder=other.stem,
        encoder_sha256=file_sha256(other),
        outcomes=outcomes.name if outcomes else None,
        worth=worth,
        settings=settings,
        methods=tuple(
            method_figures(one, [row for row in rows if row.method == one], settings) for one in wanted
        ),
        quality=quality_figures(session, settings, worth) if session else (),
        rows=rows,
    )
    for line in filter(None, map(unread, result.methods)):
        say(line)
    if out:
        save_json(out, result)
    if format == "json":
        print_json(result.model_dump(mode="json"))
        return
    for one in found if texts else ():
        row = one.row
        alike = "" if row.similarity is None else f", similarity {row.similarity:.3f}"
        typer.echo(f"{row.method}: {row.before} -> {row.after} tokens{alike}\n{printable(one.text)}\n")
    print_sections(section for section in sections(result) if not section.detail)


async def _measured(
    prompts: list[str], methods: "tuple[Method, ...]", keep: float, small: Path, other: Path
) -> "list[Compressed]":
    from functools import partial

    from routerlab.cli.shared.progress import teller
    from routerlab.settings import load_settings
    from routerlab.study.outcome.compress.measure import measure
    from routerlab.study.outcome.compress.reader import Encoder, Reader

    settings = load_settings()
    tell = partial(teller("text"), "compressing")
    async with Reader(small, settings) as reader, Encoder(other, settings) as encoder:
        return await measure(prompts, methods, keep, reader, encoder, tell)
