"""Arguments that the commands of `routerlab trial` share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

ProtocolFile = Annotated[Path, typer.Argument(metavar="PROTOCOL.toml", help="The protocol.")]
SessionFile = Annotated[Path, typer.Argument(metavar="SESSION.toml", help="What `trial run` has written.")]
Format = Annotated[Literal["table", "json"], typer.Option("--format", help="How to print it.")]
