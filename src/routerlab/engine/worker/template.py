"""A model's chat template: a stranger's program in Jinja, rendered as transformers renders it, within limits.

Run as a program it tells of the template on stdin how it can be used (see `usable`). No model is needed.
"""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from routerlab.core.taxonomy import Label, Taxonomy
from routerlab.engine.contract.contract import Exemplar, Message, Render, frame

TODAY = datetime(2024, 7, 26)
"""The day that templates are told. The real one would change the prefix, its hash, and with it every answer
and every fitted head, overnight. It is what Llama 3's template says where no clock is to be had."""

MEMORY = 1 << 30
"""Bytes that a chat template may take."""


@contextmanager
def limits(seconds: float) -> Iterator[None]:
    """Bound what a stranger's program in this process may take, where the system can.

    Too much memory is a MemoryError. Too much time ends the process with SIGALRM, which the lab knows: a
    Python handler would not run while the program is inside one long operation, such as a huge power.
    """
    if not hasattr(signal, "setitimer"):
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    statm = Path("/proc/self/statm")
    if statm.exists():
        most = int(statm.read_text().split()[0]) * resource.getpagesize() + MEMORY
        bounds = [n for n in (soft, hard) if n != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_AS, (min([most, *bounds]), hard))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class _Generation(Extension):
    """`{% generation %}` marks what a model is trained to write. Nothing is trained here: its body stands."""

    tags = {"generation"}  # noqa: RUF012  # as jinja2 declares it

    def parse(self, parser: Parser) -> list[Node]:
        """The statements between the two tags."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def renderer(source: str, bos: str, eos: str) -> Render:
    """The template `source`, rendering in a sandbox with the texts of these two tokens. What it renders
    raises whatever the template does, a template that is no valid Jinja too."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals |= {"raise_exception": _refuse, "strftime_now": TODAY.strftime}
    compiled: Callable[[], jinja2.Template] = cache(lambda: environment.from_string(source))

    def render(messages: list[Message]) -> str:
        told: dict[str, Any] = {
            "messages": messages,
            "bos_token": bos,
            "eos_token": eos,
            "add_generation_prompt": True,
            "enable_thinking": False,
        }
        try:
            return compiled().render(told, tools=None, documents=None)
        except Exception as e:  # some ask whether there are tools by `is defined`, as llama.cpp tells them
            try:
                return compiled().render(told)
            except Exception:
                raise e from None

    return render


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _tojson(
    x: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON that is not escaped for HTML, as jinja2's own is."""
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def usable(source: str) -> str:
    """How a model with this template is asked, in one line for people."""
    labels = tuple(Label(name=name, family=name, cue=name) for name in ("a", "b"))
    taxonomy = Taxonomy(schema_version=1, name="two", version="1", label=labels)
    render = renderer(source, "<s>", "</s>")
    shots = [Exemplar(prompt=name, label=name) for name in ("a", "b")]
    with_shots, bare = (frame(taxonomy, "score", shown, render) for shown in (shots, ()))
    if bare.plain_text:
        return f"not used, plain text stands in: {bare.plain_text}"
    if with_shots.plain_text:
        return f"used, but not with worked examples, where plain text stands in: {with_shots.plain_text}"
    return "used, the instruction in the first user turn" if with_shots.template == "folded" else "used"


if __name__ == "__main__":
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    with limits(float(sys.argv[1])):
        print(usable(text).encode("ascii", "backslashreplace").decode())
