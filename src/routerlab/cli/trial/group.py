"""`routerlab trial`: a registered, randomised experiment of routers under synthetic traffic."""

import typer

from routerlab.cli.trial.analyze import analyze, peek
from routerlab.cli.trial.power import power
from routerlab.cli.trial.protocol import lock, new, status
from routerlab.cli.trial.run import run
from routerlab.cli.trial.sweep import sweep

app = typer.Typer(
    name="trial",
    help="A randomised experiment of routers under synthetic traffic: write a protocol, lock it, run it.\n\n"
    "The lab keeps to the locked protocol, and writes down what was not as planned.",
    epilog="Example: routerlab trial new mine.toml | routerlab trial lock mine.toml | "
    "routerlab trial run mine.toml",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for command in (new, power, lock, run, status, peek, analyze, sweep):
    app.command()(command)
