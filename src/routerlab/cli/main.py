"""The command line: one folder or module a noun, one way to end."""

import re
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from routerlab.cli import cache, remote, sessions
from routerlab.cli.annotate import annotate
from routerlab.cli.bench import group as bench
from routerlab.cli.corpus import group as corpus
from routerlab.cli.doctor import doctor
from routerlab.cli.lab import lab, start
from routerlab.cli.models import commands as models
from routerlab.cli.outcome import group as outcome
from routerlab.cli.replay import replay
from routerlab.cli.results.analyze import analyze
from routerlab.cli.results.check import check
from routerlab.cli.results.report import report
from routerlab.cli.route import route
from routerlab.cli.serve import group as serve
from routerlab.cli.tour import tour
from routerlab.cli.trial import group as trial
from routerlab.cli.tune import group as tune
from routerlab.cli.web.command import web
from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable
from routerlab.version import __version__

READER_GONE = 141
"""The exit code where the reader of a pipe (head, less) has seen enough: what a shell gives for SIGPIPE."""

app = typer.Typer(
    name="routerlab",
    help="A terminal lab for front-door routing: small language models side by side, measured.\n\n"
    "Without a command it opens the lab, or Home where no model is here yet.",
    epilog="Exit codes: 0 ok, 1 a gate or check failed, 2 usage or bad input, 3 missing model or device, "
    "130 interrupted.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (lab, tour, route, replay, annotate, analyze, check, report):
    app.command()(command)
for name, noun in (
    ("tune", tune),
    ("bench", bench),
    ("trial", trial),
    ("outcome", outcome),
    ("models", models),
    ("corpus", corpus),
    ("remote", remote),
    ("cache", cache),
    ("sessions", sessions),
    ("serve", serve),
):
    app.add_typer(noun.app, name=name)
app.command()(doctor)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(web)


@app.callback()
def top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Open the lab, or Home, when no command is named."""
    if version:
        print(f"routerlab {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        start()


def run() -> int:
    """Run the command of sys.argv; the exit code. Errors are one line on stderr."""
    try:
        if odd := [one for one in sys.argv if re.search("[\udc80-\udcff]", one)]:
            raise LabError(f"{odd[0]}: is not UTF-8, so no record could hold it; rename or write it so")
        result = app(standalone_mode=False)
    except LabError as e:
        print("\n".join(map(printable, ("error: " + e.lines[0], *e.lines[1:]))), file=sys.stderr)
        return e.code
    except SystemExit as e:
        if isinstance(e.__context__, BrokenPipeError):  # which typer and rich end with 1, a failed check
            return READER_GONE
        raise
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        return Exit.INTERRUPTED
    except TyperException as e:
        print(f"error: {printable(e.format_message().rstrip('.'))}; see --help", file=sys.stderr)
        return Exit.USAGE
    if result == Exit.INTERRUPTED:  # typer's answer to Ctrl+C
        print("interrupted", file=sys.stderr)
    return result if isinstance(result, int) else Exit.OK
