"""`routerlab outcome`: does right routing give better answers."""

import typer

from routerlab.cli.outcome.analyze import analyze, report
from routerlab.cli.outcome.import_ import import_
from routerlab.cli.outcome.labels import labels
from routerlab.cli.outcome.table import table

app = typer.Typer(
    name="outcome",
    help="Does right routing give better answers: checked tasks, answered once by every model.",
    epilog="Example: routerlab outcome import results.csv --format csv --out outcomes.toml | "
    "routerlab outcome analyze outcomes.toml --labels labels.csv",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("import")(import_)
for command in (labels, analyze, report, table):
    app.command()(command)
