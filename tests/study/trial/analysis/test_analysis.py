"""What a trial's result says, from sessions whose outcome is known."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from routerlab.core.errors import LabError
from routerlab.core.prediction import Latency, Trial
from routerlab.core.session.run import Mark
from routerlab.core.statistics.paired import holm, mcnemar
from routerlab.study.trial.analysis.analysis import analyse_trial
from routerlab.study.trial.analysis.flow import flow_lines
from routerlab.study.trial.analysis.result import TrialResult
from routerlab.study.trial.analysis.waits import own_queue
from routerlab.study.trial.protocol.assignment import Planned
from routerlab.study.trial.protocol.peeks import note_peek
from tests.study.trial.analysis.made import Made, hypothesis, number
from tests.study.trial.harness import LABELS, Answer


def test_the_flow_accounts_for_every_session_and_says_why_it_was_lost(made: Made) -> None:
    def answer(planned: Planned, gold: str) -> Answer | None:
        if planned.arm == "majority":
            return None if planned.index > 60 else ("ok", gold, 10.0)
        statuses = {0: "unparsed", 1: "crashed", 2: "timeout", 3: "timeout", 4: "cancelled"}
        status = statuses.get(number(planned.case), "ok")
        return status, gold if status == "ok" else None, 10.0  # type: ignore[return-value]

    result = made(answer, end="time limit of 1 minutes, 10 sessions not answered")
    assert result.flow.generated == 90
    control, keywords, majority = result.flow.arms
    assert (control.assigned, control.sent, control.answered, control.analysed) == (30, 30, 30, 30)
    assert control.parsed is None
    assert (keywords.assigned, keywords.sent, keywords.answered, keywords.parsed) == (30, 30, 26, 25)
    assert keywords.analysed == 29  # a crash and a timeout count as wrong, a cancelled session as nothing
    lost = {(loss.before, loss.reason): loss.n for loss in keywords.lost}
    assert lost == {
        ("answered", "cancelled, and not sent again"): 1,
        ("answered", "crashed"): 1,
        ("answered", "timeout"): 2,
        ("parsed", "no label could be read from the answer"): 1,
    }
    assert keywords.assigned - keywords.sent == 0
    assert majority.assigned - majority.sent == majority.lost[0].n
    assert majority.lost[0].reason.startswith("time limit")
    accuracy = result.analysis.by_name["keywords"].accuracy
    assert accuracy is not None
    assert (accuracy.right, accuracy.n) == (25, 29)
    text = "\n".join(flow_lines(result.flow))
    assert "keywords: assigned 30 -> sent 30 -> answered 26 -> parsed 25 -> analysed 29" in text
    assert "not answered: 2 (timeout)" in text


def test_latency_counts_from_when_a_session_was_due_unless_the_protocol_says_service(made: Made) -> None:
    parallel = 'schedule = "parallel"'
    result = made(queue_ms=500.0, traffic=parallel)
    times = next(one for one in result.times if one.arm == "keywords")
    parts = (times.response, times.queue, times.service, times.lab)
    assert [part["p50"].value for part in parts] == [1500.0, 500.0, 1000.0, 1500.0]
    latency = result.analysis.by_name["keywords"].latency
    assert latency is not None
    assert latency.p95.value == 1500.0
    service = made(queue_ms=500.0, traffic=parallel, more='latency = "service"')
    latency = service.analysis.by_name["keywords"].latency
    assert latency is not None
    assert latency.p95.value == 1000.0


def test_where_arms_take_turns_the_wait_for_other_arms_is_left_out(made: Made) -> None:
    """Sessions of an arm are due every second: with a second each they never wait for each other."""
    result = made(queue_ms=9000.0, due_every_s=1.0)
    times = {one.arm: one for one in result.times}
    assert times["keywords"].queue["p99"].value == 0.0
    assert times["keywords"].lab["p50"].value == 10_000.0
    # three seconds of work every second: the 30th session has waited for 29 before it
    assert times["majority"].queue["p99"].value == pytest.approx(29 * 2000.0)
    latency = result.analysis.by_name["majority"].latency
    assert latency is not None
    assert latency.p99.value == pytest.approx(29 * 2000.0 + 3000.0)


def test_more_servers_share_a_queue() -> None:
    start = datetime(2026, 11, 24, tzinfo=UTC)
    sessions = [
        Trial(
            id=f"t{i}",
            at=start,
            arm="a",
            status="ok",
            latency_ms=Latency(total=100.0),
            session=f"s{i}",
            due=start,
            contended=False,
        )
        for i in range(6)
    ]
    assert sorted(own_queue(sessions).values()) == [0, 100, 200, 300, 400, 500]
    assert sorted(own_queue(sessions, 3).values()) == [0, 0, 0, 100, 100, 100]
    assert own_queue([sessions[0].model_copy(update={"due": None})]) == {}


def test_accuracy_is_paired_by_case_and_corrected(made: Made) -> None:
    (test,) = hypothesis(made(), "H5").tests
    # wrong with keywords only: cases 5, 15, 25; with majority only: the even ones but 0, 10, 20
    assert test.p == pytest.approx(mcnemar(12, 3))
    assert test.p_adjusted == pytest.approx(holm([mcnemar(12, 3)])[0])
    assert test.value == pytest.approx(24 / 30 - 15 / 30)
    assert test.finding == "supported"
    assert "12 : 3 discordant of 30 cases" in test.note


def test_a_limit_is_kept_missed_or_undecided(made: Made) -> None:
    from scipy.special import bdtr

    result = made(cases=120, sessions=120)
    f1 = {test.subject: test for test in hypothesis(result, "H7").tests}
    assert (f1["keywords"].finding, f1["majority"].finding) == ("supported", "refuted")
    p95 = {test.subject: test for test in hypothesis(result, "H8").tests}
    assert (p95["keywords"].finding, p95["majority"].finding) == ("supported", "refuted")
    assert p95["keywords"].p == pytest.approx(2 * bdtr(0, 120, 0.05))
    few = {test.subject: test.finding for test in hypothesis(made(), "H8").tests}
    assert few["keywords"] == "undecided"  # 30 quick answers do not show that 95 of 100 would be
    agentic = {test.subject: test for test in hypothesis(result, "H7b").tests}
    assert agentic["keywords"].value == pytest.approx(0.8)


def test_a_timeout_counts_with_the_time_it_took(made: Made) -> None:
    def answer(planned: Planned, gold: str) -> Answer:
        late = number(planned.case) % 6 == 0
        return ("timeout", None, 30_000.0) if late else ("ok", gold, 10.0)

    result = made(answer, cases=120, sessions=120)
    arm = result.analysis.by_name["keywords"]
    assert arm.latency is not None
    assert arm.latency.p95.value == 30_000.0
    assert [gate.answer for gate in arm.gates] == ["undecided", "fail"]
    assert hypothesis(result, "H8").tests[0].finding == "refuted"
    assert "keywords: 20 of 120 latencies are of trials that timed out: at least so long" in (
        result.analysis.warnings
    )


def test_a_session_without_any_answer_is_beyond_any_latency(made: Made) -> None:
    def answer(planned: Planned, gold: str) -> Answer:
        return ("crashed", None, 0.0) if number(planned.case) % 3 == 0 else ("ok", gold, 10.0)

    test = hypothesis(made(answer, cases=120, sessions=120), "H8").tests[0]
    assert test.value == pytest.approx(10.0)  # of the answers
    assert test.finding == "refuted"
    assert test.note == "40 sessions without a latency count as beyond the limit"


def test_effects_are_cohens_with_intervals_around_them(made: Made) -> None:
    (effect,) = made().effects
    assert effect.h == pytest.approx(2 * np.arcsin(np.sqrt(0.8)) - 2 * np.arcsin(np.sqrt(0.5)))
    assert effect.h_low is not None
    assert effect.h_high is not None
    assert effect.h_low < effect.h < effect.h_high
    assert effect.d is None  # neither arm's latency varies, so there is no spread to divide by


def test_cohens_d_is_that_of_the_logarithms(made: Made) -> None:
    def answer(planned: Planned, gold: str) -> Answer:
        ms = 100.0 * (1 + number(planned.case)) * (2 if planned.arm == "majority" else 1)
        return "ok", gold, ms

    (effect,) = made(answer, queue_ms=0.0).effects
    logs = np.log(100.0 * np.arange(1, 31))
    expected = (logs.mean() - (logs + np.log(2)).mean()) / logs.std(ddof=1)
    assert effect.d == pytest.approx(expected)
    assert effect.h == 0


def test_uneven_repeats_are_told_in_both_weightings(made: Made) -> None:
    result = made(cases=6, sessions=60, more='assignment = "hash"')
    assert result.balance.apart > 0
    assert result.balance.most > result.balance.fewest
    accuracy = result.analysis.by_name["majority"].accuracy
    assert accuracy is not None
    assert accuracy.value == pytest.approx(0.5)  # three of six cases, however often each was asked
    assert accuracy.by_trial != pytest.approx(0.5)
    assert any("weighted equally" in line for line in result.analysis.warnings)


def test_a_result_before_the_end_says_so_and_peeks_are_deviations(made: Made) -> None:
    result = made(end=None)
    assert not result.complete
    assert "the trial is not over: this is a look that the protocol does not have" in result.warnings
    session = Path(result.session)
    note_peek(session, "trial peek")
    again = analyse_trial(session, None, None)
    assert [one.reason.split(" (")[0] for one in again.deviations] == [
        "looked at the outcomes before the end"
    ]
    assert again.economics == ()
    assert hypothesis(again, "H6").found == "not tested: there is no routing table with prices"


def test_a_look_that_is_not_in_the_session_is_told(made: Made) -> None:
    looks = 'rule = "obrien-fleming"\nfractions = [0.5]'
    result = made(looks=looks)
    assert any(line.startswith("not in the session: look 1 at 50%") for line in result.warnings)


def test_what_a_look_found_stands_at_the_end(made: Made) -> None:
    def answer(planned: Planned, gold: str) -> Answer:
        return "ok", gold if planned.arm == "keywords" else LABELS[(LABELS.index(gold) + 1) % 6], 1.0

    result = made(answer, looks='rule = "obrien-fleming"\nfractions = [0.5]')
    (test,) = hypothesis(result, "H5").tests
    assert test.finding == "supported"
    assert test.note.endswith("found at look 1")


@pytest.mark.parametrize(("few", "many", "finding"), [(12, 25, "undecided"), (6, 17, "supported")])
def test_looks_spend_of_the_level_of_pairs_that_are_not_corrected(
    made: Made, few: int, many: int, finding: str
) -> None:
    """After looks at half and nine tenths 0.0397 of 0.05 is left for the end."""

    def answer(planned: Planned, gold: str) -> Answer:
        i = number(planned.case)
        errs = i < few if planned.arm == "keywords" else few <= i < few + many
        return "ok", LABELS[(LABELS.index(gold) + 1) % 6] if errs else gold, 1.0

    looks = 'rule = "obrien-fleming"\nfractions = [0.5, 0.9]\naction = "record"'
    accuracy = ('endpoint = "accuracy"', 'endpoint = "accuracy"\ncorrection = "none"')
    result = made(answer, looks=looks, cases=60, sessions=60, instead=accuracy)
    (test,) = hypothesis(result, "H5").tests
    assert test.p == pytest.approx(mcnemar(few, many))
    assert 0.03 < mcnemar(few, many) < 0.05
    assert test.finding == finding
    assert "found at look" not in test.note


def test_subgroups_and_provenance_are_there_and_all_of_it_is_json(made: Made) -> None:
    result = made(marks=(Mark(at=datetime.now(UTC), arm="keywords", reason="slow", kind="deviation"),))
    hard = next(s for s in result.subgroups if (s.arm, s.by, s.group) == ("keywords", "difficulty", "hard"))
    assert hard.share.n == 15
    assert hard.share.value == pytest.approx(12 / 15)
    assert result.locked_s == 300
    assert [(one.arm, one.reason) for one in result.deviations] == [("keywords", "slow")]
    again = TrialResult.model_validate(json.loads(result.model_dump_json()))
    assert again.hypotheses == result.hypotheses
    assert again.lock.sha256 == result.lock.sha256


def test_an_ordinary_session_is_refused(tmp_path: Path, made: Made) -> None:
    result = made()
    text = Path(result.session).read_text()
    other = tmp_path / "other.toml"
    head, _, rest = text.partition("[[run]]")
    other.write_text(head + "[[arm]]" + rest.partition("[[arm]]")[2])
    with pytest.raises(LabError, match="is no trial's session"):
        analyse_trial(other, None, None)
