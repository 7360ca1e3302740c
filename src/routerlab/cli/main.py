"""The command line: one module a noun, one way to end."""

import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from routerlab import __version__
from routerlab.cli import cache, sessions
from routerlab.cli.annotate import annotate
from routerlab.cli.bench.engine import engine as bench
from routerlab.cli.bench.length import length
from routerlab.cli.bench.memory import memory
from routerlab.cli.bench.run import EXAMPLES as RUN_EXAMPLES
from routerlab.cli.bench.run import run as run_plan
from routerlab.cli.bench.throughput import throughput
from routerlab.cli.corpus.adjudicate import adjudicate
from routerlab.cli.corpus.agreement import agreement
from routerlab.cli.corpus.check import check as corpus
from routerlab.cli.corpus.import_ import import_
from routerlab.cli.corpus.promote import promote
from routerlab.cli.corpus.split import split
from routerlab.cli.corpus.stats import stats
from routerlab.cli.doctor import doctor
from routerlab.cli.lab import lab
from routerlab.cli.models.commands import commands as models
from routerlab.cli.replay import replay
from routerlab.cli.results.analyze import analyze
from routerlab.cli.results.check import check
from routerlab.cli.results.report import report
from routerlab.cli.route import route
from routerlab.cli.trial.group import group as trial
from routerlab.cli.tune.model import cascade as tune_cascade
from routerlab.cli.tune.model import learn as tune_learn
from routerlab.cli.tune.model import model as tune
from routerlab.cli.tune.model import scores as tune_scores
from routerlab.cli.tune.model import taxonomy as tune_taxonomy
from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable

app = typer.Typer(
    name="routerlab",
    help="A terminal lab for front-door routing: small language models side by side, measured.\n\n"
    "Without a command it opens the lab.",
    epilog="Exit codes: 0 ok, 1 a gate or check failed, 2 usage or bad input, 3 missing model or device, "
    "130 interrupted.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(lab)
app.command()(route)
app.command()(replay)
app.command()(annotate)
app.command()(analyze)
app.command()(check)
app.command()(report)
corpus.app.command()(adjudicate)
for part in (tune_cascade.cascade, tune_learn.learn, tune_scores.scores, tune_taxonomy.taxonomy):
    tune.app.command()(part)
app.add_typer(tune.app, name="tune")
bench.app.command(epilog=RUN_EXAMPLES)(run_plan)
bench.app.command()(length)
bench.app.command()(memory)
bench.app.command()(throughput)
app.add_typer(bench.app, name="bench")
app.add_typer(trial.app, name="trial")
app.add_typer(models.app, name="models")
corpus.app.command()(agreement)
corpus.app.command("import")(import_)
corpus.app.command()(promote)
corpus.app.command()(split)
corpus.app.command()(stats)
app.add_typer(corpus.app, name="corpus")
app.add_typer(cache.app, name="cache")
app.add_typer(sessions.app, name="sessions")
app.command()(doctor)


@app.callback()
def top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Open the lab when no command is named."""
    if version:
        print(f"routerlab {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        lab()


def run() -> int:
    """Run the command of sys.argv; the exit code. Errors are one line on stderr."""
    try:
        result = app(standalone_mode=False)
    except LabError as e:
        print(f"error: {printable(str(e))}", file=sys.stderr)
        return e.code
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        return Exit.INTERRUPTED
    except TyperException as e:
        print(f"error: {printable(e.format_message().rstrip('.'))}; see --help", file=sys.stderr)
        return Exit.USAGE
    if result == Exit.INTERRUPTED:  # typer's answer to Ctrl+C
        print("interrupted", file=sys.stderr)
    return result if isinstance(result, int) else Exit.OK
