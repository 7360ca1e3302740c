"""`routerlab bench`: runs a plan, or measures what routing costs here."""

from typing import Any

import typer
from typer.core import TyperGroup

from routerlab.cli.bench.capacity import capacity
from routerlab.cli.bench.engine import engine
from routerlab.cli.bench.length import length
from routerlab.cli.bench.memory import memory
from routerlab.cli.bench.run import EXAMPLES, run
from routerlab.cli.bench.throughput import throughput


class PlanFirst(TyperGroup):
    """`bench PLAN.toml` and `bench --arm ...` are short for `bench run`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The words of the command line, with `run` in front where they begin with a plan or its options."""
        first = args[0] if args else "--help"
        if first.endswith(".toml") or (first.startswith("-") and first not in ("-h", "--help")):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=PlanFirst,
    help="Run a benchmark of routers: `routerlab bench PLAN.toml`, or `routerlab bench --arm A --arm B`.\n\n"
    "The commands besides `run` measure what routing costs on this machine.",
    no_args_is_help=True,
)
app.command()(engine)
app.command(epilog=EXAMPLES)(run)
for command in (capacity, length, memory, throughput):
    app.command()(command)
