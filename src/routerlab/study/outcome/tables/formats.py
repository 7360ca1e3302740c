"""What others' tables of outcomes look like, and what of them is kept: scores, costs, tokens, hashes."""

import ast
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any, Literal

from routerlab.annotate.formats.rows import read_rows
from routerlab.core.corpus import prompt_sha256
from routerlab.core.errors import Faults, LabError
from routerlab.core.files.toml import read_text

Format = Literal["routerarena", "routerbench", "llmrouterbench", "csv"]
PICKLES = (".pkl", ".pickle")


@dataclass(frozen=True)
class Told:
    """One model's answer to one task, as a table tells it; the text of the prompt is gone already. `cost` is
    in dollars, unless the table's user says otherwise."""

    task: str
    model: str
    score: float | None
    cost: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_ms: float | None = None
    prompt_sha256: str | None = None
    label: str | None = None
    difficulty: str | None = None
    group: str | None = None
    source: str | None = None


def read_table(path: Path, shape: Format) -> list[Told]:
    """The answers that a file, or a folder of files, tells of; LabError for what is none of that format."""
    found = list(_READERS[shape](path))
    if not found:
        raise LabError(f"{path}: no outcomes of the format {shape!r} in it")
    return found


def within(told: Sequence[Told]) -> tuple[list[Told], int]:
    """The same with scores from 0 to 1, and how many were a little beyond (some metrics are) and now are 0 or
    1; LabError for scores that are of another scale."""
    if far := [one for one in told if one.score is not None and not -0.1 <= one.score <= 1.1]:
        one = far[0]
        raise LabError(
            f"task {one.task}: the score of {one.model} is {one.score:g}; "
            "scores are from 0 to 1: divide them first"
        )
    kept = [replace(one, score=None if one.score is None else min(max(one.score, 0.0), 1.0)) for one in told]
    return kept, sum(a.score != b.score for a, b in zip(told, kept, strict=True))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The numbered rows of a file; a pickle is never opened, for it can run anything."""
    if path.suffix.lower() in PICKLES:
        raise LabError(
            f"{path}: a pickle can run any program when it is opened; have it written as Parquet or CSV "
            "where you trust it: pandas.read_pickle(FILE).to_parquet(OTHER)"
        )
    faults = Faults(path)
    yield from read_rows(path, faults).rows
    faults.end()


def _files(path: Path, *endings: str) -> list[Path]:
    """The file itself, or the files below a folder with such an ending."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in endings)
    if not found:
        raise LabError(f"{path}: no file in it ends in {' or '.join(endings)}")
    return found


def _routerarena(path: Path) -> Iterator[Told]:
    """RouterArena's cached_results: a file a model, or the folder of all; or a copy joined by query, whose
    `models` map a model to its score, cost and tokens."""
    for file in _files(path, ".jsonl", ".json"):
        for line, row in _rows(file):
            with _named(file, line):
                if "models" in row:
                    sha256 = prompt_sha256(row["prompt"])
                    for model, one in row["models"].items():
                        yield _arena(row["id"], model, one, one.get("cost"), one.get("tokens"), sha256)
                else:
                    judged = row.get("evaluation_result") or {}
                    sha256 = prompt_sha256(row["question"])
                    cost = judged.get("inference_cost")
                    yield _arena(
                        row["global_index"], row["llm_selected"], judged, cost, row.get("token_usage"), sha256
                    )


def _arena(task: str, model: str, judged: dict[str, Any], cost: object, tokens: object, sha256: str) -> Told:
    used = tokens if isinstance(tokens, dict) else {}
    return Told(
        task=task,
        model=model,
        score=_number(judged.get("score")),
        cost=_amount(cost),
        tokens_in=_count(used.get("input_tokens")),
        tokens_out=_count(used.get("output_tokens")),
        prompt_sha256=sha256,
        source=task.rpartition("_")[0] or None,
    )


def _routerbench(path: Path) -> Iterator[Told]:
    """RouterBench's wide table: `sample_id`, `prompt`, `eval_name`, and for each model a column of its name
    (the score) and one `MODEL|total_cost`; as Parquet or CSV."""
    for line, row in _rows(path):
        with _named(path, line):
            models = [key.removesuffix("|total_cost") for key in row if key.endswith("|total_cost")]
            if not models:
                raise KeyError("MODEL|total_cost")
            prompt = row["prompt"]
            with suppress(ValueError, SyntaxError):  # a list of turns, written as Python does
                turns = ast.literal_eval(prompt) if str(prompt).startswith("[") else prompt
                prompt = "\n".join(map(str, turns)) if isinstance(turns, list) else prompt
            for model in models:
                yield Told(
                    task=str(row["sample_id"]),
                    model=model,
                    score=_number(row[model]),
                    cost=_amount(row[f"{model}|total_cost"]),
                    prompt_sha256=prompt_sha256(str(prompt)),
                    source=str(row["eval_name"]) if row.get("eval_name") else None,
                )


def _llmrouterbench(path: Path) -> Iterator[Told]:
    """LLMRouterBench's results: `DATASET/SPLIT/MODEL/TIME.json`, each with `records`; the latest file of a
    model counts. A prompt is known by `origin_query`."""
    latest = {file.parent: file for file in _files(path, ".json")}
    for folder, file in latest.items():
        model, (dataset, split) = folder.name, (folder.parent.parent.name, folder.parent.name)
        try:
            content = json.loads(read_text(file))
            model = str(content.get("model_name") or model)
            records = content["records"]
        except (ValueError, KeyError, AttributeError, TypeError):
            raise LabError(f"{file}: not a result of LLMRouterBench: it has no `records`") from None
        for number, row in enumerate(records, 1):
            with _named(file, number):
                prompt = row.get("origin_query") or row["prompt"]
                yield Told(
                    task=f"{dataset}.{split}.{row['index']}",
                    model=model,
                    score=_number(row["score"]),
                    cost=_amount(row.get("cost")),
                    tokens_in=_count(row.get("prompt_tokens")),
                    tokens_out=_count(row.get("completion_tokens")),
                    prompt_sha256=prompt_sha256(prompt if isinstance(prompt, str) else json.dumps(prompt)),
                    source=dataset or None,
                )


def _csv(path: Path) -> Iterator[Told]:
    """A row an answer: `task`, `model`, `score`, if known `cost`, `tokens_in`, `tokens_out`, `latency_ms`,
    `label`, `difficulty`, `group`, `source`, and `prompt` or `prompt_sha256`."""
    for line, row in _rows(path):
        with _named(path, line):
            text = {
                key: str(row[key]) if row.get(key) else None
                for key in ("label", "difficulty", "group", "source")
            }
            known = str(row["prompt_sha256"]) if row.get("prompt_sha256") else None
            if known is None and row.get("prompt"):
                known = prompt_sha256(str(row["prompt"]))
            yield Told(
                task=str(row["task"]),
                model=str(row["model"]),
                score=_number(row["score"]),
                cost=_amount(row.get("cost")),
                tokens_in=_count(row.get("tokens_in")),
                tokens_out=_count(row.get("tokens_out")),
                latency_ms=_amount(row.get("latency_ms")),
                prompt_sha256=known,
                **text,
            )


_READERS: dict[Format, Callable[[Path], Iterable[Told]]] = {
    "routerarena": _routerarena,
    "routerbench": _routerbench,
    "llmrouterbench": _llmrouterbench,
    "csv": _csv,
}


@contextmanager
def _named(path: Path, line: int) -> Iterator[None]:
    """What is missing or no number in a row, as a LabError that names file and row."""
    try:
        yield
    except KeyError as e:
        raise LabError(f"{path}:{line}: has no {e.args[0]!r}; is it of another --format?") from None
    except (ValueError, TypeError, AttributeError) as e:
        raise LabError(f"{path}:{line}: {e}") from None


def _number(value: object) -> float | None:
    """A number, true or false; None for nothing."""
    if value is None or value == "" or value != value:
        return None
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return float(value.lower() == "true")
    return float(value)  # type: ignore[arg-type]


def _amount(value: object) -> float | None:
    """A number that is finite and not below 0."""
    found = _number(value)
    if found is not None and not 0 <= found < inf:
        raise ValueError(f"{found:g} is no cost, time or number of tokens")
    return found


def _count(value: object) -> int | None:
    found = _amount(value)
    return None if found is None else round(found)
