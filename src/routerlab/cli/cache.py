"""`routerlab cache`: what can be made again, how much room it takes, and how to have that back."""

from typing import Annotated, Literal

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import say
from routerlab.core.errors import Exit, LabError

app = typer.Typer(
    name="cache",
    help="See and clear what the lab keeps so as not to do it twice.",
    no_args_is_help=True,
)
FILES = {
    "adapters": "adapters/*/*.npy",
    "answers": "answers.sqlite*",
    "hashes": "hashes.json",
    "queues": "queues/*.json",
    "sessions": "sessions/*.json",
}
ABOUT = {
    "adapters": "folds of tune adapter",
    "answers": "read while tuning",
    "hashes": "of model files",
    "queues": "of prompts to annotate, as read",
    "sessions": "long ones, as parsed",
}
"""What the cache folder holds besides prefixes."""


@app.command("show")
def show(
    format: o.Format = "table",
) -> None:
    """List decoded prefixes (the settings bound their size), and what else was kept so as not to do it again.

    Example: routerlab cache show --format json
    """
    from datetime import UTC, datetime

    from routerlab.cli.shared.show import new_table, print_json, print_table
    from routerlab.cli.shared.tables import cell
    from routerlab.engine.worker.prefixes import kept, prefix_dir
    from routerlab.models.progress import human
    from routerlab.paths import cache_dir
    from routerlab.settings import load_settings

    files = kept(prefix_dir())
    limit = load_settings().prefix_cache_mb * 2**20
    sizes = {
        kind: sum(p.stat().st_size for p in cache_dir().glob(pattern)) for kind, pattern in FILES.items()
    }
    if format == "json":
        print_json(
            {
                "folder": str(cache_dir()),
                "prefixes": [
                    {
                        "model": k.model,
                        "tokens": k.tokens,
                        "bytes": k.size,
                        "used": k.used,
                        "file": k.path.name,
                    }
                    for k in files
                ],
                "prefix_limit": limit,
                **sizes,
            }
        )
        return
    table = new_table("kind", "what", "size", "last used")
    for k in files:
        used = f"{datetime.fromtimestamp(k.used, UTC):%Y-%m-%d %H:%M}"
        table.add_row(cell("prefix"), cell(f"{k.model}, {k.tokens} tokens"), cell(human(k.size)), cell(used))
    for kind, size in sizes.items():
        table.add_row(kind, ABOUT[kind], human(size), "")
    print_table(table)
    say(f"{human(sum(k.size for k in files))} of {human(limit)} for prefixes are used, in {cache_dir()}")


@app.command("clear")
def clear(
    what: Annotated[
        Literal["prefixes", "adapters", "answers", "hashes", "queues", "sessions", "all"],
        typer.Argument(help="What to delete."),
    ] = "prefixes",
) -> None:
    """Delete decoded prefixes, or what is named. Nothing is lost but time: it is made again when needed.

    Example: routerlab cache clear all
    """
    from routerlab.engine.worker.prefixes import prefix_dir, trim
    from routerlab.paths import cache_dir

    if what in ("prefixes", "all"):
        typer.echo(f"prefixes: {trim(prefix_dir(), 0)} deleted")
    for kind, pattern in FILES.items():
        if what in (kind, "all"):
            found = list(cache_dir().glob(pattern))
            try:
                for path in found:
                    path.unlink(missing_ok=True)
            except OSError as e:
                raise LabError(f"{cache_dir()}: {kind} cannot be deleted: {e.strerror}", Exit.MISSING) from e
            typer.echo(f"{kind}: {'deleted' if found else 'there were none'}")
