"""Exports of other tools: recognised by their keys, rejected ones left out, labels as they mean them."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from routerlab.annotate.corpus.prompts import Imported, read_prompts
from routerlab.core.errors import LabError
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import TAXONOMY

TAX = load_taxonomy(TAXONOMY)
A, B = "code/simple", "CoT/simple"


def read(folder: Path, *rows: Any, **more: Any) -> Imported:
    file = folder / "p.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_prompts(file, TAX, **more)


def told(found: Imported) -> list[tuple[str, str | None, tuple[str, ...]]]:
    return [(case.prompt, case.label, case.also) for case in found.cases]


def choice(*names: str, **more: Any) -> dict[str, Any]:
    result = {"type": "choices", "from_name": "l", "to_name": "t", "value": {"choices": list(names)}}
    return {"result": [result], "was_cancelled": False, **more}


def answer(value: Any, status: str = "submitted") -> dict[str, Any]:
    return {"value": value, "status": status, "user_id": "u"}


def asks(*contents: Any) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant")[i % 2], "content": content} for i, content in enumerate(contents)]


@pytest.mark.parametrize(
    ("tool", "rows", "expected", "left"),
    [
        (
            "Prodigy",
            [
                {"text": "p", "accept": [A, B], "answer": "accept", "_task_hash": 1, "meta": {"source": "s"}},
                {"text": "q", "label": A, "answer": "accept"},
                {"text": "r", "label": A, "answer": "reject"},
                {"text": "s", "accept": [A], "answer": "ignore"},
                {"text": "t", "accept": [], "answer": "accept"},
            ],
            [("p", A, (B,)), ("q", A, ()), ("t", None, ())],
            {"answer reject": (3,), "answer ignore": (4,)},
        ),
        (
            "doccano",
            [{"id": 1, "text": "p", "label": [A, B]}, {"id": 2, "text": "q", "label": [], "Comments": []}],
            [("p", A, (B,)), ("q", None, ())],
            {},
        ),
        ("doccano", [{"id": 1, "text": "p", "label": f"{A}#{B}", "Comments": ""}], [("p", A, (B,))], {}),
        (
            "Label Studio",
            [
                {"data": {"question": "p", "n": 1}, "annotations": [choice(A, B)], "predictions": []},
                {"data": {"text": "q"}, "annotations": [choice(A, was_cancelled=True)]},
                {"data": {"text": "r"}, "annotations": [choice(A), choice(B)]},
                {"data": {"text": "s"}, "annotations": [choice(A), choice(B, ground_truth=True)]},
                {"data": {"text": "t"}, "annotations": []},
            ],
            [("p", A, (B,)), ("s", B, ()), ("t", None, ())],
            {"skipped by its annotator": (2,), "annotators differ": (3,)},
        ),
        (
            "Label Studio",
            [
                {"id": 1, "annotation_id": 5, "annotator": 1, "lead_time": 2.5, "text": "p", "label": A},
                {"id": 2, "annotation_id": 6, "text": "q", "label": {"choices": [A, B]}},
                {"id": 3, "annotation_id": 7, "text": "r", "label": json.dumps({"choices": [B]})},
            ],
            [("p", A, ()), ("q", A, (B,)), ("r", B, ())],
            {},
        ),
        (
            "Argilla",
            [
                {"id": "1", "fields": {"q": "p"}, "responses": {"l": [answer(A)]}, "suggestions": {}},
                {"fields": {"q": "q"}, "responses": {"l": [answer([A, B]), answer([B], "draft")]}},
                {"fields": {"q": "r"}, "responses": {"l": [answer(A, "discarded")]}},
                {"fields": {"q": "s"}, "responses": [{"values": {"l": {"value": B}}, "status": "submitted"}]},
                {"fields": {"q": "t"}, "responses": {}, "suggestions": {"l": {"value": A}}},
                {"fields": {"q": "u"}, "responses": {"l": [answer(A), answer(B)]}},
            ],
            [("p", A, ()), ("q", A, (B,)), ("s", B, ()), ("t", None, ())],
            {"discarded": (3,), "annotators differ": (6,)},
        ),
        (
            "Argilla",
            [
                {"text": "p", "label.responses": [A], "label.responses.status": ["submitted"], "_id": "x"},
                {"text": "q", "label.responses": None},
            ],
            [("p", A, ()), ("q", None, ())],
            {},
        ),
        (
            "Argilla",
            [
                {"inputs": {"text": "p"}, "annotation": A, "prediction": None, "status": "Validated"},
                {"text": "q", "annotation": None, "annotation_agent": None, "status": "Discarded"},
            ],
            [("p", A, ())],
            {"discarded": (2,)},
        ),
        (
            "promptfoo",
            [
                {"vars": {"q": "p"}, "assert": [{"type": "equals", "value": A}]},
                {
                    "vars": {"q": "{% raw %}{{q}}{% endraw %}"},
                    "assert": [{"type": "contains-any", "value": [A, B]}],
                },
                {"vars": {"q": "r"}, "assert": [{"type": "llm-rubric", "value": "is kind"}]},
            ],
            [("p", A, ()), ("{{q}}", A, (B,)), ("r", None, ())],
            {},
        ),
        (
            "promptfoo",
            [
                {"prompt": "p", "__expected": A, "__metadata:source": "s"},
                {"prompt": "q", "__expected": f"equals: {A}"},
                {"prompt": "r", "__expected": f"contains-any: {A}, {B}"},
                {"prompt": "s", "__expected": "llm-rubric: is kind"},
            ],
            [("p", A, ()), ("q", A, ()), ("r", A, (B,)), ("s", None, ())],
            {},
        ),
        (
            "Inspect",
            [
                {"id": 1, "input": "p", "target": A, "metadata": {"group": "g"}},
                {"id": "two words", "input": asks("q"), "target": [A, B]},
                {"input": "r", "target": "42"},
            ],
            [("p", A, ()), ("q", A, (B,)), ("r", None, ())],
            {},
        ),
        (
            "conversations",
            [
                {"messages": [{"role": "system", "content": "s"}, *asks("p", A)]},
                {"messages": asks([{"type": "text", "text": "q"}, {"type": "image_url", "image_url": {}}])},
                {"messages": asks("r", "no label", "then", A)},
                {"messages": [{"role": "system", "content": "s"}]},
                {"messages": asks("s", "an answer")},
            ],
            [("p", A, ()), ("q", None, ()), ("r", None, ()), ("s", None, ())],
            {"no user turn": (4,)},
        ),
        (
            "conversations",
            [
                {"custom_id": "r1", "method": "POST", "url": "/v1/x", "body": {"messages": asks("p")}},
                {"custom_id": "r2", "body": {"input": "q"}},
            ],
            [("p", None, ()), ("q", None, ())],
            {},
        ),
        (
            "conversations",
            [{"id": "x", "conversations": [{"from": "human", "value": "p"}, {"from": "gpt", "value": "y"}]}],
            [("p", None, ())],
            {},
        ),
        ("conversations", [{"question_id": 81, "category": "c", "turns": ["p", "q"]}], [("p", None, ())], {}),
    ],
)  # fmt: skip
def test_each_tool(
    tmp_path: Path, tool: str, rows: list[Any], expected: list[Any], left: dict[str, tuple[int, ...]]
) -> None:
    found = read(tmp_path, *rows)
    assert told(found) == expected
    assert found.left == left
    assert f" of {tool}: prompt = " in found.read_as
    for reason, lines in left.items():
        assert (f"left out, {reason}", 1, [f"line {lines[0]}"]) in found.findings


def test_the_turns_of_a_conversation(tmp_path: Path) -> None:
    row = {"conversation_hash": "h", "conversation": asks("p", "x", "q", "y", "r"), "language": "English"}
    assert [p for p, _, _ in told(read(tmp_path, row))] == ["p"]
    assert [p for p, _, _ in told(read(tmp_path, row, turn="last"))] == ["r"]
    every = read(tmp_path, row, turn="all-user")
    assert [(c.prompt, c.group, c.source_id, c.language) for c in every.cases] == [
        (prompt, "h", "h", "en") for prompt in "pqr"
    ]
    assert every.sources == ("line 1",) * 3
    alone, other = {"messages": asks("p", "x", "q")}, {"messages": asks("r", "x", "s")}
    groups = [c.group for c in read(tmp_path, alone, other, turn="all-user").cases]
    assert groups[0] == groups[1] != groups[2] == groups[3]
    assert all(groups)


def test_a_turn_that_was_said_before_in_the_same_chat_is_told(tmp_path: Path) -> None:
    found = read(tmp_path, {"messages": asks("p", "x", "go on", "y", "Go on")}, turn="all-user")
    assert [c.prompt for c in found.cases] == ["p", "go on"]
    assert ("duplicates left out (after folding)", 1, ["line 1 as line 1"]) in found.findings


def test_answers_that_are_no_label_are_told(tmp_path: Path) -> None:
    found = read(tmp_path, {"messages": asks("p", "forty-two")}, {"messages": asks("q", "forty-two")})
    assert found.notes == ("answers that are no label, not read: 1 ('forty-two' of 2 lines)",)


def test_labels_of_annotators_must_be_of_the_taxonomy(tmp_path: Path) -> None:
    with pytest.raises(
        LabError, match=r"p\.jsonl:1: unknown label 'poem'; taxonomy 'front-door' has code/simple, "
    ):
        read(tmp_path, {"id": 1, "text": "p", "label": ["poem"]})


def test_what_the_option_says_goes_before_what_the_tool_means(tmp_path: Path) -> None:
    row = {"data": {"q": "p", "context": "c"}, "annotations": [choice(A)], "predictions": [], "who": "w"}
    with pytest.raises(LabError) as caught:
        read(tmp_path, row)
    assert str(caught.value).removeprefix(str(tmp_path)) == (
        "/p.jsonl:1: read as Label Studio: which is the prompt? There are q, context; say it with --map "
        "prompt=data.KEY (keys: data, annotations, predictions, who)"
    )
    found = read(tmp_path, row, columns={"prompt": "data.q", "notes": "who"})
    assert told(found) == [("p", A, ())]
    assert found.cases[0].notes == "w"
    chat = {"messages": asks("p"), "kinds": [A, "poem", {"x": 1}]}
    assert told(read(tmp_path, chat, columns={"label": "kinds"})) == [("p", A, ())]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"id": 1, "text": "p", "label": [[0, 3, "X"]]}, ":1: read as doccano: "),
        ({"custom_id": "a", "response": {"body": {}}}, ":1: read as conversations: the results of a batch"),
        ({"messages": [5]}, ":1: read as conversations: not as it writes them (keys: messages)"),
        ({"fields": {"t": "p"}, "responses": {"a": [], "b": []}}, ":1: read as Argilla: which question has"),
        ({"data": {"text": "p"}, "annotations": 7}, ":1: read as Label Studio: not as it writes them"),
        ({"vars": {}}, ":1: read as promptfoo: which is the prompt? There are none; say it with"),
    ],
)  # fmt: skip
def test_rows_that_only_look_like_it(tmp_path: Path, row: dict[str, Any], expected: str) -> None:
    with pytest.raises(LabError) as caught:
        read(tmp_path, row)
    assert str(caught.value).removeprefix(str(tmp_path / "p.jsonl")).startswith(expected)


def test_a_file_of_which_all_is_left_out(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"holds no prompt \(2 left out, answer reject\)"):
        read(tmp_path, *[{"text": p, "label": A, "answer": "reject"} for p in "pq"])


def test_configurations_and_logs(tmp_path: Path) -> None:
    tests = [
        {"vars": {"q": "p"}, "assert": []},
        {"vars": {"q": "r"}, "assert": [{"type": "equals", "value": A}]},
    ]
    (tmp_path / "c.yaml").write_text(f"# mine\nprompts: [x]\ntests: {json.dumps(tests)}\n")
    assert told(read_prompts(tmp_path / "c.yaml", TAX)) == [("p", None, ()), ("r", A, ())]
    samples = [{"id": i, "epoch": 1, "input": p, "target": A, "scores": {}} for i, p in enumerate("pqp", 1)]
    (tmp_path / "log.json").write_text(json.dumps({"version": 2, "eval": {}, "samples": samples}, indent=1))
    with zipfile.ZipFile(tmp_path / "log.eval", "w") as z:
        z.writestr("header.json", "{}")
        for sample in samples:
            z.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    for name in ("log.json", "log.eval"):
        found = read_prompts(tmp_path / name, TAX)
        assert told(found) == [("p", A, ()), ("q", A, ())]
        assert found.duplicates == ((3, 1),)
