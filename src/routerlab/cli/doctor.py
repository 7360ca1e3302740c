"""`routerlab doctor`: what this machine offers the lab."""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from routerlab.cli.shared import options as o
from routerlab.core.errors import Exit, LabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from routerlab.bench.threads import ThreadsFound
    from routerlab.bench.types import TypesFound
    from routerlab.models.devices import Device

GPU_HELP = (
    "this build of llama.cpp uses the CPU only. For a GPU, build it again: "
    'CMAKE_ARGS="-DGGML_CUDA=on" pip install --force-reinstall --no-cache-dir llama-cpp-python '
    "(NVIDIA; -DGGML_METAL=on for Apple, -DGGML_VULKAN=on for any Vulkan device, -DGGML_HIP=on for AMD)"
)
SEQUENCES = 7
"""Of a model's cache, with the labels that ship: one for each, and the prefix."""
BUSIED = "were busy before it began: measure again when nothing else runs"


def doctor(
    types: Annotated[
        bool, typer.Option("--types", help="Measure which quantization types this CPU reads quickly.")
    ] = False,
    tune_threads: Annotated[
        bool,
        typer.Option("--tune-threads", help="Measure numbers of threads; the best goes into the settings."),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(metavar="ID|PATH", help="What --tune-threads measures; by default the smallest here."),
    ] = None,
    format: o.Format = "table",
) -> None:
    """Show what this machine offers: the llama.cpp build and its devices, memory, the models that are here
    and where they would go, folders, terminal.

    --types takes half a minute, --tune-threads some seconds for each number of threads; do nothing else
    meanwhile. The settings change only if another number is quicker in every round and by more than 5 %.

    Examples: routerlab doctor --format json | routerlab doctor --types | routerlab doctor --tune-threads
    """
    from routerlab.cli.shared.show import print_json

    if model and not tune_threads:
        raise LabError("--model says what --tune-threads measures: give that too")
    facts = _facts()
    if types:
        facts["types"] = _types().model_dump()
    if tune_threads:
        found, written = _threads(model)
        facts["threads"] = found.model_dump() | {"written": written}
    if format == "json":
        print_json(facts)
    else:
        _print(facts)


def _facts() -> dict[str, Any]:
    """Everything doctor knows, ready for JSON; what cannot be found out is None."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from routerlab import paths
    from routerlab.engine.worker.build import BuildInfo, describe_build, usable_cpus
    from routerlab.models.catalog import local_models
    from routerlab.models.memory import available_memory, total_memory

    try:
        own = version("routerlab")
    except PackageNotFoundError:
        own = "not installed (run from its source)"
    facts: dict[str, Any] = {
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "routerlab": own,
        "build": None,
        "build_problem": None,
    }
    build: BuildInfo | None = None
    try:
        build = describe_build()
        facts["build"] = build.model_dump()
    except LabError as e:
        facts["build_problem"] = str(e)
    size = shutil.get_terminal_size()
    return facts | {
        "cpus": usable_cpus(),
        "memory": {"total": total_memory(), "available": available_memory()},
        "models": [
            {"name": m.name, "path": str(m.path), "size": m.size}
            | _where(m.path, build.devices if build else ())
            for m in local_models()
        ],
        "folders": {
            "models": str(paths.models_dir().absolute()),
            "sessions": str(paths.sessions_dir().absolute()),
            "settings": str(paths.config_file()),
            "cache": str(paths.cache_dir()),
            "logs": str(paths.log_dir()),
        },
        "terminal": {
            "tty": sys.stdin.isatty() and sys.stdout.isatty(),
            "columns": size.columns,
            "rows": size.lines,
            "TERM": os.environ.get("TERM"),
            "colours": _colours(),
            "encoding": sys.stdout.encoding,
        },
    }


def _types() -> "TypesFound":
    from routerlab.bench.types import measure_types
    from routerlab.cli.shared.progress import teller
    from routerlab.engine.worker.build import usable_cpus
    from routerlab.settings import load_settings

    return measure_types(load_settings().threads or usable_cpus(), teller("text"))


def _threads(model: str | None) -> tuple["ThreadsFound", str | None]:
    """What was measured, and the file that it was written into."""
    from routerlab.bench.threads import measure_threads
    from routerlab.cli.shared.progress import teller
    from routerlab.models.catalog import find_model, local_models
    from routerlab.models.cpus import read_cpus, usable_numbers
    from routerlab.settings import load_settings, set_threads

    if model:
        path = find_model(model)
    elif here := local_models():
        path = min(here, key=lambda m: m.size).path
    else:
        raise LabError(
            "no models here: get one with `routerlab models pull smollm2-135m:probe`", Exit.MISSING
        )
    cpus = read_cpus(usable_numbers())
    found = measure_threads(path, cpus, load_settings().threads or len(cpus.usable), teller("text"))
    if found.best == found.before:
        return found, None
    return found, str(set_threads(found.best))


def _where(model: Path, devices: "Sequence[Device]") -> dict[str, str | None]:
    """Where the lab would put a model as the settings are, in a line; or why it would not."""
    from routerlab.models.gguf import read_header
    from routerlab.models.placement import plan, want
    from routerlab.settings import load_settings

    try:
        s = load_settings()
        wanted = want(s.devices, s.gpu_layers, s.split)
        placed, need = plan(read_header(model), model, s.context, SEQUENCES, devices, wanted)
    except LabError as e:
        return {"goes_on": None, "problem": str(e)}
    return {"goes_on": placed.text(need.layers), "problem": None}


def _colours() -> str:
    """How many colours output gets here, as rich sees it."""
    from rich.console import Console

    return Console().color_system or "none"


def _print(facts: dict[str, Any]) -> None:
    from routerlab.cli.shared.show import new_table, print_table
    from routerlab.cli.shared.tables import cell
    from routerlab.models.progress import human

    table = new_table("", "", header=False)

    def row(name: str, value: object) -> None:
        table.add_row(cell(name), cell(value))

    row("routerlab", facts["routerlab"])
    row("python", facts["python"])
    row("platform", facts["platform"])
    build = facts["build"]
    if build is None:
        row("llama.cpp", facts["build_problem"])
    else:
        row("build", f"{build['version']}, {'with' if build['gpu'] else 'without'} GPU offload")
        row("", build["system_info"])
        for d in build["devices"]:
            memory = (
                f", {human(d['memory_free'])} of {human(d['memory_total'])} free" if d["memory_total"] else ""
            )
            row("device", f"{d['name']}: {d['description']} ({d['kind']}{memory})")
        row("GPU", "--device NAME, --layers N and --split choose" if build["gpu"] else GPU_HELP)
    row("CPUs", f"{facts['cpus']} usable by this process")
    row("memory", f"{human(facts['memory']['available'])} available of {human(facts['memory']['total'])}")
    for model in facts["models"]:
        where = f"on {model['goes_on']}" if model["goes_on"] else model["problem"]
        row("model", f"{model['name']} ({human(model['size'])}), {where}: {model['path']}")
    if not facts["models"]:
        row("models", "none: get one with `routerlab models pull smollm2-135m:probe`")
    for name, path in facts["folders"].items():
        row(f"{name} in", path)
    for name, value in _measured(facts):
        row(name, value)
    t = facts["terminal"]
    kind = f"{t['columns']}x{t['rows']}, TERM={t['TERM']}, colours: {t['colours']}, {t['encoding']}"
    row("terminal", kind if t["tty"] else f"none (output or input is redirected); {kind}")
    print_table(table)


def _measured(facts: dict[str, Any]) -> "Iterator[tuple[str, str]]":
    """The rows of what was measured, if anything was."""
    from routerlab.bench.prefill import BUSY

    if found := facts.get("types"):
        quickest = found["types"][0]["type"]
        for one in found["types"]:
            than = "the quickest" if one["times"] == 1 else f"{quickest} is {one['times']:.1f} x as quick"
            yield "type", f"{one['type']}: {one['ms']:.0f} ms for {found['tokens']} tokens, {than}"
        if found["busy"] > BUSY:
            yield "", f"not sure: {found['busy']:.0%} of the CPUs {BUSIED}"
    if found := facts.get("threads"):
        from routerlab.models.cpus import Candidate

        for one in found["candidates"]:
            text = Candidate(one["threads"], tuple(one["cpus"]), one["what"]).text
            yield "threads", f"{text}: {one['prefill_ms']:.0f} ms, a step {one['step_ms']:.1f} ms"
        kept = f"{found['best']} stay: nothing else was surely quicker with {Path(found['model']).name}"
        if found["busy"] > BUSY:
            kept = f"nothing written: {found['busy']:.0%} of the CPUs {BUSIED}"
        changed = f"threads = {found['best']} written into {found['written']} (before: {found['before']})"
        yield "", changed if found["written"] else kept
        if found["pinned"]:
            cpus = ",".join(map(str, found["pinned"]))
            yield "", f"quicker still on these CPUs only: start the lab with `taskset -c {cpus} routerlab`"
