"""`routerlab outcome`: does right routing give better answers."""

import typer

from routerlab.cli.outcome.run import run
from routerlab.cli.outcome.score import score

app = typer.Typer(
    name="outcome",
    help="Does right routing give better answers: tasks that a machine can check, answered once by every "
    "downstream model.",
    epilog="Example: routerlab outcome run benchmarks/outcome/local.toml --out outcomes.toml",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for command in (run, score):
    app.command()(command)
