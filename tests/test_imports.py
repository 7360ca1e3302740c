"""What may be imported where: proved by importing it in a fresh process."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

from tests.conftest import REPO

FORBIDDEN = {"textual", "rich", "llama_cpp", "typer", "click", "huggingface_hub", "httpx", "jinja2", "openai"}
SCRIPT = """
import importlib, json, pkgutil, sys
import routerlab.core
names = [m.name for m in pkgutil.walk_packages(routerlab.core.__path__, "routerlab.core.")]
for name in names:
    importlib.import_module(name)
print(json.dumps([names, sorted({m.split(".")[0] for m in sys.modules})]))
"""


def test_the_core_imports_no_screen_engine_or_network() -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    names, loaded = json.loads(run.stdout)
    assert {
        "routerlab.core.session.session",
        "routerlab.core.session.file",
        "routerlab.core.statistics.metrics",
    } <= set(names)
    assert not FORBIDDEN & set(loaded)


SERVE = REPO / "src" / "routerlab" / "serve"
# `routerlab web` and `serve` import these when they have found the library, and otherwise say what to install
# (tests/cli): a server made of a library's classes cannot be imported without it.
SERVER = [
    "routerlab.cli.web.gate",
    "routerlab.cli.web.server",
    "routerlab.cli.web.sitting",
    *(".".join(path.relative_to(REPO / "src").with_suffix("").parts) for path in SERVE.rglob("*.py")),
]
EVERYTHING = """
import importlib, json, pkgutil, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
blocked = set(json.loads(sys.argv[1]))
sys.meta_path.insert(0, Missing())
import routerlab
names = [m.name for m in pkgutil.walk_packages(routerlab.__path__, "routerlab.")]
for name in names:
    if not name.endswith("__main__") and name not in json.loads(sys.argv[2]):
        importlib.import_module(name)
print(len(names))
"""


def test_everything_imports_without_what_only_extras_bring() -> None:
    """A plain install has the dependencies and none of the extras: no command may end in an import error."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]

    def names(lines: list[str]) -> set[str]:
        return {re.split(r"[\\[>=<;]", line)[0].lower() for line in lines}

    extras = {name for lines in project["optional-dependencies"].values() for name in names(lines)}
    only_extra = extras - names(project["dependencies"])
    blocked = [
        module
        for module, found in packages_distributions().items()
        if {name.lower() for name in found} & only_extra
    ]
    assert "sklearn" in blocked
    command = [sys.executable, "-c", EVERYTHING, json.dumps(blocked), json.dumps(SERVER)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr.strip().splitlines()[-1]
    assert int(run.stdout) > 100


def test_the_client_of_remote_arms_is_not_imported_before_one_starts() -> None:
    """It takes half a second, which no other command should pay."""
    script = (
        "import sys; import routerlab.engine.lab.factory, routerlab.engine.lab.specs; "
        "import routerlab.engine.remote.playback; "
        "print(sorted({'openai', 'httpx2'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
