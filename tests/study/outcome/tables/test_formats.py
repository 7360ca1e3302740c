"""Tables of others, small but just as they write them."""

import json
import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest

from routerlab.core.corpus import prompt_sha256
from routerlab.core.errors import LabError
from routerlab.study.outcome.analysis.labels import Labelled
from routerlab.study.outcome.load import load_matrix
from routerlab.study.outcome.tables.formats import Told, read_table, within
from routerlab.study.outcome.tables.session import session_text

AT = datetime(2026, 11, 28, tzinfo=UTC)
PROMPT = "Find the secret number, please."


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def cached(model: str, score: float) -> dict[str, object]:
    return {
        "global_index": "AIME_7",
        "question": PROMPT,
        "llm_selected": model,
        "generated_answer": "42",
        "token_usage": {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13},
        "evaluation_result": {"score": score, "metric": "math_metric", "inference_cost": 0.00010575},
    }


def test_routerarenas_cached_results_a_file_a_model(tmp_path: Path) -> None:
    lines(tmp_path / "arena" / "a.jsonl", [cached("a", 1.0)])
    lines(tmp_path / "arena" / "b.jsonl", [cached("b", 0.0)])
    found = read_table(tmp_path / "arena", "routerarena")
    assert [(one.task, one.model, one.score) for one in found] == [("AIME_7", "a", 1.0), ("AIME_7", "b", 0.0)]
    assert (found[0].cost, found[0].tokens_in, found[0].tokens_out) == (0.00010575, 9, 4)
    assert (found[0].prompt_sha256, found[0].source) == (prompt_sha256(PROMPT), "AIME")


def test_routerarenas_joined_copy(tmp_path: Path) -> None:
    one = {"score": 0.5, "metric": "m", "cost": 1e-5, "tokens": {"input_tokens": 1, "output_tokens": 2}}
    row: dict[str, object] = {
        "id": "ArcMMLU_1",
        "dataset": "ArcMMLU",
        "prompt": PROMPT,
        "models": {"a": one, "b": one},
    }
    found = read_table(lines(tmp_path / "joined.jsonl", [row]), "routerarena")
    assert [(one.model, one.score, one.cost, one.tokens_out) for one in found] == [
        ("a", 0.5, 1e-5, 2),
        ("b", 0.5, 1e-5, 2),
    ]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_routerbenchs_wide_table(tmp_path: Path, ending: str) -> None:
    columns = [
        "sample_id",
        "prompt",
        "eval_name",
        "a/x",
        "b",
        "a/x|model_response",
        "a/x|total_cost",
        "b|total_cost",
    ]
    values = ["gsm.1", repr([PROMPT]), "gsm", 1.0, 0.25, "text", 0.002, 0.0001]
    path = tmp_path / f"wide.{ending}"
    if ending == "csv":
        path.write_text(
            ",".join(columns) + '\n"gsm.1","' + repr([PROMPT]) + '","gsm",1.0,0.25,"text",0.002,0.0001\n'
        )
    else:
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.table({c: [v] for c, v in zip(columns, values, strict=True)}), path)
    found = read_table(path, "routerbench")
    assert [(one.model, one.score, one.cost) for one in found] == [("a/x", 1.0, 0.002), ("b", 0.25, 0.0001)]
    assert {(one.task, one.source, one.prompt_sha256) for one in found} == {
        ("gsm.1", "gsm", prompt_sha256(PROMPT))
    }


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "routerbench_0shot.pkl"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(LabError, match="a pickle can run any program"):
        read_table(path, "routerbench")
    assert not (tmp_path / "ran").exists()


def test_llmrouterbenchs_folders_the_latest_result_counts(tmp_path: Path) -> None:
    def result(score: float) -> str:
        record = {"index": 3, "origin_query": PROMPT, "prompt": "Q: ...", "score": score, "prompt_tokens": 15}
        return json.dumps(
            {"performance": 0.5, "records": [record | {"completion_tokens": 5, "cost": 0.0001}]}
        )

    for name, score in (("20250101", 0.0), ("20250201", 1.0)):
        path = tmp_path / "bench" / "aime" / "test" / "Qwen3-8B" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(result(score))
    (one,) = read_table(tmp_path / "bench", "llmrouterbench")
    assert (one.task, one.model, one.score, one.cost) == ("aime.test.3", "Qwen3-8B", 1.0, 0.0001)
    assert (one.prompt_sha256, one.source, one.tokens_out) == (prompt_sha256(PROMPT), "aime", 5)


def test_a_plain_table_and_what_is_wrong_with_one(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("task,model,score,cost,latency_ms,label\n1,a,true,0.5,120,x\n1,b,,,,\n")
    first, second = read_table(path, "csv")
    assert (first.score, first.cost, first.latency_ms, first.label) == (1.0, 0.5, 120.0, "x")
    assert (second.score, second.cost, second.label) == (None, None, None)
    path.write_text("task,model,cost\n1,a,0.5\n")
    with pytest.raises(LabError, match=r"plain\.csv:2: has no 'score'; is it of another --format\?"):
        read_table(path, "csv")
    path.write_text("task,model,score\n1,a,good\n")
    with pytest.raises(LabError, match=r"plain\.csv:2: .*'good'"):
        read_table(path, "csv")


@pytest.mark.parametrize("odd", ["cost", "tokens_in", "latency_ms"])
@pytest.mark.parametrize("value", [float("inf"), -5])
def test_what_can_be_no_amount_is_refused(tmp_path: Path, odd: str, value: float) -> None:
    table = tmp_path / "plain.csv"
    table.write_text(f"task,model,score,{odd}\n1,a,1,{value}\n")
    with pytest.raises(LabError, match=r"plain\.csv:2: (inf|-5) is no cost, time or number of tokens"):
        read_table(table, "csv")


def test_a_hash_that_is_a_number_is_a_hash_that_nothing_has(tmp_path: Path) -> None:
    (told,) = read_table(
        lines(tmp_path / "t.jsonl", [{"task": 1, "model": "a", "score": 1, "prompt_sha256": 5}]), "csv"
    )
    assert told.prompt_sha256 == "5"


def test_scores_a_little_beyond_are_clipped_and_other_scales_refused() -> None:
    told, n = within([Told("t", "a", -0.03), Told("t", "b", 1.0), Told("t", "c", None)])
    assert ([one.score for one in told], n) == ([0.0, 1.0, None], 1)
    with pytest.raises(LabError, match="the score of a is 87; scores are from 0 to 1"):
        within([Told("t", "a", 87.0)])


def test_the_session_holds_no_text_and_reads_back_exactly(tmp_path: Path) -> None:
    told = read_table(lines(tmp_path / "a.jsonl", [cached("a", 1 / 3), cached("b", 0.0)]), "routerarena")
    labelled = Labelled("gold", "annotator", {prompt_sha256(PROMPT): "CoT/simple"})
    data = session_text(told, "arena", "routerarena", "front-door", "USD", 0.5, AT, labelled)
    assert b"secret" not in data
    assert b"answer" not in data
    path = tmp_path / "outcomes.toml"
    path.write_bytes(data)
    found = load_matrix(path)
    assert found.score.tolist() == [[pytest.approx(1 / 3, abs=1e-6), 0.0]]
    assert found.cost.tolist() == [[0.00010575, 0.00010575]]
    assert (found.labels, found.models, found.source) == (("CoT/simple",), ("a", "b"), ("AIME",))
    assert found.good.tolist() == [0.5]
