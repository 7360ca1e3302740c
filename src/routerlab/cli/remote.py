"""`routerlab remote`: models behind OpenAI-compatible endpoints, in the settings and on trial."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import new_table, print_json, print_table, say
from routerlab.core.errors import Exit, LabError
from routerlab.core.names import Server

if TYPE_CHECKING:
    from routerlab.core.prediction import Prediction
    from routerlab.core.remote import Remote
    from routerlab.engine.remote.info import RemoteInfo

app = typer.Typer(help="Remotes: models behind OpenAI-compatible endpoints.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Remotes: models behind OpenAI-compatible endpoints."""


@app.command(
    epilog="Examples: routerlab remote add deepseek --preset deepseek | "
    "routerlab remote add qwen --preset vllm --model Qwen/Qwen3-8B --base-url http://gpu:8000/v1"
)
def add(
    name: Annotated[str, typer.Argument(help="What to call it; its arm is remote:NAME.")],
    preset: Annotated[Server, typer.Option(help="Whose server it is.")],
    model: Annotated[
        str | None, typer.Option(help="The model there; by default one that the preset names.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="The address, if it is another.")] = None,
) -> None:
    """Add a commented table for a known server to settings.toml; nothing else there is touched.

    A key goes into the environment variable that the table names, never into the file.
    """
    import os

    from routerlab.engine.remote.preset import presets, table_text
    from routerlab.settings import add_table

    file = add_table(table_text(name, preset, model, base_url))
    typer.echo(str(file))
    key_env = presets().server[preset].key_env
    if key_env and not os.environ.get(key_env):
        say(f"put the key into the environment variable {key_env}, then try `routerlab remote check {name}`")
    else:
        say(f"try `routerlab remote check {name}`")


@app.command(
    epilog="Examples: routerlab remote check deepseek | routerlab remote check deepseek --format json"
)
def check(
    name: Annotated[str, typer.Argument(help="A remote of the settings.")],
    format: o.Format = "table",
) -> int:
    """Ask a remote one question and say what was found out: how it is asked, and how its answer is read.

    Ends with 0 if the answer can be read as the remote has it, 1 if not, 3 if there is none.
    """
    from routerlab.core.remote import api_key, find_remote
    from routerlab.paths import config_file
    from routerlab.settings import load_settings

    remote = find_remote(name, load_settings().remote, config_file())
    api_key(remote)
    first, info = asyncio.run(_asked(remote))
    lenient = remote.parse == "lenient"
    good = first.status == "ok" and (lenient or first.strict is True)
    facts = _facts(remote, first, info)
    if format == "json":
        print_json({"name": name, "good": good, **facts})
    else:
        from routerlab.cli.shared.tables import cell

        table = new_table("", "", header=False)
        for key, value in facts.items():
            if value:
                shown = "; ".join(value) if isinstance(value, list) else value
                table.add_row(cell(key.replace("_", " ")), cell(shown))
        print_table(table)
    return Exit.OK if good else Exit.CHECK_FAILED


async def _asked(remote: "Remote") -> "tuple[Prediction, RemoteInfo]":
    """The first answer, read both ways; LabError (exit 3) when there is none."""
    from routerlab.core.taxonomy import load_taxonomy
    from routerlab.engine.remote.arm import RemoteArm, RemoteSpec
    from routerlab.engine.remote.info import RemoteInfo
    from routerlab.resources import TAXONOMY

    both = remote.model_copy(update={"parse": "lenient"})
    arm = RemoteArm(RemoteSpec(name=f"remote:{remote.name}", remote=both), load_taxonomy(TAXONOMY))
    try:
        await arm.start()
        info = arm.state.info
        if arm.first is None or not isinstance(info, RemoteInfo):
            raise LabError(f"remote {remote.name}: {arm.state.message}", Exit.MISSING)
        return arm.first, info
    finally:
        await arm.stop()


def _facts(remote: "Remote", first: "Prediction", info: "RemoteInfo") -> dict[str, object]:
    from routerlab.core.remote import cost
    from routerlab.engine.remote.arm import FIRST
    from routerlab.engine.remote.preset import server_of

    tokens = first.tokens
    thought = f", {tokens.reasoning} of them reasoning" if tokens.reasoning else ""
    cached = f" ({tokens.cached} cached)" if tokens.cached else ""
    paid = cost(tokens, remote.prices) if remote.prices else None
    read = "strictly" if first.strict else "not at all"
    if first.status == "ok" and not first.strict:
        read = "leniently only" + (
            "" if remote.parse == "lenient" else ': set parse = "lenient" to have that count'
        )
    sent = info.sent or {"temperature": 0.0, "max_tokens": 128, **remote.body}
    return {
        "endpoint": f"{remote.base_url} ({server_of(remote) or 'of no known kind'})",
        "model": f"{remote.model}, which calls itself {info.served_model or 'nothing'}",
        "asked": FIRST,
        "answered": f"{first.label or first.status} in {first.latency_ms.total:.0f} ms",
        "answer": first.answer,
        "read": read,
        "why": first.error,
        "tokens": f"{tokens.cached + tokens.evaluated} in{cached}, {tokens.generated} out{thought}",
        "cost": f"{paid:.6f} {remote.prices.currency}" if paid is not None and remote.prices else None,
        "sent": ", ".join(f"{key} = {value}" for key, value in sent.items()),
        "notes": [note for note in info.note.split("; ") if note not in ("", first.error)],
    }
