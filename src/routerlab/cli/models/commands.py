"""`routerlab models`: the catalogue, and the models that are here."""

import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routerlab.cli.shared import options as o
from routerlab.cli.shared.show import new_table, print_json, print_table, say
from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable

if TYPE_CHECKING:
    from routerlab.models.catalog import Entry

POOLINGS = ("none", "mean", "first token", "last token", "rank")
"""What makes one vector of a text's (enum llama_pooling_type)."""

app = typer.Typer(help="Models: what can be had, what is here.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Models: what can be had, what is here."""


@app.command("list", epilog="Examples: routerlab models list | routerlab models list --format json")
def list_models(format: o.Format = "table") -> None:
    """List the catalogue and the *.gguf files in the model folders: size, licence, what is here."""
    from routerlab.models.progress import human
    from routerlab.models.stock import stock

    rows: list[dict[str, object]] = []
    for one in stock():
        facts = {field.name: getattr(one, field.name) for field in fields(one) if field.name != "entry"}
        notes = facts.pop("notes")
        path = str(one.path) if one.path else None
        rows.append(facts | {"path": path, "in_catalog": one.entry is not None, "notes": notes})
    if format == "json":
        print_json(rows)
        return

    from routerlab.cli.shared.tables import cell

    table = new_table("id", "params", "quant", "size", "licence", "state")
    for row in rows:
        size = human(row["size"]) if isinstance(row["size"], int) else "?"
        known = (row[key] or "?" for key in ("id", "parameters", "quantization"))
        state = f"{row['state']}{' *' if row['starter'] else ''}"
        table.add_row(*map(cell, (*known, size, row["license"] or "?", state)))
    table.caption = "* starter: what a fresh lab opens with"
    table.caption_justify = "left"
    print_table(table)


@app.command(
    epilog="Examples: routerlab models pull smollm2-135m qwen2.5-coder-0.5b | "
    "routerlab models pull smollm2-135m:probe routers/mine.toml"
)
def pull(
    names: Annotated[
        list[str],
        typer.Argument(metavar="ID|ARM...", help="Catalogue ids (see `models list`), or arms and routers."),
    ],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Accept licence terms without being asked.")
    ] = False,
) -> None:
    """Download models and verify them. The path of each is printed on stdout, the rest on stderr.

    For a router, the file that it was tuned for is had: pulled, or made from one that is pulled.

    Interrupted (Ctrl+C) or cut off, the same command goes on where it stopped.
    """
    from routerlab.cli.models.progress import Narrator
    from routerlab.engine.lab.wanted import get, wanted
    from routerlab.models.progress import StoppedError
    from routerlab.paths import models_dir

    wants = list(dict.fromkeys(want for name in names for want in wanted(name)))
    folder = models_dir()
    for entry in dict.fromkeys(want.entry for want in wants):
        if entry.accept and not yes and not (folder / entry.file).exists():
            _accept(entry)
    failed: list[str] = []
    for want in wants:
        with Narrator() as narrator:
            try:
                typer.echo(str(get(want, folder, narrator.report)))
            except KeyboardInterrupt:
                raise StoppedError from None
            except LabError as e:
                if e.code == Exit.INTERRUPTED or len(wants) == 1:
                    raise
                say(str(e))
                failed.append(want.name)
    if failed:
        raise LabError(f"not pulled: {', '.join(failed)} (why is said above)", Exit.MISSING)


def _accept(entry: "Entry") -> None:
    """Shows the terms and asks; LabError when they are not accepted or nobody can be asked."""
    terms = f"{entry.name} comes under its own terms ({entry.license}): {entry.license_url or 'see its page'}"
    say(terms)
    if not sys.stdin.isatty():
        raise LabError(f"{entry.id}: read the terms at {entry.license_url}, then accept them with --yes")
    if not typer.confirm("Do you accept them?", err=True):
        raise LabError(f"{entry.id}: not pulled, its terms were not accepted")


@app.command(epilog="Examples: routerlab models verify | routerlab models verify smollm2-135m")
def verify(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="Models; by default all here.")
    ] = None,
) -> None:
    """Read every byte of the models that are here and compare hashes; exit code 1 when one differs."""
    from routerlab.cli.models.progress import Narrator
    from routerlab.cli.shared.tables import cell
    from routerlab.models.catalog import find_model, load_catalog, local_models
    from routerlab.models.stock import verify as compare

    catalog = load_catalog()
    paths = [find_model(i, catalog=catalog) for i in ids or []] or [
        m.path for m in local_models(catalog=catalog)
    ]
    if not paths:
        raise LabError("no models here: get one with `routerlab models pull smollm2-135m`", Exit.MISSING)
    table = new_table("model", "result", "sha256")
    wrong: list[str] = []
    for path in paths:
        with Narrator() as narrator:
            found = compare(path, narrator.verifying(printable(path.name)))
        if found.right is False:
            entry = catalog.by_file(path.name)
            wrong.append(entry.id if entry else path.name)
        table.add_row(cell(path.name), cell(found.words), cell(found.sha256))
    print_table(table)
    if wrong:
        names = ", ".join(map(printable, wrong))
        raise LabError(f"does not match: {names}; pull again", Exit.CHECK_FAILED)


@app.command(
    epilog="Examples: routerlab models info smollm2-135m | routerlab models info ~/some.gguf --format json"
)
def info(
    model: Annotated[
        str, typer.Argument(metavar="PATH_OR_ID", help="A path, a catalogue id, or a file's name.")
    ],
    format: o.Format = "table",
) -> None:
    """Show what a model file says of itself, from its header, without loading it."""
    from dataclasses import asdict

    from routerlab.cli.shared.tables import cell
    from routerlab.engine.worker.build import describe_template
    from routerlab.models.catalog import find_model
    from routerlab.models.gguf import read_header
    from routerlab.models.memory import estimate
    from routerlab.models.progress import human
    from routerlab.models.quantize import load_origin
    from routerlab.models.stock import parameter_count

    path = find_model(model)
    header = read_header(path)
    origin = load_origin(path)
    context = min(header.context_length or 4096, 4096)
    need = estimate(header, context)
    asked = None
    if header.chat_template and not header.embedding:
        asked = describe_template(header.chat_template)
    data = asdict(header) | {
        "path": str(path),
        "template_use": asked,
        "memory": asdict(need) | {"total": need.total, "context": context},
        "origin": origin and origin.model_dump(mode="json") | {"warnings": origin.warnings},
    }
    if format == "json":
        print_json(data)
        return
    data["parameters"] = f"{parameter_count(header.parameters)} ({header.parameters:,})"
    data["size"] = f"{human(header.size)} ({header.size:,} bytes)"
    data["tensor_bytes"] = f"{header.tensor_bytes:,}"
    data["memory"] = (
        f"about {human(need.total)} with {context:,} tokens of context: {human(need.weights)} weights, "
        f"{human(need.kv)} cache, {human(need.buffers)} buffers"
    )
    template = header.chat_template
    lacks = "none" if header.embedding else "none: a base model, asked in plain text"
    data["chat_template"] = lacks if template is None else f"{len(template):,} characters; {asked}"
    del data["template_use"]
    data |= {key: "yes" if data[key] else "no" for key in ("recurrent", "encoder")}
    data["pooling"] = dict(enumerate(POOLINGS)).get(header.pooling, header.pooling)
    del data["state_per_layer"]
    if origin:
        data["origin"] = "; ".join([f"{origin.source} ({origin.source_sha256})", *origin.warnings])
    table = new_table("", "", header=False)
    for key, value in data.items():
        shown = "-" if value is None else ", ".join(map(str, value)) if isinstance(value, tuple) else value
        table.add_row(cell(key.replace("_", " ")), cell(shown))
    print_table(table)


@app.command(
    epilog="Examples: routerlab models quantize smollm2-135m --to q4_0 | "
    "routerlab models quantize ~/some-F16.gguf --to q8_0 --to q4_0"
)
def quantize(
    model: Annotated[
        str, typer.Argument(metavar="ID|PATH", help="A path, a catalogue id, or a file's name.")
    ],
    to: Annotated[list[str], typer.Option("--to", metavar="TYPE", help="q4_0, q8_0, ...; once for each.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write; by default beside the source.")
    ] = None,
) -> None:
    """Make another quantization of a model. Paths are printed on stdout, the rest on stderr.

    The best source is an F16 file: what an earlier quantization lost does not come back. Exit code 3: it
    cannot be read, or written.
    """
    from routerlab.cli.models.progress import Narrator
    from routerlab.models.catalog import find_model
    from routerlab.models.progress import StoppedError
    from routerlab.models.quantize import quantize as make
    from routerlab.models.quantize import type_named

    types = [type_named(name) for name in to]
    if out and len(types) > 1:
        raise LabError("--out names one file: give --to once")
    source = find_model(model)
    for name in types:
        with Narrator() as narrator:
            try:
                made, origin = make(source, name, out, narrator.report)
            except KeyboardInterrupt:
                raise StoppedError from None
        for words in origin.warnings:
            typer.echo(f"note: {printable(made.name)}: {words}", err=True)
        typer.echo(str(made))


@app.command(epilog="Example: routerlab models rm qwen2.5-coder-1.5b --yes")
def rm(
    model: Annotated[
        str, typer.Argument(metavar="ID", help="A catalogue id, or the name of a file in models/.")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a model, or what an unfinished pull of it left. Only files in the model folders are touched."""
    from routerlab.models.remove import removal, remove

    what = removal(model)
    if not yes:
        if not sys.stdin.isatty():
            raise LabError(f"would remove {what}: say so with --yes")
        if not typer.confirm(f"Remove {what}?", err=True):
            raise LabError("nothing removed", Exit.CHECK_FAILED)
    remove(what)
    say(f"removed {what}")
