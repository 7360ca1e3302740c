"""`routerlab doctor`: what this machine offers the lab."""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routerlab.cli.shared import options as o
from routerlab.core.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from routerlab.models.devices import Device

GPU_HELP = (
    "this build of llama.cpp uses the CPU only. For a GPU, build it again: "
    'CMAKE_ARGS="-DGGML_CUDA=on" pip install --force-reinstall --no-cache-dir llama-cpp-python '
    "(NVIDIA; -DGGML_METAL=on for Apple, -DGGML_VULKAN=on for any Vulkan device, -DGGML_HIP=on for AMD)"
)
SEQUENCES = 7
"""Of a model's cache, with the labels that ship: one for each, and the prefix."""


def doctor(
    format: o.Format = "table",
) -> None:
    """Show what this machine offers: the llama.cpp build and its devices, memory, the models that are here
    and where they would go, folders, terminal.

    Example: routerlab doctor --format json
    """
    from routerlab.cli.shared.show import print_json

    facts = _facts()
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
        row("models", "none: get one with `routerlab models pull smollm2-135m`")
    for name, path in facts["folders"].items():
        row(f"{name} in", path)
    t = facts["terminal"]
    kind = f"{t['columns']}x{t['rows']}, TERM={t['TERM']}, colours: {t['colours']}, {t['encoding']}"
    row("terminal", kind if t["tty"] else f"none (output or input is redirected); {kind}")
    print_table(table)
