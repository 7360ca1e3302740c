"""From session files to units: who said what of which prompt."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from routerlab.annotate.ratings.ratings import collect
from routerlab.annotate.ratings.unit import Unit
from routerlab.core.corpus import Corpus
from routerlab.core.errors import LabError
from routerlab.core.files.toml import load_toml
from routerlab.core.session.fragment import fragment
from routerlab.core.session.session import TaxonomyPin, pin_corpus
from tests.annotate.sessions import CODE, COT, answer, prompt, said, saved
from tests.core.session.harness import ARM, AT, note

CORPUS = """\
schema_version = 1
name = "mine"
taxonomy = "two"

[[case]]
id = "c1"
prompt = "  Prompt\\tC1 "
label = "code/simple"

[[case]]
id = "c2"
prompt = "Only in the corpus"
label = "CoT/simple"
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def corpus(path: Path, text: str = CORPUS) -> Path:
    path.write_text(text)
    return path


def pinned(path: Path) -> Any:
    return pin_corpus(load_toml(path, Corpus), path)


def labels(unit: Unit) -> dict[str, str]:
    return {name: rating.label for name, rating in unit.ratings.items()}


# --- what counts -----------------------------------------------------------------------------------------


def test_annotators_meet_on_the_prompt_whatever_its_id(tmp_path: Path) -> None:
    one = saved(tmp_path / "one.toml", prompt("c1"), said("c1", CODE))
    other = prompt("x9").model_copy(update={"prompt": "  PROMPT  c1\n"})
    two = saved(tmp_path / "two.toml", other, said("x9", COT, "ben"))
    found = collect([one, two])
    (unit,) = found.units.values()
    assert (unit.key, unit.prompt, unit.case) == ("prompt c1", "Prompt c1", "c1")
    assert labels(unit) == {"ada": CODE, "ben": COT}
    assert not unit.agreed
    assert found.annotators == ("ada", "ben")
    assert found.sessions == {one: "one", two: "two"}
    assert found.notes == ()


def test_the_latest_submitted_label_counts_with_what_was_said_with_it(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "s.toml",
        prompt("c1"),
        said("c1", CODE, at=1, note="first"),
        said("c1", COT, at=2, also=[CODE], seen="reveal"),
        said("c1", None, at=3, note="after all"),
    )
    rating = collect([path]).units["prompt c1"].ratings["ada"]
    assert (rating.label, rating.also, rating.note) == (COT, (CODE,), "after all")
    assert (rating.at, rating.session) == (AT + timedelta(seconds=2), "s")
    assert (rating.seen, rating.blind) == ("reveal", CODE)


def test_an_undo_takes_back_the_latest_and_a_skip_the_label(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "s.toml",
        said("c1", CODE), said("c1", COT), said("c1", None, action="undo"),
        said("c2", CODE), said("c2", None, action="undo"), said("c2", None, action="undo"),
        said("c3", CODE), said("c3", None, action="skip"),
        said("c4", None, action="skip"), said("c4", COT),
        said("c5", None, action="flag", note="what?"), said("c6", None, action="flag"),
        said("c6", None, action="undo"),
    )  # fmt: skip
    units = collect([path]).units
    assert labels(units["case:c1"]) == {"ada": CODE}
    assert [labels(units[f"case:c{i}"]) for i in (2, 3, 5, 6)] == [{}, {}, {}, {}]
    assert labels(units["case:c4"]) == {"ada": COT}
    assert (units["case:c5"].flagged, units["case:c6"].flagged) == ({"ada"}, set())
    assert units["case:c5"].notes == {"ada": "what?"}


def test_drafts_are_left_out_and_counted(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "s.toml",
        said("c1", CODE, draft=True),
        said("c2", CODE), said("c2", COT, draft=True),
        said("c3", CODE, draft=True), said("c3", CODE),
    )  # fmt: skip
    found = collect([path])
    assert [labels(unit) for unit in found.units.values()] == [{}, {"ada": CODE}, {"ada": CODE}]
    assert "left out, because they are drafts: ada 2" in found.notes


def test_a_label_given_beside_answers_is_not_blind(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "s.toml",
        answer(1, "small", COT, case=None, prompt="typed"),
        note(1, trial="t000001", label=CODE),
        said("c1", CODE, seen="suggestion", suggested=CODE),
        said("c2", CODE),
    )
    typed, suggested, blind = (unit.ratings["ada"] for unit in collect([path]).units.values())
    assert (typed.seen, typed.blind) == ("suggestion", None)
    assert (suggested.seen, suggested.blind) == ("suggestion", None)
    assert (blind.seen, blind.blind) == (None, CODE)


def test_decisions_are_kept_apart_from_labels(tmp_path: Path) -> None:
    between = {"ada": CODE, "ben": COT}
    labelled = saved(tmp_path / "s.toml", said("c1", CODE), said("c1", COT, "ben"), said("c1", COT, "cyd"))
    decided = saved(
        tmp_path / "d.toml",
        said("c1", CODE, "cyd", at=5, decides=between, note="a recipe"),
        said("c2", CODE, "cyd", at=5, decides={}),
        said("c2", None, "cyd", at=6, action="undo"),
    )
    units = collect([labelled, decided]).units
    unit = units["case:c1"]
    assert labels(unit) == {"ada": CODE, "ben": COT, "cyd": COT}
    assert unit.decision is unit.decisions["cyd"]
    assert (unit.decision.label, unit.decision.reason, unit.decision.between) == (CODE, "a recipe", between)
    assert (unit.decision.session, unit.decision.at) == ("d", AT + timedelta(seconds=5))
    assert (units["case:c2"].decisions, units["case:c2"].decision) == ({}, None)


def test_contradicting_and_outdated_decisions_are_noted(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "s.toml",
        said("c1", COT),
        said("c1", CODE, "cyd", at=5, decides={"ada": CODE, "ben": COT}),
        said("c1", COT, "dan", at=4, decides={"ada": COT, "ben": CODE}),
    )
    found = collect([path])
    decision = found.units["case:c1"].decision
    assert decision is not None
    assert decision.label == CODE
    assert "1 prompt was decided differently by two adjudicators: the latest counts" in found.notes
    assert "1 decision was made before an annotator changed the label" in found.notes


def test_models_are_heard_by_their_latest_readable_answer(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "s.toml",
        answer(1, "small", CODE, at=3, probabilities={CODE: 0.75}, familiarity=0.25),
        answer(1, "small", COT, at=1, repeat=2, familiarity=0.5),
        answer(1, "small", None, at=9, repeat=3),
        answer(1, "large", None),
        answer(2, "large", COT, case=None, prompt="typed", gold=CODE),
    )
    found = collect([path])
    case, typed = found.units.values()
    assert (case.models, case.sure, case.prompt) == ({"small": CODE}, {"small": 0.75}, None)
    assert case.familiar == {"small": 0.25}
    assert (typed.models, typed.key, typed.case, typed.gold) == ({"large": COT}, "typed", None, CODE)
    assert found.arms == ("small", "large")
    assert found.annotators == ()


# --- several sessions ------------------------------------------------------------------------------------


def test_the_later_of_two_sessions_counts_in_whichever_order_they_are_named(tmp_path: Path) -> None:
    old = saved(tmp_path / "old.toml", said("c1", CODE, at=1), said("c2", CODE, at=1))
    new = saved(tmp_path / "new.toml", said("c1", COT, at=9, seen="suggestion"), said("c2", CODE, at=9))
    for paths in ([old, new], [new, old]):
        found = collect(paths)
        first = found.units["case:c1"].ratings["ada"]
        assert (first.label, first.session, first.blind) == (COT, "new", CODE)
        assert any(n.startswith("ada labelled 2 prompts in more than one session, 1 of") for n in found.notes)


def test_a_skip_in_one_session_leaves_the_label_of_another(tmp_path: Path) -> None:
    labelled = saved(tmp_path / "a.toml", said("c1", CODE))
    skipped = saved(tmp_path / "b.toml", said("c1", None, action="skip"), said("c2", None, action="skip"))
    for paths in ([labelled, skipped], [skipped, labelled]):
        units = collect(paths).units
        assert (labels(units["case:c1"]), labels(units["case:c2"])) == ({"ada": CODE}, {})


def test_a_session_named_twice_counts_once(tmp_path: Path) -> None:
    path = saved(tmp_path / "s.toml", said("c1", CODE))
    found = collect([path, Path("s.toml")])
    assert len(found.sessions) == 1
    assert len([line for line in found.notes if "more than one session" in line]) == 0


def test_labels_of_an_older_taxonomy_are_kept_and_noted(tmp_path: Path) -> None:
    older = TaxonomyPin(name="old", path="o", sha256="0" * 64, families={"gone": "past", CODE: "then"})
    old = saved(
        tmp_path / "old.toml", said("c1", "gone"), taxonomy=older, created=AT - timedelta(days=9)
    )  # fmt: skip
    new = saved(tmp_path / "new.toml", said("c1", COT, "ben"))
    for paths in ([old, new], [new, old]):
        found = collect(paths)
        assert labels(found.units["case:c1"]) == {"ada": "gone", "ben": COT}
        assert found.labels == (CODE, COT, "gone")
        assert found.families == {"gone": "past", CODE: "code", COT: "CoT"}
        assert "not in the newest session's taxonomy, and kept: gone (1)" in found.notes


def test_an_arm_that_is_another_model_elsewhere_is_noted(tmp_path: Path) -> None:
    one = saved(tmp_path / "one.toml", ARM)
    assert collect([one]).notes == ()
    two = saved(tmp_path / "two.toml", ARM.model_copy(update={"model_sha256": "00" * 32}))
    assert collect([one, two]).notes == (f"not the same model and prompt in all sessions: {ARM.name}",)


def test_times_without_a_zone_can_be_compared(tmp_path: Path) -> None:
    """A person wrote them; the lab never does."""
    path = saved(tmp_path / "s.toml", said("c1", CODE, at=1))
    with path.open("a") as f:
        f.write('\n[[annotation]]\nid = "a9"\nat = 2030-01-01T00:00:00\ncase = "c1"\nlabel = "CoT/simple"\n')
        f.write('annotator = "ada"\n')
    other = saved(tmp_path / "t.toml", said("c1", CODE, at=2))
    assert labels(collect([other, path]).units["case:c1"]) == {"ada": COT}


# --- where prompts come from -----------------------------------------------------------------------------


def test_prompts_and_gold_come_from_the_pinned_corpus(tmp_path: Path) -> None:
    file = corpus(tmp_path / "mine.toml")
    typed = saved(tmp_path / "a.toml", prompt("c1"), said("c1", COT, "ben"))
    path = saved(tmp_path / "b.toml", answer(1, "small", CODE), said("c2", CODE), corpus=pinned(file))
    found = collect([typed, path])
    first, second = found.units.values()
    assert (first.key, first.gold, first.models, labels(first)) == (
        "prompt c1", CODE, {"small": CODE}, {"ben": COT}
    )  # fmt: skip
    assert (second.prompt, second.gold, labels(second)) == ("Only in the corpus", COT, {"ada": CODE})
    assert found.notes == ()


def test_a_corpus_that_has_moved_can_be_given_and_one_that_changed_is_not_used(tmp_path: Path) -> None:
    file = corpus(tmp_path / "mine.toml")
    path = saved(tmp_path / "b.toml", said("c2", CODE), corpus=pinned(file))
    moved = file.rename(tmp_path / "moved.toml")
    lost = collect([path])
    assert list(lost.units) == ["case:c2"]
    assert any("1 case is known by id only" in line for line in lost.notes)
    assert list(collect([path], [moved]).units) == ["only in the corpus"]
    corpus(file, CORPUS.replace("Only in", "Not in"))
    assert list(collect([path]).units) == ["case:c2"]
    assert f"{file}: has none of the sessions' prompts" in collect([path], [file]).notes


def test_a_path_in_a_session_leads_to_no_file_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = corpus(tmp_path / "mine.toml")
    (tmp_path / "in").mkdir()
    pin = pinned(file).model_copy(update={"path": "../mine.toml"})
    path = saved(tmp_path / "in" / "s.toml", said("c2", CODE), corpus=pin)
    assert list(collect([path]).units) == ["only in the corpus"]  # this folder has it
    monkeypatch.chdir(tmp_path / "in")
    assert list(collect([path]).units) == ["case:c2"]


def test_gold_of_a_given_corpus_is_matched_by_prompt(tmp_path: Path) -> None:
    path = saved(tmp_path / "s.toml", prompt("c1"), said("c1", COT))
    found = collect([path], [corpus(tmp_path / "mine.toml")])
    assert found.units["prompt c1"].gold == CODE
    assert found.notes == ()


def test_what_an_annotator_saw_counts_even_where_the_corpus_says_otherwise(tmp_path: Path) -> None:
    """The same id, another text: the model was asked the corpus's."""
    file = corpus(tmp_path / "mine.toml")
    path = saved(
        tmp_path / "s.toml",
        answer(2, "small", COT, gold=COT),
        prompt("c2"),
        said("c2", CODE),
        corpus=pinned(file),
    )
    asked, seen = collect([path]).units.values()
    assert (asked.key, asked.models, asked.ratings) == ("only in the corpus", {"small": COT}, {})
    assert (seen.key, labels(seen), seen.gold) == ("prompt c2", {"ada": CODE}, None)


# --- files that are not whole ----------------------------------------------------------------------------


def test_torn_tails_and_lost_trials_are_noted(tmp_path: Path) -> None:
    path = saved(tmp_path / "s.toml", said("c1", CODE), note(2, trial="t000099", label=CODE))
    with path.open("ab") as f:
        f.write(fragment(said("c2", CODE))[:40])
    before = path.read_bytes()
    found = collect([path])
    assert f"{path}: an unfinished record of 39 bytes at the end is left out" in found.notes
    assert any("their trial is not in the file: 1 annotation" in line for line in found.notes)
    assert list(found.units) == ["case:c1"]
    assert path.read_bytes() == before


def test_a_file_that_is_no_session_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"none\.toml: no such file"):
        collect([tmp_path / "none.toml"])
    with pytest.raises(LabError, match=r"mine\.toml: not a session|mine\.toml"):
        collect([corpus(tmp_path / "mine.toml")])


def test_progress_runs_over_all_files_and_ends_with_all_bytes(tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"{i}.toml", *(said(f"c{j}", CODE) for j in range(3))) for i in range(3)]
    told: list[tuple[int, int]] = []
    collect(paths, progress=lambda done, total: told.append((done, total)))
    total = sum(path.stat().st_size for path in paths)
    assert told[-1] == (total, total)
    assert told == sorted(told)
    assert {of for _, of in told} == {total}
