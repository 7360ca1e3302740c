"""`routerlab corpus`: from files of prompts to a labelled corpus."""

import typer

from routerlab.cli.corpus.adjudicate import adjudicate
from routerlab.cli.corpus.agreement import agreement
from routerlab.cli.corpus.check import check
from routerlab.cli.corpus.export import export
from routerlab.cli.corpus.fill import fill
from routerlab.cli.corpus.import_ import import_
from routerlab.cli.corpus.overlay import overlay
from routerlab.cli.corpus.promote import promote
from routerlab.cli.corpus.split import split
from routerlab.cli.corpus.stats import stats

app = typer.Typer(help="Corpora: files of cases with their gold labels.", no_args_is_help=True)
app.command(
    epilog="Examples: routerlab corpus check corpus/routing60.toml | "
    "routerlab corpus check mine.toml --taxonomy mine-taxonomy.toml"
)(check)
app.command("import")(import_)
for command in (adjudicate, agreement, promote, split, stats, overlay, fill, export):
    app.command()(command)
