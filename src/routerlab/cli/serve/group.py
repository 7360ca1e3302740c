"""`routerlab serve`: a router at the door, and what may take its place."""

from typing import Any

import typer
from typer.core import TyperGroup

from routerlab.cli.serve.promote import promote
from routerlab.cli.serve.run import run


class RunFirst(TyperGroup):
    """`serve --router ARM` is short for `serve run --router ARM`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words of the command line, with `run` in front where they begin with its options."""
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=RunFirst,
    help="Serve a router's decisions over HTTP: `routerlab serve --router ARM`, short for `serve run`; "
    "and put another in its place: `serve promote`.",
    no_args_is_help=True,
)
for command in (run, promote):
    app.command()(command)
