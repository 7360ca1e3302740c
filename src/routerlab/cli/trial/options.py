"""Arguments that the commands of `routerlab trial` share."""

from pathlib import Path
from typing import Annotated

import typer

ProtocolFile = Annotated[Path, typer.Argument(metavar="PROTOCOL.toml", help="The protocol.")]
SessionFile = Annotated[Path, typer.Argument(metavar="SESSION.toml", help="What `trial run` has written.")]
