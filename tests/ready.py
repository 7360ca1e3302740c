"""What every program that is forked would make anew, made once in the server: the tree of commands, and what
pydantic makes of records when the first is read."""

from collections.abc import Iterator
from functools import cache

import typer
from pydantic import BaseModel

from routerlab.cli.main import app

typer.main.get_command = cache(typer.main.get_command)
typer.main.get_command(app)


def _records(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in kind.__subclasses__():
        yield one
        yield from _records(one)


for record in _records(BaseModel):
    if record.__module__.startswith("routerlab.") and not record.__pydantic_complete__:
        record.model_rebuild()
