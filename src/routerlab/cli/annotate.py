"""`routerlab annotate`: label prompts in the terminal, blind unless asked otherwise."""

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.early import record_early_looks
from routerlab.cli.shared.read import reading
from routerlab.cli.shared.screen import run_app
from routerlab.cli.shared.show import need_screen
from routerlab.core.errors import LabError
from routerlab.core.similar import NEAR_REPORT

if TYPE_CHECKING:
    from routerlab.annotate.desk.open import Wanted
    from routerlab.annotate.desk.source import Source

Order = Literal["file", "random", "disagreement", "confidence", "familiarity", "errors", "mix"]
Name = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="Who labels (default: the settings' annotator).")
]
SessionFile = Annotated[
    Path | None,
    typer.Option(
        "--session",
        metavar="FILE",
        help="Where the labels are saved; if it is there already, go on where it stopped "
        "(default: FILE.NAME.toml among the sessions).",
    ),
]
Guidelines = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Guidelines to show, a Markdown file (default: ours).")
]
Theme = Annotated[str | None, typer.Option(help="A theme of the app, for this time only.")]
Seed = Annotated[int, typer.Option(help="Seed of the order, and of how ties are broken.")]


def annotate(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A session, a corpus or a file of prompts, whatever its format."),
    ],
    name: Name = None,
    order: Annotated[
        Order,
        typer.Option(
            help="As in the file; at random; where the models disagree most first; the least confident "
            "first; the least familiar first (this is what to label next); only what a model got wrong; or "
            "disagreement, confidence, familiarity and random by turns."
        ),
    ] = "file",
    seed: Seed = 0,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Show the models' majority before you label; it is recorded.")
    ] = False,
    answers: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="SESSION", help="Sessions whose models and annotators are revealed after your label."
        ),
    ] = None,
    columns: o.ColumnMap = None,
    turn: o.WhichTurn = "first",
    near: o.Near = NEAR_REPORT,
    session: SessionFile = None,
    taxonomy: o.TaxonomyFile = None,
    guidelines: Guidelines = None,
    theme: Theme = None,
) -> None:
    """Label prompts one by one. Nobody else's label is shown before yours is submitted.

    Your labels are saved as they are given, in a session of your own; the same command goes on later.

    Example: routerlab annotate prompts.jsonl --as ada --map prompt=text --order random --seed 7
    """
    from routerlab.annotate.corpus.prompts import column_map
    from routerlab.annotate.desk.open import Wanted, session_path
    from routerlab.annotate.desk.source import load_source
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.paths import sessions_dir
    from routerlab.resources import TAXONOMY

    need_terminal()
    gc.disable()  # nothing of a queue is rubbish; collecting while it loads takes a quarter of the time
    who = annotator(name)
    labels = load_taxonomy(taxonomy or TAXONOMY)
    record_early_looks([file, *(answers or ())], "annotate")
    with reading() as tell:
        source = load_source(
            file,
            labels,
            who,
            columns=column_map(columns or ()),
            turn=turn,
            near=near or None,
            answers=answers or (),
            progress=tell,
        )
    mode: Literal["suggest", "blind"] = "suggest" if suggest else "blind"
    path = session or session_path(sessions_dir(), file.stem, who)
    run(source, Wanted(who, path, labels, taxonomy or TAXONOMY, mode, order, seed), guidelines, theme)


def need_terminal() -> None:
    """LabError without a terminal to draw on."""
    need_screen("annotating", "`routerlab corpus import` reads prompts without one")


def annotator(name: str | None) -> str:
    """The name given, or that of the settings; LabError when it cannot be a name."""
    from routerlab.settings import load_settings

    who = (name if name is not None else load_settings().annotator).strip()
    if not who or len(who) > 64 or not who.isprintable():
        raise LabError("--as: a name has 1 to 64 characters, none of them a control character")
    return who


def run(source: "Source", wanted: "Wanted", guidelines: Path | None, theme: str | None) -> None:
    """Open the desk and its screen; says at the end where the labels are."""
    from routerlab.annotate.desk.open import open_desk
    from routerlab.core.files.toml import read_text
    from routerlab.resources import GUIDELINES

    text = read_text(guidelines or GUIDELINES)
    settings = o.settings_with(theme=theme)
    with reading() as tell:
        desk, notes = open_desk(source, wanted, lambda n, of: tell(wanted.session.name, n, of))
    try:
        from routerlab.tui.annotate.mode import AnnotateMode

        run_app(settings, AnnotateMode(desk, text, settings, notes))
    finally:
        desk.file.close()
