"""The core stays free of screens, engines and networks: proved by importing all of it in a fresh process."""

import json
import subprocess
import sys

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
    assert {"routerlab.core.session", "routerlab.core.sessionfile", "routerlab.core.metrics"} <= set(names)
    assert not FORBIDDEN & set(loaded)
