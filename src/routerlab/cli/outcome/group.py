"""`routerlab outcome`: does right routing give better answers."""

import typer

from routerlab.cli.outcome.tasks import tasks

app = typer.Typer(
    name="outcome",
    help="Does right routing give better answers: tasks that a machine can check, answered once by every "
    "downstream model.",
    epilog="Example: routerlab outcome tasks corpus/tasks.toml",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _noun() -> None:
    """A group of commands, also while there is but one."""


app.command()(tasks)
