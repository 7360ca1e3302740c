"""Learning from annotations: which of them become cases, and which are left out and counted."""

from datetime import timedelta

from routerlab import resources
from routerlab.core.corpus import Case, Corpus
from routerlab.core.files.toml import load_toml
from routerlab.core.session.session import Annotation, Session
from routerlab.tune.cases import training
from routerlab.tune.learn import annotated
from tests.core.session.harness import HEADER, note, trial
from tests.tune.harness import case, pool, taxonomy

POOL = pool("abc" * 4)
SIXTY = load_toml(resources.ROUTING60, Corpus)


def session(*events: object) -> Session:
    made = Session(HEADER)
    for event in events:
        made.add(event)  # type: ignore[arg-type]
    return made


def having(**prompts: str) -> Corpus:
    """A corpus with these prompts, by their case's id with _ for -."""
    return pool("", case=tuple(Case(id=name.replace("_", "-"), prompt=p) for name, p in prompts.items()))


def typed(n: int, prompt: str) -> object:
    """A trial of a prompt that somebody typed."""
    return trial(n, case=None, prompt=prompt)


def about(n: int, target: int, label: str | None, **more: object) -> Annotation:
    return note(n, trial=f"t{target:06d}", label=label, **more)  # type: ignore[arg-type]


def test_typed_prompts_and_cases_become_cases() -> None:
    one = session(
        typed(1, "sort numbers"),
        trial(2, case="X-7"),
        about(1, 1, "a"),
        about(2, 2, "b", annotator="bob"),
        note(3, trial=None, case="X-8", label="c"),
    )
    cases, notes = annotated([(one, having(X_7="bake bread", X_8="book a train"))], POOL)
    assert [(c.prompt, c.label) for c in cases] == [
        ("sort numbers", "a"),
        ("bake bread", "b"),
        ("book a train", "c"),
    ]
    assert [c.author for c in cases] == ["ada", "bob", "ada"]
    assert {c.source for c in cases} == {"s1"}
    assert len({c.id for c in cases}) == 3
    assert notes == []


def test_prompts_of_the_held_out_test_are_left_out_and_counted() -> None:
    stolen = SIXTY.case[3].prompt
    one = session(
        typed(1, f"  {stolen.upper()} "), trial(2, case="R60"), typed(3, "fine"),
        about(1, 1, "a"), about(2, 2, "a"), about(3, 3, "a"),
    )  # fmt: skip
    cases, notes = annotated([(one, having(R60=stolen))], POOL)
    assert [c.prompt for c in cases] == ["fine"]
    assert notes == ["2 annotations left out: in routing60, the held-out test"]


def test_prompts_of_the_corpus_are_left_out_and_counted() -> None:
    one = session(typed(1, f"{POOL.case[2].prompt.upper()}\n"), about(1, 1, "a"))
    assert annotated([(one, None)], POOL) == ([], ["1 annotation left out: in the corpus already"])


def test_prompts_that_are_not_here_are_counted() -> None:
    one = session(
        trial(1, case="gone"), about(1, 1, "a"), about(2, 99, "a"),
        note(3, trial=None, case="away", label="b"),
    )  # fmt: skip
    assert annotated([(one, having(other="x"))], POOL) == (
        [],
        ["3 annotations left out: without a prompt here"],
    )


def test_a_correction_counts_and_an_undo_brings_the_former_back() -> None:
    one = session(
        typed(1, "one"), typed(2, "two"), typed(3, "three"),
        about(1, 1, "a"), about(2, 1, "b"),
        about(3, 2, "a"), about(4, 2, "b"), about(5, 2, None, action="undo"),
        about(6, 3, "a"), about(7, 3, None, action="undo"),
    )  # fmt: skip
    cases, notes = annotated([(one, None)], POOL)
    assert [(c.prompt, c.label) for c in cases] == [("one", "b"), ("two", "a")]
    assert notes == []


def test_notes_skips_and_flags_are_no_labels() -> None:
    one = session(
        typed(1, "one"), typed(2, "two"), typed(3, "three"),
        about(1, 1, None, note="hm"), about(2, 2, "a"), about(3, 2, None, action="skip"),
        about(4, 3, "a"), about(5, 3, None, action="flag"),
    )  # fmt: skip
    notes = ["1 annotation left out: flagged for another look"]
    assert annotated([(one, None)], POOL) == ([], notes)


def test_the_last_label_of_a_repeated_prompt_counts_over_all_sessions() -> None:
    first = session(typed(1, "Sort  numbers"), about(1, 1, "a"))
    second = session(typed(1, "sort numbers"), about(1, 1, "b"))
    cases, _ = annotated([(first, None), (second, None)], POOL)
    assert [(c.prompt, c.label) for c in cases] == [("sort numbers", "b")]
    cases, _ = annotated([(second, None), (first, None)], POOL)
    assert [c.label for c in cases] == ["a"]


def test_the_latest_label_counts_in_whichever_order_sessions_come_and_two_people_are_told_of() -> None:
    later = HEADER.created + timedelta(days=30)
    first = session(typed(1, "sort numbers"), about(1, 1, "a"))
    second = session(
        typed(1, "sort numbers"), about(1, 1, "b", annotator="bob").model_copy(update={"at": later})
    )
    for both in ([(first, None), (second, None)], [(second, None), (first, None)]):
        cases, notes = annotated(both, POOL)
        assert [(c.label, c.author) for c in cases] == [("b", "bob")]
        assert notes == ["1 prompt labelled differently by several people: the latest label counts"]


def test_what_fits_as_well_is_kept_and_ids_are_free_ones() -> None:
    taken = pool("", case=(case(0, "a", id="annotation-1"),))
    one = session(typed(1, "sort numbers"), about(1, 1, "a", also=("b",)))
    cases, _ = annotated([(one, None)], taken)
    assert [(c.id, c.also) for c in cases] == [("annotation-2", ("b",))]


def test_ids_stay_unique_after_a_correction() -> None:
    """Two cases of one id: the second would be left out as a duplicate when they are fitted to."""
    one = session(
        typed(1, "one"), typed(2, "two"), about(1, 1, "a"), about(2, 1, "b"), about(3, 2, "c")
    )  # fmt: skip
    cases, _ = annotated([(one, None)], POOL)
    grown = POOL.model_copy(update={"case": (*POOL.case, *cases)})
    found = training(grown, taxonomy(), "annotations")
    assert [(c.prompt, c.label) for c in found.cases[len(POOL.case) :]] == [("one", "b"), ("two", "c")]
    assert found.warnings == ()


def test_a_label_of_another_taxonomy_is_left_out_later_in_words() -> None:
    one = session(typed(1, "one"), about(1, 1, "elsewhere"))
    cases, _ = annotated([(one, None)], POOL)
    grown = POOL.model_copy(update={"case": (*POOL.case, *cases, case(50, "a"))})
    found = training(grown, taxonomy(), "annotations")
    assert len(found.cases) == len(POOL.case) + 1
    assert "unknown label 'elsewhere'" in found.warnings[0]
