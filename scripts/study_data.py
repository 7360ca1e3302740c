"""Make the logs that tests/study/figures/test_published.py reads, from the original study's own raw data.

Usage: study_data.py REPOSITORY, a clone of micoverde/plexor-slm-frontdoor-rct on GitHub or its git directory.

Writes tests/study/data/study1.csv and study2.csv: what the study measured, request by request, in as many
columns as its tables need: the labels, whether an answer could be read, times in milliseconds, the confidence
that a model claimed, dollars, and the length of the answer in characters. No prompt and no answer is there.
The models of study1.csv ran on one T4, one after the other; the arms of study2.csv are B (Phi-4-mini),
C (Qwen2.5-3B) and D (DeepSeek-V3 behind its API).

They are taken from `data/harmonized` and `data/rct_results` at commit c0fb6b4, whose README says: "Research
data and code released under MIT License." The repository belongs to "Evaluating Small Language Models for
Front-Door Routing: A Harmonized Benchmark and Synthetic-Traffic Experiment" (arXiv 2604.02367). Nothing of it
is kept in this repository: git ignores what is written here.

Exit codes: 0 both are written, 1 one came out other than pinned and none is written, 2 bad use, 3 git, the
repository or its commit is not there.
"""

import csv
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from routerlab.core.errors import Exit, LabError

DATA = Path(__file__).resolve().parent.parent / "tests" / "study" / "data"
COMMIT = "c0fb6b473b146f5c15e00f7e048d57a3cc22d952"
SHA256 = {
    "study1.csv": "bc30fedf940c1a91734e18a8adc44cba67a8864cb87bb293facea48708ce694e",
    "study2.csv": "542ce8019b04f2e4db591dc464c8fdb89819e315a78b75510adf26e5f6df335b",
}
STUDY_1 = tuple(
    f"data/harmonized/harmonized_{run}.json"
    for run in (
        "phi-3.5-mini_20260315T231209Z",
        "qwen2.5-1.5b_20260316T003322Z",
        "qwen2.5-3b_20260316T003834Z",
    )
)
STUDY_2 = tuple(f"data/rct_results/rct_arm{arm}_20260316T010718Z.json" for arm in "BCD")

Result = Mapping[str, Any]
"""What the study kept of one request."""


def logs(repository: Path) -> dict[str, bytes]:
    """File name -> CSV; LabError when the repository lacks the data, or the CSV is not the pinned one."""
    made = {
        "study1.csv": _csv([_row_1(result) for path in STUDY_1 for result in _results(repository, path)]),
        "study2.csv": _csv([_row_2(result) for path in STUDY_2 for result in _results(repository, path)]),
    }
    for name, text in made.items():
        if (found := hashlib.sha256(text).hexdigest()) != SHA256[name]:
            raise LabError(
                f"{name} came out with SHA-256 {found}, not {SHA256[name]}; nothing is written: undo what "
                "changed in this script",
                Exit.CHECK_FAILED,
            )
    return made


def _results(repository: Path, path: str) -> list[Result]:
    """The requests in a file of the pinned commit, in their order."""
    command = ["git", "-C", str(repository), "show", f"{COMMIT}:{path}"]
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except FileNotFoundError:
        raise LabError("git is not installed, and it reads the study's repository", Exit.MISSING) from None
    except subprocess.CalledProcessError as e:
        why = (e.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[0]
        raise LabError(
            f"{repository}: has no {path} at commit {COMMIT[:7]} ({why}); give a whole clone of the study",
            Exit.MISSING,
        ) from None
    results: list[Result] = json.loads(done.stdout)["results"]
    return results


def _row_1(result: Result) -> dict[str, object]:
    return {
        "model": result["model_shortname"],
        **_labels(result),
        "ms": round(result["latency_ms"], 2),
        "claimed": result["predicted_confidence"],
        "length": len(result["raw_output"]),
    }


def _row_2(result: Result) -> dict[str, object]:
    # Only the API was paid by the request.
    return {
        "arm": result["arm"],
        **_labels(result),
        "ms": result["latency_ms"],
        "dollars": result["cost_usd"] if result["arm"] == "D" else 0,
        "length": len(result["raw_output"]),
    }


def _labels(result: Result) -> dict[str, object]:
    return {
        "prompt_id": result["prompt_id"],
        "truth": result["gt_label"],
        "answer": result["predicted_label"],
        "parsed": str(result["json_parse_success"]).lower(),
    }


def _csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*rows[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def main(repository: str) -> int:
    """Write both logs and say where; returns the exit code."""
    try:
        made = logs(Path(repository))
    except LabError as e:
        print(f"study-data: {e}", file=sys.stderr)
        return e.code
    DATA.mkdir(exist_ok=True)
    for name, text in made.items():
        (DATA / name).write_bytes(text)
        print(f"{DATA / name}: written")
    return Exit.OK


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        sys.exit(Exit.USAGE)
    sys.exit(main(sys.argv[1]))
