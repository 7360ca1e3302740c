"""Arms that keep everyone honest: what they say, what is written of them, and that they work like any arm."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.core.prediction import Item
from routerlab.core.session.arm import BaselineRecord
from routerlab.core.session.file import SessionFile, read_session
from routerlab.core.session.fragment import fragment
from routerlab.core.session.session import pin_taxonomy
from routerlab.core.statistics.metrics import summarise
from routerlab.engine.arms import baseline
from routerlab.engine.arms.arm import Arm, ArmSpec, Spec
from routerlab.engine.arms.baseline import (
    AgreementArm,
    BaselineArm,
    BaselineInfo,
    BaselineSpec,
    Keywords,
    Rule,
)
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.materials import Materials, arm_record, changed
from routerlab.engine.lab.specs import any_spec, arm_specs
from routerlab.resources import KEYWORDS, POOL, TAXONOMY
from routerlab.settings import Settings
from tests import program
from tests.core.session.harness import HEADER
from tests.engine.arms.members import Member
from tests.engine.asking import FRONT_DOOR, TWO
from tests.twocases import TWO_CASES

KEYS = 'schema_version = 1\nname = "k"\ntaxonomy = "x"\n'


def made(rule: Rule, file: Path | None = None) -> BaselineArm:
    return BaselineArm(BaselineSpec(name=rule, contract=rule, file=file), FRONT_DOOR)


async def answered(arm: Arm, prompt: str) -> str | None:
    await arm.start()
    assert arm.state.phase == "ready", arm.state.message
    return (await arm.ask(prompt, 5.0)).label


# --- the rules --------------------------------------------------------------------------------------------


def test_majority_says_the_commonest_label_with_the_shares() -> None:
    found = baseline.majority(["no", "yes", "no", "no"], TWO)("anything")
    assert (found.status, found.label) == ("ok", "no")
    assert found.probabilities == {"yes": 0.25, "no": 0.75}


def test_of_equally_common_labels_the_taxonomys_first_counts() -> None:
    assert baseline.majority(["no", "yes"], TWO)("anything").label == "yes"


@pytest.mark.parametrize(
    ("prompt", "label"),
    [
        ("Write a FUNCTION, please", "yes"),
        ("functional programming", "no"),  # not the whole word
        ("one  two", "no"),
        ("a one\ntwo b", "no"),  # white space is folded on both sides, and the first rule wins
        ("one two and a function", "yes"),
        ("", "no"),
    ],
)
def test_keywords_finds_whole_words_of_the_first_rule(prompt: str, label: str) -> None:
    rules = (
        Keywords.Rule(label="yes", words=("function", "c++")),
        Keywords.Rule(label="no", words=("one two",)),
    )
    table = Keywords(schema_version=1, name="t", taxonomy="two", otherwise="no", rule=rules)
    found = baseline.keywords(table)(prompt)
    assert (found.label, found.probabilities) == (label, None)
    assert baseline.keywords(table)("in C++?").label == "yes"


async def test_what_ships_knows_the_taxonomy_and_its_own_source() -> None:
    most, words = made("majority"), made("keywords")
    assert await answered(most, "x") in FRONT_DOOR.labels
    assert await answered(words, "Write me a poem about rain") == "hybrid/generative"
    assert await answered(words, "zzz") == "CoT/simple"
    infos = [arm.state.info for arm in (most, words)]
    assert all(isinstance(info, BaselineInfo) for info in infos)
    sources = [(i.source_file, i.source_sha256) for i in infos if isinstance(i, BaselineInfo)]
    assert [Path(file or "") for file, _ in sources] == [POOL, KEYWORDS]
    assert sources[1][1] == canonical_sha256(baseline.load_keywords(KEYWORDS, FRONT_DOOR))


async def test_the_control_puts_no_label_on_anything_and_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    lab = lab_of(tmp_path)
    lab.add_arm(any_spec("control", "score"))
    await lab.settled()
    trial = await lab.ask_one("control", Item(prompt="p", case="A", gold="code/simple"), 1)
    await lab.close()
    assert trial is not None
    assert (trial.status, trial.label, trial.correct) == ("unrouted", None, None)
    assert 0 < trial.latency_ms.total < 1000
    (row,) = summarise([trial], FRONT_DOOR.families)
    assert (row.n, row.scored, row.accuracy, row.parse_rate) == (1, 0, None, None)
    assert row.p50 == trial.latency_ms.total


@pytest.mark.parametrize(
    ("rule", "text", "words"),
    [
        ("majority", TWO_CASES.replace("CoT/simple", "CoT/none"), "CoT/none"),
        ("majority", re.sub("(?m)^label = .*$", "", TWO_CASES), "has no labels to count"),
        ("keywords", f'{KEYS}otherwise = "maybe"\nrule = []', "maybe"),
        ("keywords", "schema_version = 2", "schema_version"),
    ],
)  # fmt: skip
async def test_a_source_that_does_not_fit_fails_the_arm_in_one_line(
    tmp_path: Path, rule: Rule, text: str, words: str
) -> None:
    file = tmp_path / "source.toml"
    file.write_text(text)
    arm = made(rule, file)
    await arm.start()
    assert arm.state.phase == "failed"
    assert str(file) in arm.state.message
    assert words in arm.state.message
    assert "\n" not in arm.state.message
    assert (await arm.ask("p", 1.0)).status == "crashed"


# --- agreement --------------------------------------------------------------------------------------------


async def agreeing(*members: Member) -> AgreementArm:
    specs = tuple(member.spec for member in members)
    arm = AgreementArm(BaselineSpec(name="two", contract="agreement", members=specs), members)
    await arm.start()
    assert arm.state.phase == "ready"
    return arm


async def test_two_that_agree_answer_and_the_third_is_not_asked() -> None:
    trio = Member("a", "yes", 0.6), Member("b", "yes", 0.9), Member("c", "no")
    found = await (await agreeing(*trio)).ask("p", 5.0)
    assert (found.label, found.member) == ("yes", "b")
    assert found.probabilities == pytest.approx({"yes": 0.9, "no": 0.1})
    assert [len(m.asked) for m in trio] == [1, 1, 0]
    assert (found.latency_ms.prefill, found.tokens.evaluated) == (20, 40)  # of both


async def test_the_third_answers_where_two_disagree() -> None:
    trio = Member("a", "yes", 0.99), Member("b", "no"), Member("c", "no", 0.4)
    found = await (await agreeing(*trio)).ask("p", 5.0)
    assert found.label == "no"
    assert found.probabilities == pytest.approx({"yes": 0.6, "no": 0.4})
    assert found.latency_ms.prefill == 30


@pytest.mark.parametrize(("first", "label"), [(0.95, "yes"), (0.55, "no")])
async def test_without_a_third_the_surer_one_answers(first: float, label: str) -> None:
    arm = await agreeing(Member("a", "yes", first), Member("b", "no", 0.7))
    assert (await arm.ask("p", 5.0)).label == label
    assert [p.label for p in await arm.ask_many(["p", "q"], 5.0)] == [label, label]


async def test_one_that_gives_no_label_leaves_the_answer_to_the_other() -> None:
    """Otherwise a model that writes no JSON would spoil a good one."""
    arm = await agreeing(Member("a", status="refused"), Member("b", "no", 0.2))
    assert (await arm.ask("p", 5.0)).label == "no"
    neither = await agreeing(Member("a", status="refused"), Member("b", status="refused"))
    assert (await neither.ask("p", 5.0)).status == "refused"


@pytest.mark.parametrize("status", ["crashed", "timeout"])
async def test_a_member_that_cannot_answer_is_the_arms_fault(status: Any) -> None:
    second = Member("b", "no")
    arm = await agreeing(Member("a", status=status), second)
    assert (await arm.ask("p", 5.0)).status == status
    assert second.asked == []


# --- names ------------------------------------------------------------------------------------------------


def test_what_a_person_writes_becomes_a_specification(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.gguf").write_bytes(b"")
    a, b, c = (tmp_path / f"{name}.gguf" for name in ("a", "b", "c"))
    texts = [
        "control",
        "baseline:majority",
        f"baseline:keywords:{tmp_path / 'w.toml'}",
        f"baseline:agreement:{a}:json,{b}",
        f"baseline:agreement:{a},{b},{c}",
    ]
    found = arm_specs(texts, "score")
    assert [spec.contract for spec in found] == ["none", "majority", "keywords", "agreement", "agreement"]
    assert [spec.name for spec in found] == [
        "control", "majority", "keywords", "agreement:a:json,b", "agreement:a,b,c",
    ]  # fmt: skip
    assert all(isinstance(spec, BaselineSpec) for spec in found)
    assert [m.contract for m in found[3].members if isinstance(found[3], BaselineSpec)] == ["json", "score"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text", ["baseline:", "baseline:oracle", "baseline:agreement", "baseline:agreement:a.gguf"]
)
def test_a_name_that_is_no_baseline_says_which_there_are(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.gguf").write_bytes(b"")
    with pytest.raises(LabError, match=r"no such baseline; there are baseline:majority\[:CORPUS.toml\]"):
        any_spec(text, "score")


def test_a_remote_is_no_member_of_agreement() -> None:
    with pytest.raises(LabError, match="not remote:big; make each an arm of its own"):
        any_spec("baseline:agreement:remote:big,control", "score")


def test_members_have_two_names(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"")
    with pytest.raises(LabError, match="arm 'a' is named twice"):
        any_spec(f"baseline:agreement:{tmp_path / 'a.gguf'},{tmp_path / 'a.gguf'}", "score")


# --- what is written down ---------------------------------------------------------------------------------


def lab_of(folder: Path) -> Lab:
    def make(spec: Spec) -> Arm:
        assert isinstance(spec, BaselineSpec)
        return BaselineArm(spec, FRONT_DOOR)

    return Lab(Materials(FRONT_DOOR, TAXONOMY, None, None), Settings(), make, folder / "s.toml")


async def test_records_come_back_with_members_and_hashes(tmp_path: Path) -> None:
    words = made("keywords")
    await words.start()
    records = [arm_record(words), arm_record(await agreeing(Member("a"), Member("b")))]
    path = tmp_path / "s.toml"
    header = HEADER.model_copy(update={"taxonomy": pin_taxonomy(FRONT_DOOR, TAXONOMY)})
    with SessionFile.create(path, header) as file:
        for record in records:
            assert record is not None
            file.append(record)
    arms = read_session(path).session.arms
    assert list(arms) == ["keywords", "two"]
    both = arms["two"]
    assert isinstance(both, BaselineRecord)
    assert [m.name for m in both.member] == ["a", "b"]
    again = arm_record(await agreeing(Member("a"), Member("b")))
    assert again is not None
    assert not changed(both, again), "only times differ"
    other = both.member[1].model_copy(update={"model_sha256": "9" * 64})
    assert changed(both, both.model_copy(update={"member": (both.member[0], other)}))
    assert both.identity != both.model_copy(update={"member": (both.member[0], other)}).identity


def test_a_record_that_is_cut_short_or_of_another_kind_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    record = BaselineRecord.model_validate(
        {"at": HEADER.created, "kind": "baseline", "contract": "none", "load_ms": 1.0, "name": "control"}
    )
    SessionFile.create(path, HEADER).close()
    whole = fragment(record)
    with path.open("ab") as file:
        file.write(whole[: whole.index(b"name =")])
    assert read_session(path).torn
    text = path.read_bytes()
    path.write_bytes(text.replace(b'"baseline"', b'"oracle"') + b'name = "control"\n')
    with pytest.raises(LabError, match="no arm that this version knows: 'oracle'"):
        read_session(path)


def test_replay_runs_them_and_they_come_back_from_the_session(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(TWO_CASES)

    def replay(*more: str) -> dict[str, Any]:
        ended = program.run(tmp_path, "replay", "two.toml", "--format", "json", *more)
        assert ended.returncode == 0, ended.stderr
        found: dict[str, Any] = json.loads(ended.stdout)
        return found

    arms = ["--arm", "control", "--arm", "baseline:majority", "--arm", "baseline:keywords"]
    first = replay(*arms, "--out", "s.toml")
    assert [(a["arm"], a["n"], a["accuracy"]) for a in first["arms"]] == [
        ("control", 2, None), ("majority", 2, 0.5), ("keywords", 2, 1.0),
    ]  # fmt: skip
    again = replay("--session", "s.toml", "--repeats", "2")
    assert [a["n"] for a in again["arms"]] == [4, 4, 4]
    assert len(read_session(tmp_path / "s.toml").session.arms) == 3


def test_route_ends_well_without_a_label(tmp_path: Path) -> None:
    ended = program.run(tmp_path, "route", "hello", "--arm", "control")
    assert ended.returncode == 0
    assert ended.stdout.startswith("unrouted\t-\t")


def test_a_spec_of_agreement_needs_two_or_three() -> None:
    one = ArmSpec(name="a", model=Path("a.gguf"))
    with pytest.raises(ValueError, match="agreement needs two arms"):
        BaselineSpec(name="x", contract="agreement", members=(one,))
