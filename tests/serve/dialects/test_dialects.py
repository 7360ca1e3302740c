"""Decisions in the dialects of gateways: the router answers for its labels, its model for other options."""

from pathlib import Path
from typing import Any

import pytest

from routerlab.api import AsyncRouter
from routerlab.serve.front import Wanted
from routerlab.serve.limits import RefusedError
from routerlab.serve.own_options import MOST, options_taxonomy
from tests.conftest import PATIENCE_S
from tests.engine import tiny
from tests.engine.asking import FRONT_DOOR, TWO
from tests.engine.workers import arms, spec
from tests.serve.harness import PROMPT, Told, Visit, serving

LABELS = {label: f"about {label}" for label in reversed(FRONT_DOOR.labels)}
SYSTEM, OPENAI = "/v1/systemone", "/v1/decisions"


def system(questions: dict[str, Any], state: Any = PROMPT, **more: Any) -> dict[str, Any]:
    return {"model": "m", "state": state, "questions": questions, **more}


def openai(*questions: dict[str, Any], text: Any = PROMPT, **more: Any) -> dict[str, Any]:
    return {"model": "m", "input": text, "questions": questions, **more}


async def test_the_routers_labels_are_answered_by_the_router(tmp_path: Path) -> None:
    router = Told("main", familiarity=0.25, confidence=0.9)
    async with serving(tmp_path, router) as visit:
        body = system({"route": {"type": "choice", "criteria": LABELS}}, state={"a": "é"})
        told = (await visit.client.post(SYSTEM, json=body)).json()
        answer = told["answers"]["route"]
        assert told["usage"] == {"input_tokens": 120, "output_tokens": 3}
        assert told["model"] == "main"
        assert (answer["choice"], answer["confidence"], answer["familiarity"]) == ("code/simple", 0.9, 0.25)
        assert answer["abstained"] is False
        assert list(answer["probabilities"]) == list(LABELS)
        assert router.prompts == ['{"a": "é"}']

        choices = [{"value": label, "description": about} for label, about in LABELS.items()]
        question = {"type": "choice", "name": "n", "instructions": "?", "choices": choices}
        parts = [{"type": "input_text", "text": "one"}, {"type": "input_text", "text": "two"}]
        messages = [{"role": "user", "content": parts}, {"content": "three"}]
        told = (await visit.client.post(OPENAI, json=openai(question, text=messages))).json()
        (answer,) = told["answers"]
        assert (answer["type"], answer["name"], answer["choice"]) == ("choice", "n", "code/simple")
        assert {p["value"]: p["probability"] for p in answer["probabilities"]}["code/simple"] == 0.9
        assert told["usage"]["total_tokens"] == 123
        assert router.prompts[-1] == "one\ntwo\n\nthree"
    assert len(visit.trials()) == 2


async def scored(visit: Visit) -> None:
    """Every kind of question, in both dialects, by a model that nobody tuned."""
    options = {"needs a person": "anger", "can wait": None}
    body = system(
        {
            "who": {"type": "choice", "instructions": "Who answers?", "criteria": options},
            "sure": {"type": "noul", "criteria": {"true": "it is"}},
            "much": {"type": "score", "criteria": ["low", "middle", {"top": 1}]},
            "one": {"type": "choice", "criteria": {"only": None}},
        }
    )
    first = await visit.client.post(SYSTEM, json=body)
    assert first.status_code == 200, first.text
    answers = first.json()["answers"]
    assert answers["who"]["choice"] in options
    assert sum(answers["who"]["probabilities"].values()) == pytest.approx(1.0)
    assert 0 < answers["sure"]["noul"] < 1
    much = answers["much"]
    assert much["legend"] == {"0": "low", "1": "middle", "2": {"top": 1}}
    assert much["score"] == pytest.approx(sum(int(k) * p for k, p in much["probabilities"].items()))
    assert answers["one"]["probabilities"] == {"only": 1.0}
    asked = openai(
        {"type": "predicate", "instructions": "Is it?"},
        {
            "type": "choice",
            "instructions": "?",
            "choices": [{"value": True}, {"value": "no", "description": "x"}],
        },
        {"type": "score", "instructions": "?", "levels": [{"label": "low"}, {"label": "top"}]},
    )
    predicate, choice, score = (await visit.client.post(OPENAI, json=asked)).json()["answers"]
    assert 0 < predicate["probability"] < 1
    assert choice["choice"] in (True, "no")
    assert [p["value"] for p in choice["probabilities"]] == [True, "no"]
    assert score["score"] == pytest.approx(score["probabilities"][1]["probability"])
    assert (await visit.client.post(SYSTEM, json=body)).json()["answers"] == answers  # loaded again


async def test_other_options_are_scored_by_the_routers_model(
    tmp_path: Path, tiny_files: dict[tiny.Family, Path]
) -> None:
    def make(name: str) -> AsyncRouter:
        return AsyncRouter(arms().model_arm(spec(tiny_files["llama"])), TWO.labels, PATIENCE_S)

    own = {"threads": 1, "gpu_layers": 0, "context": 1024, "concurrency": 2}
    async with serving(tmp_path, make=make, wanted=Wanted("arm", settings=own)) as visit:
        await scored(visit)
        work = visit.server.front._work
        assert work is not None
        assert len(work.scorers._known) == MOST
        known = [router.arm.state.phase for router in work.scorers._known.values()]
        assert known == ["ready"] * MOST
    assert not list(tmp_path.rglob("*.toml"))  # nothing of it is a decision of the router


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (SYSTEM, system({}), 422),
        (SYSTEM, system({"q": {"type": "box", "instructions": "the mug"}}), 422),
        (SYSTEM, system({"q": {"type": "choice", "criteria": {}}}), 422),
        (SYSTEM, system({"q": {"type": "choice", "criteria": {"a": None, "b": None}}}), 422),
        (SYSTEM, system({"q": {"type": "noul"}}, images=["data:image/png;base64,AA=="]), 422),
        (SYSTEM, system({"q": {"type": "choice", "criteria": LABELS}}, state=" "), 422),
        (SYSTEM, system({f"q{n}": {"type": "noul"} for n in range(17)}), 422),
        (SYSTEM, {"model": "m"}, 422),
        (OPENAI, openai(), 422),
        (OPENAI, openai({"type": "box", "instructions": "the mug"}), 422),
        (OPENAI, openai({"type": "predicate"}), 422),
        (OPENAI, openai({"type": "predicate", "instructions": "?"}, audio=["data:audio/wav;base64,AA"]), 422),
    ],
)
async def test_what_cannot_be_answered_says_so(
    tmp_path: Path, path: str, body: dict[str, Any], status: int
) -> None:
    """The scripted router has no model that could score other options."""
    async with serving(tmp_path, Told("main")) as visit:
        got = await visit.client.post(path, json=body)
        assert got.status_code == status, got.text
        assert got.json()["error"]["message"]
        assert not visit.lines


def test_options_become_labels_whatever_they_are_called() -> None:
    made = options_taxonomy([("a b", "x\ny"), ("c", None)], "which?")
    assert [(label.name, label.cue) for label in made.label] == [("a-b", "x y"), ("c", "c")]
    assert made.tie_rule == "which?"
    assert options_taxonomy([("a b", None), ("a-b", None)], "").labels == ("option-1", "option-2")
    assert options_taxonomy([('"', None), ("", None)], "").labels == ("option-1", "option-2")
    for bad in ([(str(n), None) for n in range(65)], [("a", "x" * 9000), ("b", None)]):
        with pytest.raises(RefusedError):
            options_taxonomy(bad, "")
