"""Which labels of sessions become cases, and which are refused."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from routerlab.annotate.corpus.promote import Promotion, default_prefix, promotion
from routerlab.annotate.corpus.text import case_text
from routerlab.annotate.ratings.ratings import collect
from routerlab.annotate.ratings.unit import Collected, Rating, Unit
from routerlab.core.corpus import Annotated, Case
from routerlab.core.errors import LabError
from routerlab.core.session.session import CaseRecord, Event
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import TAXONOMY
from tests.annotate.sessions import CODE, COT, prompt, said, saved
from tests.core.session.harness import AT, trial

SIX = load_taxonomy(TAXONOMY)
OTHER = "CoT/complex"


class Desk:
    """Sessions to promote from, a file a call."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[Path] = []

    def session(self, *events: Event, who: str = "ada", name: str | None = None) -> None:
        self.files.append(saved(self.folder / f"{name or who}.toml", *events))

    def promote(self, *cases: Case, **more: Any) -> Promotion:
        held_out = more.pop("held_out", {})
        return promotion(collect(self.files), cases, SIX, held_out, more.pop("prefix", "M"), **more)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def both(desk: Desk, case: str, a: str, b: str, **more: Any) -> None:
    """ada says one thing, ben another."""
    desk.session(prompt(case), said(case, a, **more))
    desk.session(prompt(case), said(case, b, "ben", at=9), who="ben")


def test_what_all_agree_on_becomes_a_case_with_its_provenance(desk: Desk) -> None:
    both(desk, "c1", CODE, CODE, also=(COT,))
    found = desk.promote()
    assert found == Promotion(
        added=(
            Case(
                id="M-001",
                prompt="Prompt c1",
                label=CODE,
                also=(COT,),
                annotated=Annotated(
                    annotators=("ada", "ben"),
                    at=AT + timedelta(seconds=9),
                    sessions=("ada", "ben"),
                    agreement="2 of 2",
                ),
            ),
        ),
        filled={},
        refused=(),
        left_out=(),
        near=(),
    )
    assert found.added[0].author is None


def test_what_also_fits_is_put_together_in_the_taxonomys_order(desk: Desk) -> None:
    desk.session(prompt("c1"), said("c1", CODE, also=(OTHER, COT)))
    desk.session(prompt("c1"), said("c1", CODE, "ben", also=("code/complex",)), who="ben")
    assert desk.promote().added[0].also == ("code/complex", COT, OTHER)


def test_the_time_is_rounded_to_what_is_written() -> None:
    """Else the file would not read back as the case that was meant."""
    late = datetime(2026, 11, 24, 10, 0, 0, 123987, timezone(timedelta(hours=2)))
    unit = Unit("p", "p", ratings={"ada": Rating(CODE, (), None, late, "s", None, CODE)})
    found = promotion(Collected({"p": unit}, SIX.labels, {}, {}, ()), (), SIX, {}, "M")
    annotated = found.added[0].annotated
    assert annotated
    assert (annotated.at, annotated.at.tzinfo) == (datetime(2026, 11, 24, 8, 0, 0, 123000, UTC), UTC)


def test_a_suggestion_is_on_record(desk: Desk) -> None:
    both(desk, "c1", CODE, CODE, seen="suggestion", suggested=CODE)
    annotated = desk.promote().added[0].annotated
    assert annotated
    assert annotated.seen == "suggestion"


def test_a_correction_after_the_reveal_is_on_record(desk: Desk) -> None:
    both(desk, "c1", CODE, CODE, seen="reveal")
    annotated = desk.promote().added[0].annotated
    assert annotated
    assert annotated.seen == "reveal"


def test_a_typed_prompt_that_was_labelled_in_the_lab(desk: Desk) -> None:
    event = said("x", CODE).model_copy(update={"case": None, "trial": "t000001"})
    desk.session(trial(1, case=None, prompt="typed\nhere"), event)
    (case,) = desk.promote().added
    assert (case.prompt, case.label) == ("typed\nhere", CODE)


def test_too_few_labels_are_left_out(desk: Desk) -> None:
    both(desk, "c1", CODE, CODE)
    desk.session(prompt("c2"), said("c2", COT), name="more")
    found = desk.promote(least=2)
    assert [case.prompt for case in found.added] == ["Prompt c1"]
    assert found.left_out == ("c2: labelled by 1 of the 2 annotators it needs",)
    assert len(desk.promote().added) == 2


def test_drafts_skips_and_models_add_nothing(desk: Desk) -> None:
    desk.session(
        *(prompt(c) for c in ("c1", "c2", "c3")),
        said("c1", CODE, draft=True),
        said("c2", None, action="skip"),
        trial(1, case="c3", arm="m", label=CODE),
    )
    assert desk.promote() == Promotion((), {}, (), (), ())


def test_flagged_prompts_are_left_out_and_listed(desk: Desk) -> None:
    both(desk, "c1", CODE, CODE)
    desk.session(prompt("c1"), said("c1", None, "dan", action="flag"), who="dan")
    found = desk.promote()
    assert (found.added, found.left_out) == ((), ("c1: flagged by dan",))


def test_a_prompt_that_is_not_known_is_left_out(desk: Desk) -> None:
    desk.session(said("lost", CODE))
    assert desk.promote().left_out == (
        "lost: its prompt is not known; name the corpus it is from with --corpus",
    )


def test_annotators_who_disagree_are_a_conflict(desk: Desk) -> None:
    both(desk, "c1", CODE, COT)
    found = desk.promote()
    assert (found.added, found.refused) == ((), (f"c1: conflict: ada says {CODE}, ben says {COT}",))
    assert found.left_out == ()


def decide(desk: Desk, who: str, label: str, at: int, **more: Any) -> None:
    between = {"ada": CODE, "ben": COT}
    event = said("c1", label, who, at=at, decides=between, note="one\nquestion", **more)
    desk.session(prompt("c1"), event, who=who)


def test_a_decision_wins_over_labels_flags_and_numbers(desk: Desk) -> None:
    both(desk, "c1", CODE, COT, also=(OTHER,))
    desk.session(prompt("c1"), said("c1", None, "dan", action="flag"), who="dan")
    decide(desk, "cyd", COT, 20, also=("code/complex",))
    (case,) = desk.promote(least=3).added
    assert (case.label, case.also) == (COT, ("code/complex",))
    assert case.annotated == Annotated(
        annotators=("ada", "ben"),
        at=AT + timedelta(seconds=20),
        sessions=("ada", "ben", "cyd"),
        agreement="1 of 2",
        adjudicator="cyd",
        reason="one\nquestion",
    )


def test_a_decision_alone_knows_what_it_decided_between(desk: Desk) -> None:
    decide(desk, "cyd", OTHER, 0)
    annotated = desk.promote().added[0].annotated
    assert annotated
    assert (annotated.annotators, annotated.agreement, annotated.sessions) == (
        ("ada", "ben"),
        "0 of 2",
        ("cyd",),
    )


def test_adjudicators_who_disagree_are_a_conflict(desk: Desk) -> None:
    decide(desk, "cyd", COT, 0)
    decide(desk, "dan", CODE, 5)
    assert desk.promote().refused == (f"c1: conflict: cyd decided {COT}, dan decided {CODE}",)


def test_duplicates_and_conflicts_with_the_corpus(desk: Desk) -> None:
    desk.session(*(event for c in ("c1", "c2", "c3") for event in (prompt(c), said(c, CODE))))
    corpus = [Case(id="a", prompt="PROMPT  c1", label=CODE), Case(id="b", prompt="prompt C2", label=COT)]
    found = desk.promote(*corpus)
    assert [case.prompt for case in found.added] == ["Prompt c3"]
    assert found.refused == (
        "c1: duplicate: the corpus has it as a",
        f"c2: conflict: the corpus has it as b with {COT}, the label here is {CODE}",
    )


def test_a_case_without_a_label_gets_it(desk: Desk) -> None:
    both(desk, "c1", CODE, CODE, also=(COT,))
    old = Case(id="a", prompt="PROMPT  c1", notes="n", also=(OTHER,))
    found = desk.promote(Case(id="z", prompt="z", label=CODE), old)
    assert found.added == ()
    case = found.filled[1]
    assert (case.id, case.prompt, case.notes, case.label, case.also) == (
        "a",
        "PROMPT  c1",
        "n",
        CODE,
        (OTHER,),
    )
    assert case.annotated
    assert case.annotated.agreement == "2 of 2"
    assert list(found.filled) == [1]


def test_labels_that_the_taxonomy_has_not(desk: Desk) -> None:
    desk.session(prompt("c1"), said("c1", "poem"), prompt("c2"), said("c2", CODE, also=("song",)))
    assert desk.promote().refused == (
        "c1: label 'poem' is not in the taxonomy 'front-door'",
        "c2: label 'song' is not in the taxonomy 'front-door'",
    )


def test_prompts_of_the_held_out_test(desk: Desk) -> None:
    desk.session(prompt("c1"), said("c1", CODE))
    found = desk.promote(Case(id="a", prompt="Prompt c1"), held_out={"prompt c1": "R60-001"})
    assert (found.added, found.filled) == ((), {})
    assert found.refused == (
        "c1: is R60-001 of routing60, the held-out test, from which no router may learn",
    )


def test_near_duplicates_are_told(desk: Desk) -> None:
    words = "please sort this list of names for me as soon as you can {}"
    records: list[Event] = []
    for name, label in (("one", CODE), ("two", COT), ("three", CODE)):
        records += [CaseRecord(id=name, prompt=words.format(name), source="line 1"), said(name, label)]
    desk.session(*records, prompt("c1"), said("c1", CODE))
    old = Case(id="old", prompt=words.format("four"), label=CODE)
    found = desk.promote(old, Case(id="far", prompt="far"))
    assert len(found.added) == 4
    assert found.near[0] == f"M-001 ({CODE}) is a near duplicate of old (0.86)"
    assert found.near[1] == f"M-002 ({COT}) is a near duplicate of old (0.86), which is labelled {CODE}"
    assert len(found.near) == 6


def test_new_ids_go_on_from_the_highest(desk: Desk) -> None:
    desk.session(*(event for c in ("c1", "c2") for event in (prompt(c), said(c, CODE))))
    used: Sequence[str] = ("M-007", "M-7x", "N-900", "XM-900", "M-0005", "M-")
    corpus = [Case(id=name, prompt=f"w {name}") for name in used]
    assert [case.id for case in desk.promote(*corpus).added] == ["M-008", "M-009"]
    assert [case.id for case in desk.promote(*corpus, prefix="a.b").added] == ["a.b-001", "a.b-002"]


@pytest.mark.parametrize("prefix", ["", "a b", "a[", "x" * 49, "a\n"])
def test_what_cannot_be_a_prefix(desk: Desk, prefix: str) -> None:
    desk.session(prompt("c1"), said("c1", CODE))
    with pytest.raises(LabError, match="--prefix"):
        desk.promote(prefix=prefix)


def test_the_prefix_is_the_corpuss_name() -> None:
    assert default_prefix("pool") == "POOL"
    assert default_prefix("my [new] prompts!") == "MY-NEW-PROMPTS"
    assert default_prefix("日本語") == "日本語"
    assert default_prefix("!!") == "CASE"
    assert len(default_prefix("x" * 500)) == 40


# --- where no label fits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("a", "b", "fit"), [("none", "none", "none"), ("none", None, None)])
def test_no_label_fits_only_if_all_say_so(desk: Desk, a: str, b: str | None, fit: str | None) -> None:
    desk.session(prompt("c1"), said("c1", CODE, fit=a))
    desk.session(prompt("c1"), said("c1", CODE, "ben", fit=b), who="ben")
    (case,) = desk.promote(least=2).added
    assert (case.label, case.fit) == (CODE, fit)


def test_a_decision_says_whether_a_label_fits(desk: Desk) -> None:
    for who, label, fit in (("ada", CODE, "none"), ("ben", COT, None)):
        desk.session(
            prompt("c1"),
            said("c1", label, who, fit=fit),
            prompt("c2"),
            said("c2", label, who, id="a2", fit=fit),
            who=who,
        )
    decided = {"decides": {"ada": CODE, "ben": COT}, "note": "why"}
    desk.session(
        said("c1", COT, "cyd", at=20, **decided),
        said("c2", COT, "cyd", at=21, id="a2", fit="none", **decided),
        prompt("c1"),
        prompt("c2"),
        who="cyd",
    )
    assert [case.fit for case in desk.promote().added] == [None, "none"]


def test_a_case_without_a_label_gets_the_fit_too(desk: Desk) -> None:
    desk.session(prompt("c1"), said("c1", CODE, fit="none"))
    (case,) = desk.promote(Case(id="X-1", prompt="Prompt c1")).filled.values()
    assert (case.id, case.label, case.fit) == ("X-1", CODE, "none")
    assert 'label = "code/simple"\nfit = "none"\n' in case_text(case)
