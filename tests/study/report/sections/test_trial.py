"""A trial in a report: its own sections say what its result says, and every lost session is accounted for."""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from routerlab.cli.shared.early import record_early_looks
from routerlab.core.errors import LabError
from routerlab.core.session.file import read_session
from routerlab.core.session.run import Mark
from routerlab.study.load import load, load_result
from routerlab.study.report import words as w
from routerlab.study.report.contents import heading, sections
from routerlab.study.report.markdown import markdown
from routerlab.study.report.plots.consort import consort
from routerlab.study.report.subject import Subject, load_subject
from routerlab.study.trial.analysis.flow import flow_lines
from routerlab.study.trial.analysis.result import ArmFlow, Flow, Loss
from routerlab.study.trial.protocol.assignment import Planned
from tests import program
from tests.study.report.harness import HOSTILE, Parsed, page_of
from tests.study.trial.analysis.made import mostly_right, number
from tests.study.trial.harness import Answer, protocol_file, session_file

PAUSED = "paused for 3.0 s in all"
EXCLUDED = '[[exclude]]\ncase = "c3"\nreason = "names a person"\n'
OWN = ("Hypotheses", "Flow of sessions", "Effect sizes", "Waiting and service", "Protocol")


def losing(planned: Planned, gold: str) -> Answer | None:
    """As mostly_right, but majority loses sessions at every step."""
    if planned.arm == "majority":
        n = number(planned.case)
        if n == 6:
            return None
        lost = {1: "timeout", 2: "crashed", 4: "unparsed"}.get(n)
        if lost:
            return lost, None, 500.0  # type: ignore[return-value]
    return mostly_right(planned, gold)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trial")
    file = protocol_file(folder)
    file.write_text(f"{file.read_text()}\n{EXCLUDED}")
    marks = (Mark(at=datetime.now(UTC), reason=PAUSED, kind="deviation"),)
    return session_file(folder, file, losing, marks=marks)


@pytest.fixture(scope="module")
def subject(session: Path) -> Subject:
    return load_subject(session, lambda _: None)


@pytest.fixture(scope="module")
def text(subject: Subject) -> str:
    return Parsed(page_of(subject)).text


def test_the_page_says_what_the_result_says(subject: Subject, text: str) -> None:
    trial = subject.trial
    assert trial
    for one in trial.hypotheses:
        assert one.tests
        assert f"{one.id} {one.says} {one.endpoint} {one.found}" in text
        for test in one.tests:
            assert f"{one.id} {test.subject} {test.finding} {w.number(test.value)}" in text
            assert test.p is None or f"{w.p_value(test.p)} {w.p_value(test.p_adjusted)}" in text
    for pair in trial.effects:
        assert f"{pair.a} - {pair.b} {pair.h:+.2f} {w.signed(pair.h_low, pair.h_high)}" in text
    for waited in trial.times:
        assert f"{waited.arm} response {w.milliseconds(waited.response['p50'].value)}" in text
    assert trial.economics
    for arm in trial.economics:
        assert f"{arm.arm} {w.money(arm.default * 1000 / arm.n)} {w.money(arm.routed * 1000 / arm.n)}" in text
    assert any(arm.misroutes for arm in trial.economics)
    for what in (PAUSED, trial.lock.sha256, "Exploratory", *trial.lock.pins.values()):
        assert what in text


def test_every_loss_has_its_reason_in_the_diagram_and_in_the_text(subject: Subject, text: str) -> None:
    trial = subject.trial
    assert trial
    (majority,) = [arm for arm in trial.flow.arms if arm.arm == "majority"]
    assert {(loss.before, loss.n) for loss in majority.lost} == {("sent", 1), ("answered", 1), ("parsed", 1)}
    assert majority.assigned - sum(loss.n for loss in majority.lost) == majority.parsed
    drawn = Parsed(consort("f", trial.flow)).text
    for loss in majority.lost:
        assert f"-{loss.n}: {' '.join(loss.reason.split()[:2])}" in drawn
    assert f"generated: {trial.flow.generated} sessions" in drawn
    assert "excluded: 1 case c3: names a person" in drawn
    title, facts = heading([subject])
    shown = markdown(title, sections([subject]), facts)
    for line in flow_lines(trial.flow):
        assert " ".join(line.split()) in text
        assert line in shown


def test_the_page_stands_alone_and_is_the_same_again(session: Path, tmp_path: Path) -> None:
    pages = []
    for name in ("a.html", "b.html"):
        done = routerlab(tmp_path, "report", session, "--html", name)
        assert (done.returncode, done.stderr) == (0, f"report: {name}\n")
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    parsed = Parsed(pages[0].decode())
    assert parsed.tags["script"] == 1, "ours"
    assert [ref for ref in parsed.references if not ref.startswith("#")] == ["data:,"]
    titles = re.findall(r"<h2>(.*?)</h2>", pages[0].decode())
    assert set(OWN) <= set(titles)
    assert len(set(parsed.ids)) == len(parsed.ids)


def test_a_saved_result_is_reported_alike(session: Path, subject: Subject, tmp_path: Path) -> None:
    live, saved = subject, tmp_path / "r.json"
    assert live.trial
    saved.write_text(live.trial.model_dump_json())
    again = load_subject(saved, lambda _: None)
    assert again.trial == live.trial
    assert load_result(saved) == load_result(session) == live.analysis
    assert set(OWN) <= {section.title for section in sections([again])}


def test_side_by_side_with_itself_and_all_names_are_apart(subject: Subject) -> None:
    parsed = Parsed(page_of(subject, subject))
    assert parsed.text.count("Flow of sessions") >= 4  # twice in the contents, twice as a heading
    assert len(set(parsed.ids)) == len(parsed.ids)


def test_a_trial_that_is_not_over_is_not_shown(tmp_path: Path) -> None:
    session = session_file(tmp_path, protocol_file(tmp_path), mostly_right, end=None)
    before = session.read_bytes()
    with pytest.raises(LabError, match="a trial that is not over"):
        load_subject(session, lambda _: None)
    with pytest.raises(LabError, match="a trial that is not over"):
        load_result(session)
    with pytest.raises(LabError, match="routerlab trial analyze"):
        load(session)
    assert session.read_bytes() == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["sessions", "export"], ["--format", "jsonl"]),
        (["sessions", "show"], []),
        (["corpus", "agreement"], ["--models", "--gold"]),
    ],
)
def test_other_looks_at_a_trial_that_is_not_over_are_on_record(
    tmp_path: Path, before: list[str], after: list[str]
) -> None:
    session = session_file(tmp_path, protocol_file(tmp_path), mostly_right, end=None)
    done = routerlab(tmp_path, *before, session, *after)
    assert done.returncode == 0
    assert "keywords" in done.stdout
    assert "the trial is not over: this look is recorded as a deviation" in done.stderr
    assert f"looked at the outcomes before the end ({' '.join(before)}" in session.read_text()


def test_only_a_trial_that_is_not_over_is_looked_at_early(tmp_path: Path) -> None:
    """As annotate and corpus ask it of all their files, whatever these are."""
    for name, end in (("open", None), ("over", "every session is answered")):
        (tmp_path / name).mkdir()
        session_file(tmp_path / name, protocol_file(tmp_path / name), mostly_right, end=end)
    (tmp_path / "prompts.txt").write_text("why is the sky blue?")
    files = [
        *(
            tmp_path / name
            for name in ("open/session.toml", "over/session.toml", "over/round.toml", "prompts.txt")
        ),
        tmp_path / "missing.toml",
    ]
    before = {path: path.read_bytes() for path in files if path.exists()}
    record_early_looks(files, "annotate")
    assert [path for path, was in before.items() if path.read_bytes() != was] == [files[0]]
    (mark,) = [m for m in read_session(files[0]).session.marks if m.kind == "deviation"]
    assert mark.reason
    assert mark.reason.startswith("looked at the outcomes before the end (annotate, ")


@pytest.mark.parametrize("end", [None, "every session is answered"])
def test_the_lab_adds_nothing_to_a_trial(tmp_path: Path, end: str | None) -> None:
    session = session_file(tmp_path, protocol_file(tmp_path), mostly_right, end=end)
    before = session.read_bytes()
    done = routerlab(tmp_path, "replay", "--arm", "baseline:keywords", "--session", session)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is the result of a trial, and nothing else belongs into it" in done.stderr
    assert session.read_bytes() == before


def routerlab(folder: Path, *args: object) -> "subprocess.CompletedProcess[str]":
    return program.run(folder, *args)


@pytest.mark.parametrize("arms", [1, 2, 6])
def test_the_diagram_holds_any_number_of_arms_and_foreign_text(arms: int) -> None:
    lost = (Loss(before="sent", reason=HOSTILE, n=2), Loss(before="answered", reason="timeout", n=1))
    flows = [
        ArmFlow(
            arm=f"arm{i} {HOSTILE}",
            assigned=10,
            sent=8,
            answered=7,
            parsed=None if i else 7,
            analysed=8,
            lost=lost,
        )
        for i in range(arms)
    ]
    excluded = {f"c{i}": "a very long reason that goes on and on " * 3 for i in range(9)}
    parsed = Parsed(consort("f", Flow(generated=10 * arms, excluded=excluded, arms=tuple(flows))))
    assert parsed.tags["svg"] == 1
    assert parsed.tags["script"] == 0
    assert parsed.text.count("assigned 10") == arms
    assert "excluded: 9 cases" in parsed.text
    assert "and 3 more" in parsed.text
