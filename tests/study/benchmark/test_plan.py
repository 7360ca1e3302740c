"""Plans: what they may say, in which order questions come, and when a result may be gone on with."""

from collections import Counter
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

from routerlab.core.corpus import load_corpus
from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_json, load_toml
from routerlab.core.session.file import SessionFile, read_session
from routerlab.core.session.run import RunRecord
from routerlab.core.session.session import Session
from routerlab.engine.arms.baseline import BaselineSpec
from routerlab.study.benchmark import plan as p
from tests.conftest import REPO
from tests.core.session.harness import HEADER
from tests.engine.asking import FRONT_DOOR
from tests.twocases import TWO_CASES

PLAN = """schema_version = 1
name = "small"
corpus = "two.toml"
repeats = 3
seed = 7
gates = ["accuracy>=0.5"]

[[arm]]
ask = "control"

[[arm]]
ask = "baseline:majority"
name = "most"

[[exclude]]
case = "B"
reason = "it is in the exemplars"

[engine]
threads = 1

[cost]
date = 2026-11-24

[[cost.machine]]
arms = ["most"]
per_hour = 0.75
"""


def written(folder: Path, text: str = PLAN) -> Path:
    (folder / "two.toml").write_text(TWO_CASES)
    (folder / "plan.toml").write_text(text)
    return folder / "plan.toml"


def plan(text: str = PLAN, *, folder: Path) -> p.Plan:
    return load_toml(written(folder, text), p.Plan)


def test_a_plan_says_what_it_says_and_the_rest_is_usual(tmp_path: Path) -> None:
    found = plan(folder=tmp_path)
    assert (found.repeats, found.seed, found.gates, found.engine.threads) == (3, 7, ("accuracy>=0.5",), 1)
    assert (found.warmups, found.percentile, found.drift.every) == (2, "study", 20)
    assert p.Plan(name="x", arm=found.arm).gates == ("accuracy>=0.85", "p95<=2000")
    specs = p.planned_specs(found)
    assert [(spec.name, spec.contract) for spec in specs] == [("control", "none"), ("most", "majority")]
    assert all(isinstance(spec, BaselineSpec) for spec in specs)
    cases = p.planned_cases(found, load_corpus(tmp_path / "two.toml", FRONT_DOOR))
    assert [case.id for case in cases] == ["A"]


def test_formatting_and_comments_do_not_change_the_hash(tmp_path: Path) -> None:
    one = plan(folder=tmp_path)
    other = plan("# a comment\n" + PLAN.replace("repeats = 3", "repeats   =   3"), folder=tmp_path)
    assert one.sha256 == other.sha256
    assert one.sha256 != plan(PLAN.replace("seed = 7", "seed = 8"), folder=tmp_path).sha256


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("repeats = 3", "repeats = 0", "plan.toml:4: repeats: should be greater than or equal to 1"),
        ("repeats = 3", "repeat = 3", "plan.toml:4: repeat: no key of this name"),
        ('name = "most"', 'nam = "most"', "plan.toml:13: arm[1].nam: no key of this name"),
        ("schema_version = 1", "schema_version = 2", "plan.toml:1: schema_version"),
        ("accuracy>=0.5", "accuracy>0,5", "plan.toml:6: gates: gate 'accuracy>0,5'"),
        ('name = "small"', 'name = "a/b"', "plan.toml:2: name"),
        ("per_hour = 0.75", "per_hour = -1", "per_hour"),
        ("threads = 1", "threads = 0", "threads"),
        ("[[arm]]\nask = \"control\"", "[[exclude]]\ncase = \"B\"\nreason = \"x\"", "'B' is excluded twice"),
        ("seed = 7", "seed = \"x\"\n[[", "not valid TOML"),
    ],
)  # fmt: skip
def test_a_fault_names_file_key_and_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(LabError) as caught:
        plan(PLAN.replace(old, new, 1), folder=tmp_path)
    message = str(caught.value)
    assert words in message
    assert message.startswith(f"{tmp_path / 'plan.toml'}:")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "most"', 'name = "control"', "arm 'control' is named twice"),
        ('ask = "baseline:majority"', 'ask = "no-such-model"', "no model of this name"),
        ('ask = "baseline:majority"', 'ask = "baseline:oracle"', "no such baseline"),
        ('arms = ["most"]', 'arms = ["majority"]', "a price for 'majority', which is none of control, most"),
    ],
)
def test_arms_that_cannot_be_are_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(LabError, match=words):
        p.planned_specs(plan(PLAN.replace(old, new), folder=tmp_path))


def test_remote_arms_are_those_of_the_plan(tmp_path: Path) -> None:
    text = PLAN.replace("baseline:majority", "remote:here")
    text += """
[[remote]]
name = "here"
base_url = "http://localhost:8000/v1"
model = "m"
hosting = "self-hosted"
"""
    spec = p.planned_specs(plan(text, folder=tmp_path))[1]
    assert (spec.name, spec.contract) == ("most", "json")
    with pytest.raises(LabError, match="the plan"):
        p.planned_specs(plan(text.replace('name = "here"', 'name = "there"'), folder=tmp_path))


def test_cases_that_cannot_be_judged_are_refused(tmp_path: Path) -> None:
    found = plan(folder=tmp_path)
    corpus = load_corpus(tmp_path / "two.toml", FRONT_DOOR)
    gone = plan(PLAN.replace('case = "B"', 'case = "C"'), folder=tmp_path)
    with pytest.raises(LabError, match="excludes 'C', which is no case of 'two'"):
        p.planned_cases(gone, corpus)
    everything = plan(PLAN + '[[exclude]]\ncase = "A"\nreason = "x"\n', folder=tmp_path)
    with pytest.raises(LabError, match="excludes every case"):
        p.planned_cases(everything, corpus)
    bare = corpus.model_copy(update={"case": (corpus.case[0].model_copy(update={"label": None}),)})
    none = plan(PLAN[: PLAN.index("[[exclude]]")], folder=tmp_path)
    with pytest.raises(LabError, match="case A has no label"):
        p.planned_cases(none, bare)
    assert p.planned_cases(found, corpus)


# --- order ------------------------------------------------------------------------------------------------

CASES, ARMS = [f"c{i}" for i in range(20)], ["a", "b", "c"]


def asked(seed: int = 0, repeats: int = 3) -> list[p.Question]:
    arms = (p.PlannedArm(ask="control"),)
    return p.questions(p.Plan(name="x", arm=arms, seed=seed, repeats=repeats), CASES, ARMS)


def test_every_block_asks_everything_once_in_an_order_of_its_own() -> None:
    order = asked()
    blocks = [order[i : i + 60] for i in range(0, 180, 60)]
    for repeat, block in enumerate(blocks, 1):
        assert sorted(block) == sorted((c, a, repeat) for c, a in product(CASES, ARMS))
    pairs = [[(q.case, q.arm) for q in block] for block in blocks]
    assert pairs[0] != pairs[1] != pairs[2]
    assert pairs[0] != list(product(CASES, ARMS))


def test_the_order_follows_from_the_seed_and_not_from_how_many_repeats_there_are() -> None:
    assert asked() == asked()
    assert asked() != asked(seed=1)
    assert asked(repeats=1) == asked()[:60], "more repeats later leave the first ones as they were"


def test_the_order_favours_no_arm() -> None:
    """Over many blocks each arm comes first about equally often, so that a cold machine is shared fairly."""
    firsts = Counter(asked(seed=seed, repeats=1)[0].arm for seed in range(300))
    assert all(70 <= firsts[arm] <= 130 for arm in ARMS)


# --- options, and going on --------------------------------------------------------------------------------


def test_the_same_options_make_the_same_plan() -> None:
    arm = [{"ask": "control"}]
    one, other = p.named_plan(arm=arm, seed=1), p.named_plan(arm=arm, seed=1)
    assert one == other
    assert one.sha256 == other.sha256
    assert one.name.startswith("options-")
    assert p.named_plan(arm=arm, seed=2).name != one.name


def session_of(made: p.Plan) -> Session:
    session = Session(HEADER)
    session.add(
        RunRecord(
            at=datetime.now(UTC), kind="bench", name=made.name, plan=canonical_json(made), percentile="study",
            command="routerlab bench", versions={}, seed=made.seed, sha256=made.sha256,
        )
    )  # fmt: skip
    return session


def test_a_plan_comes_back_from_its_session_with_the_same_hash(tmp_path: Path) -> None:
    for made in (plan(folder=tmp_path), p.named_plan(arm=[{"ask": "control"}])):
        found = p.plan_of(session_of(made))
        assert found is not None
        assert (found, found.sha256) == (made, made.sha256)
    path = tmp_path / "s.toml"
    with SessionFile.create(path, HEADER) as file:
        file.append(session_of(made).runs[0])
    assert p.plan_of(read_session(path).session) == made


def test_another_plan_is_refused_with_what_differs(tmp_path: Path) -> None:
    made = plan(folder=tmp_path)
    session, path = session_of(made), Path("r.toml")
    p.check_same(made, session, path)
    changed = made.model_copy(update={"repeats": 4, "seed": 1})
    with pytest.raises(LabError, match=r"r.toml: was made with another plan \(another repeats, seed\)"):
        p.check_same(p.Plan.model_validate(changed.model_dump()), session, path)
    renamed = p.Plan.model_validate({**made.model_dump(), "name": "other"})
    with pytest.raises(LabError, match=r"another plan \(another name\)"):
        p.check_same(renamed, session, path)
    with pytest.raises(LabError, match="no benchmark's result"):
        p.check_same(made, Session(HEADER), path)


def test_the_plans_of_the_repository_are_plans() -> None:
    for file in (REPO / "benchmarks" / "plans").glob("*.toml"):
        found = load_toml(file, p.Plan)
        assert found.name == file.stem
