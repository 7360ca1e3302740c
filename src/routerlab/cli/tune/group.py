"""`routerlab tune`: from a labelled corpus and a model to a router file."""

from typing import Any

import typer
from typer.core import TyperGroup

from routerlab.cli.tune.adapter import adapter
from routerlab.cli.tune.cascade import cascade
from routerlab.cli.tune.learn import learn
from routerlab.cli.tune.model import model
from routerlab.cli.tune.scores import scores
from routerlab.cli.tune.taxonomy import taxonomy
from routerlab.cli.tune.time import time


class ModelFirst(TyperGroup):
    """`tune MODEL` is short for `tune model MODEL`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The named command, or `model` when the first word is none."""
        if args and args[0] not in self.commands:
            args = ["model", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=ModelFirst,
    help="Make the best router that a model can be from a labelled corpus: `routerlab tune MODEL`.",
    no_args_is_help=True,
)
for command in (model, adapter, cascade, learn, scores, taxonomy, time):
    app.command()(command)
