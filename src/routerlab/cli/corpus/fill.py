"""`routerlab corpus fill`: an overlay joined with a user's own copy of the public files."""

from pathlib import Path
from typing import Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import say
from routerlab.core.errors import TOLD, Exit, LabError
from routerlab.core.text import plural, printable


def fill(
    file: Annotated[
        Path, typer.Argument(metavar="OVERLAY", help="A corpus without texts, or the name of one that ships.")
    ],
    files: Annotated[
        list[Path],
        typer.Option("--from", metavar="FILE", help="A file that has the prompts; may be given often."),
    ],
    columns: o.ColumnMap = None,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the corpora go (default: here).")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Find an overlay's prompts in files that you have; write its parts, NAME-dev.toml and NAME-test.toml.

    Prompts are known by hash, whatever file they are in: rows with `prompt`, the question files of
    Arena-Hard and MT-Bench, others by --map prompt=KEY. What is found is written; what is missing is listed,
    and the exit code is then 1.

    Example: routerlab corpus fill real498 --from arena-hard/question.jsonl --from mt-bench/question.jsonl
    """
    from routerlab.annotate.corpus.file import write_corpora
    from routerlab.annotate.corpus.overlay import Overlay
    from routerlab.annotate.corpus.overlay import fill as join
    from routerlab.annotate.corpus.prompts import column_map
    from routerlab.core.files.toml import load_toml
    from routerlab.resources import OVERLAYS

    ships = {path.stem: path for path in OVERLAYS}
    overlay = load_toml(file if file.exists() else ships.get(str(file), file), Overlay)
    if Path(overlay.name).name != overlay.name:
        raise LabError(f"{file}: name: {overlay.name!r} is no name of a file; write one without a folder")
    keys = column_map(columns or ())
    if keys.keys() - {"prompt"}:
        raise LabError("--map: only the prompt is read of these files; write prompt=KEY")
    found = join(overlay, files, keys.get("prompt"))
    corpora = {out / f"{corpus.name}.toml": corpus for corpus in found.corpora}
    write_corpora(corpora, force)
    for path, corpus in corpora.items():
        typer.echo(printable(f"{path}: {plural(len(corpus.case), 'case')}"))
    if not found.missing:
        return
    are = plural(len(overlay.case), "prompt is", "prompts are")
    say(f"{len(found.missing)} of {are} in none of these files:")
    for entry in found.missing[:TOLD]:
        say(f"  {entry.source} {entry.source_id}")
    if len(found.missing) > TOLD:
        say(f"  and {len(found.missing) - TOLD} more")
    raise typer.Exit(Exit.CHECK_FAILED)
