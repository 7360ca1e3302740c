"""What an annotator does, and what is written down of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from routerlab.annotate.desk.desk import QUEUES, Desk
from routerlab.annotate.desk.open import Wanted, open_desk, session_path
from routerlab.core.errors import LabError
from routerlab.core.session.file import read_session
from routerlab.core.session.session import State
from routerlab.core.taxonomy import Taxonomy
from routerlab.resources import TAXONOMY
from tests.annotate.desk.harness import SIX, A, B, C, desk, items, source


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made.ada.toml"


@pytest.fixture
def ada(path: Path) -> Iterator[Desk]:
    opened = desk(path, items(6))
    yield opened
    opened.file.close()


def counts(of: Desk) -> dict[str, int]:
    return {queue: of.count(queue) for queue in QUEUES if of.count(queue)}


def test_queues_follow_what_is_said(ada: Desk) -> None:
    assert counts(ada) == {"pending": 6}
    ada.submit(0, A, (B,), "because")
    ada.draft(1, B)
    ada.skip(2)
    ada.flag(3)
    ada.flag(0)
    ada.note(4, "odd")
    assert counts(ada) == {"pending": 3, "draft": 1, "submitted": 1, "skipped": 1, "flagged": 2}
    assert ada.state(0) == State(A, flagged=True, note="because")
    assert ada.state(1).draft
    assert ada.done == 2
    ada.submit(1, C)
    assert counts(ada)["submitted"] == 2
    assert not ada.state(1).draft


def test_what_is_written_is_read_again(ada: Desk, path: Path) -> None:
    ada.submit(0, A, (B, C), "because")
    ada.draft(1, B)
    session = read_session(path).session
    first, second = session.annotations
    assert (first.case, first.label, first.also, first.note, first.annotator) == (
        "q-0",
        A,
        (B, C),
        "because",
        "ada",
    )
    assert (second.case, second.label, second.draft) == ("q-1", B, True)
    assert session.cases["q-0"].prompt == "Prompt number 0"
    assert session.cases["q-0"].source == "line 1"
    assert list(session.cases) == ["q-0", "q-1"]


def test_undo_goes_back_to_the_beginning_over_sittings(ada: Desk, path: Path) -> None:
    ada.submit(0, A)
    ada.flag(0)
    ada.submit(1, B)
    ada.submit(0, C)
    assert ada.undo() == 0
    assert ada.state(0) == State(A, flagged=True)
    ada.file.close()
    again = desk(path, items(6))
    assert again.undo() == 1
    assert again.undo() == 0
    assert again.undo() == 0
    assert again.undo() is None
    assert counts(again) == {"pending": 6}
    again.file.close()


def test_undo_passes_over_what_is_not_in_this_queue(ada: Desk, path: Path) -> None:
    ada.submit(1, A)
    ada.submit(0, B)
    ada.file.close()
    part = desk(path, items(6)[1:])
    assert part.undo() == 0
    assert part.items[0].id == "q-1"
    assert part.undo() is None
    assert part.session.current("q-0", "case").label == B
    part.file.close()


def test_steps_stay_in_the_queue_and_come_round(ada: Desk) -> None:
    ada.submit(1, A)
    ada.skip(3)
    assert [ada.step(0, 1, "pending"), ada.step(2, 1, "pending"), ada.step(5, 1, "pending")] == [2, 4, 0]
    assert [ada.step(4, -1, "pending"), ada.step(0, -1, "pending")] == [2, None]
    assert [ada.step(2, 1), ada.step(2, -1)] == [3, 1]
    assert ada.first("skipped") == 3
    assert ada.first("draft") is None
    assert ada.step(1, 1, "submitted") is None


def test_search_folds_and_stops(ada: Desk) -> None:
    assert ada.search("  prompt  NUMBER 3") == [3]
    assert ada.search("Q-5") == [5]
    assert ada.search("number", limit=2) == [0, 1]
    assert ada.search("nothing like it") == []
    assert ada.search(" ") == []


def test_nothing_is_revealed_before_a_submitted_label(ada: Desk) -> None:
    ada.draft(0, A)
    ada.skip(1)
    ada.note(2, "hm")
    assert not any(ada.revealed(i) for i in range(6))
    ada.submit(0, A)
    assert ada.revealed(0)
    assert not ada.revealed(1)


def test_a_label_after_the_reveal_says_so_even_after_undo_and_reopening(ada: Desk, path: Path) -> None:
    ada.submit(0, A)
    assert ada.session.annotations[-1].seen is None
    ada.undo()
    assert ada.state(0) == State()
    ada.file.close()
    again = desk(path, items(6))
    assert again.revealed(0)
    again.submit(0, B)
    assert again.session.annotations[-1].seen == "reveal"
    again.submit(1, B)
    assert again.session.annotations[-1].seen is None
    again.file.close()


def test_suggestions_are_recorded(path: Path) -> None:
    with desk(path, items(2), "suggest").file as file:
        ada = Desk(items(2), file, "ada", SIX, "suggest")
        assert [ada.suggestion(i) for i in (0, 1)] == [None, A]  # a tie suggests nothing
        ada.submit(0, A)
        ada.submit(1, B)
        one, two = file.session.annotations
        assert (one.seen, one.suggested) == (None, None)
        assert (two.seen, two.suggested) == ("suggestion", A)
        assert file.session.queues[0].suggest


def test_a_decision_says_between_what_and_why(path: Path) -> None:
    cyd = desk(path, items(2), "adjudicate", "cyd")
    assert not cyd.revealed(0)
    with pytest.raises(ValueError, match="reason"):
        cyd.submit(0, A, note="  ")
    cyd.submit(0, A, note="the tie rule")
    said = cyd.session.annotations[-1]
    assert (said.decides, said.note, said.seen) == ({"ben": B}, "the tie rule", None)
    cyd.file.close()


def test_pace_is_the_median_of_what_was_not_interrupted(path: Path) -> None:
    clock = iter([0.0, 4.0, 10.0, 1010.0, 1012.0])
    ada = desk(path, items(6), now=lambda: next(clock))
    assert ada.pace().each_s is None
    ada.submit(0, A)
    ada.submit(1, A)
    ada.skip(2)
    ada.submit(3, A)
    assert ada.pace().each_s == 4.0  # of 4, 6 and 2 s; a thousand seconds are a pause
    assert ada.pace().left_s == 8.0
    ada.file.close()


def test_each_opening_is_recorded(ada: Desk, path: Path) -> None:
    ada.submit(0, A)
    ada.file.close()
    wanted = Wanted("ada", path, SIX, TAXONOMY, order="random", seed=7)
    again, _ = open_desk(source(items(6)), wanted)
    again.file.close()
    first, second = read_session(path).session.queues
    assert (first.order, first.seed, second.order, second.seed, second.items) == ("file", 0, "random", 7, 6)
    assert second.source.path == "made.txt"
    assert second.taxonomy_sha256 == SIX.sha256
    assert [i.id for i in again.items] != [i.id for i in items(6)]


def test_one_writer_a_file(ada: Desk, path: Path) -> None:
    with pytest.raises(LabError, match="is open in another lab"):
        desk(path, items(6))
    ada.submit(0, A)
    assert len(read_session(path).session.annotations) == 1


def test_another_annotators_file_is_refused(ada: Desk, path: Path) -> None:
    ada.file.close()
    with pytest.raises(
        LabError, match=r"holds the labels of ada, not of ben; name another file with --session"
    ):
        desk(path, items(6), annotator="ben")
    desk(path, items(6)).file.close()  # it is not left locked


def test_other_prompts_under_the_same_names_are_refused(ada: Desk, path: Path) -> None:
    ada.submit(0, A)
    ada.file.close()
    other = [i.__class__(i.id, "another prompt", i.source) for i in items(6)]
    with pytest.raises(LabError, match=r"q-0 was labelled there with another prompt \(line 1\)"):
        desk(path, other)
    desk(path, items(3)[1:]).file.close()  # others of the same file may come and go


def test_labels_of_an_older_taxonomy_are_kept_and_reported(ada: Desk, path: Path) -> None:
    ada.submit(0, A)
    ada.submit(1, A)
    ada.submit(2, B)
    ada.file.close()
    newer = Taxonomy.model_validate(
        SIX.model_dump()
        | {"version": "2.0", "label": [x for x in SIX.model_dump()["label"] if x["name"] != A]}
    )
    opened, notes = open_desk(source(items(6)), Wanted("ada", path, newer, TAXONOMY))
    assert any(f"2 labels are not in taxonomy front-door 2.0, and kept: {A} (2)" in note for note in notes)
    assert opened.state(0).label == A
    assert counts(opened) == {"pending": 3, "submitted": 3}
    assert opened.session.queues[-1].taxonomy_version == "2.0"
    opened.file.close()


def test_an_empty_queue_is_refused(path: Path) -> None:
    with pytest.raises(LabError, match="nothing to label"):
        desk(path, [])
    assert not path.exists()


def test_where_labels_go(tmp_path: Path) -> None:
    assert session_path(tmp_path, "prompts", "Ada L./é") == tmp_path / "prompts.Ada-L.-é.toml"
