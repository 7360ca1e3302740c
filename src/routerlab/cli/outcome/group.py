"""`routerlab outcome`: does right routing give better answers."""

import typer

from routerlab.cli.outcome.analyze import analyze, report
from routerlab.cli.outcome.compress import compress
from routerlab.cli.outcome.import_ import import_
from routerlab.cli.outcome.judge import judge
from routerlab.cli.outcome.labels import labels
from routerlab.cli.outcome.run import run
from routerlab.cli.outcome.score import score
from routerlab.cli.outcome.table import table
from routerlab.cli.outcome.tasks import tasks

app = typer.Typer(
    name="outcome",
    help="Does right routing give better answers: tasks that a machine can check, answered once by every "
    "downstream model.",
    epilog="Example: routerlab outcome tasks corpus/tasks.toml | "
    "routerlab outcome run benchmarks/outcome/local.toml --out outcomes.toml | "
    "routerlab outcome analyze outcomes.toml",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for command in (tasks, run, score, labels, analyze, report, table, compress, judge):
    app.command()(command)
app.command("import")(import_)
