"""Run the benchmarks: python -m benchmarks [startup queue lateness drawing errors] [--quick].

Prints the figures and writes them, raw data included, to benchmarks/results/<name>.json. Apart from these:
python -m benchmarks serving (--help), and python -m benchmarks.gateway.
"""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from benchmarks import drawing, errors, lateness, queue, startup
from benchmarks.common import ROOT
from routerlab.engine.worker.build import describe_build, machine
from routerlab.version import __version__

BENCHMARKS: dict[str, Callable[[bool], dict[str, Any]]] = {
    "startup": lambda quick: startup.measure(3 if quick else 15),
    "queue": lambda quick: queue.measure(3 if quick else 15, quick),
    "lateness": lambda quick: lateness.measure(5 if quick else 60, 100 if quick else 5000),
    "drawing": lambda quick: drawing.measure(3 if quick else 50),
    "errors": lambda quick: errors.measure(20 if quick else 2000),
}


def main() -> None:
    """Run those named, or all."""
    if sys.argv[1:2] == ["serving"]:
        from benchmarks.serving.run import main as serving

        serving(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="few repetitions, to see that it works")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    facts = {"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}", "machine": machine(), "routerlab": __version__}
    facts["build"] = describe_build().version
    print(json.dumps(facts, indent=1))
    folder = ROOT / "benchmarks" / "results"
    folder.mkdir(exist_ok=True)
    for name in arguments.names or BENCHMARKS:
        result = BENCHMARKS[name](arguments.quick)
        shown = {k: _short(v) for k, v in result.items() if not k.startswith("raw")}
        print(name, json.dumps(shown, indent=1), sep="\n")
        if not arguments.quick:
            (folder / f"{name}.json").write_text(json.dumps(facts | result, indent=1) + "\n")


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v:.4g}" for k, v in value.items())
    return round(value, 3) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
