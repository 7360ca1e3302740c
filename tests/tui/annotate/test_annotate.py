"""Labelling by keys: what is written, when, of which item; and what stays hidden until then."""

import asyncio
import threading
from pathlib import Path

import pytest
from textual.widgets import Input

from routerlab.core.session.file import SessionFile, read_session
from routerlab.core.taxonomy import Label, Taxonomy
from routerlab.tui.annotate.choice import Choice
from routerlab.tui.shared.find import Find
from tests.annotate.desk.harness import SIX, desk
from tests.tui.annotate.harness import AGENT, CODE, CODE2, COT, SECRETS, annotating, secret

# --- labels ---


async def test_a_label_is_chosen_then_submitted_and_the_next_item_comes(tmp_path: Path) -> None:
    async with annotating(tmp_path) as s:
        await s.shows("q-0", "Prompt number 0.", "pending 6", "0/6")
        await s.keys("1")
        await s.shows("● code/simple")
        assert s.labels() == [None] * 6
        await s.keys("3", "5")
        await s.shows("+ CoT/simple", "+ hybrid/agentic", "also fits")
        await s.keys("3", "enter")
        await s.at(1)
        await s.shows("Prompt number 1.", "pending 5", "submitted 1", "1/6")
        (event,) = read_session(tmp_path / "made.ada.toml").session.annotations
        assert (event.case, event.label, event.also, event.draft) == ("q-0", CODE, (AGENT,), None)
        await s.keys("2", "2")
        await s.at(2)
        assert s.labels()[:3] == [CODE, CODE2, None]


async def test_escape_takes_the_choice_back_and_enter_wants_one(tmp_path: Path) -> None:
    async with annotating(tmp_path) as s:
        await s.keys("1", "2", "escape", "enter")
        await s.told("choose a label first")
        assert s.page.choice == Choice()
        await s.keys("4", "4")
        await s.at(1)
        await s.keys("b", "escape", "2")
        assert s.page.choice == Choice(CODE2)
        await s.keys("escape")
        assert s.page.choice == Choice(SIX.labels[3])
        assert s.labels()[0] == SIX.labels[3]


async def test_a_submitted_label_is_changed_only_by_submitting_again(tmp_path: Path) -> None:
    async with annotating(tmp_path) as s:
        await s.keys("1", "1", "b", "escape", "2", "space")
        await s.told("the change was not submitted and is dropped")
        await s.at(1)
        assert s.labels()[0] == CODE
        await s.keys("b", "escape", "2", "enter")
        await s.at(1)
        assert s.labels()[0] == CODE2
        last = s.desk.session.annotations[-1]
        assert last.seen == "reveal"
        await s.keys("b", "enter")  # nothing new: only left
        await s.at(1)
        assert s.desk.session.annotations[-1] is last


async def test_typing_ahead_labels_the_items_that_were_meant(tmp_path: Path) -> None:
    async with annotating(tmp_path) as s:
        s.ahead("1", "enter", "2", "3", "enter", "4", "4", "s", "5", "5")
        await s.until(lambda: s.desk.done == 5, "five items done")
        four = SIX.labels[3]
        assert s.labels() == [CODE, CODE2, four, None, AGENT, None]
        assert s.state(1).said is not None
        assert s.state(1).said.also == (COT,)  # type: ignore[union-attr]
        assert s.state(3).skipped
        await s.at(5)


async def test_keys_wait_until_the_record_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    append = SessionFile.append

    def slow(file: SessionFile, event: object) -> None:
        gate.wait(5)
        append(file, event)  # type: ignore[arg-type]

    async with annotating(tmp_path) as s:
        monkeypatch.setattr(SessionFile, "append", slow)
        s.ahead("1", "enter", "2", "2", "n")
        await s.until(lambda: s.page.choice == Choice(CODE), "the first key")
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert s.page.at == 0
        assert s.labels() == [None] * 6
        gate.set()
        await s.until(lambda: s.labels()[:3] == [CODE, CODE2, None], "both labels")
        await s.until(lambda: bool(s.app.screen.query(Input)), "the note of the third item")
        await s.keys(*"third")
        await s.keys("enter")
        await s.until(lambda: s.state(2).note == "third", "the note")


async def test_labels_beyond_nine_are_found_by_typing(tmp_path: Path) -> None:
    many = SIX.model_copy(
        update={
            "label": tuple(Label(name=f"kind/{n}", family=f"f{n % 3}", cue=f"cue {n}") for n in range(1, 24))
        }
    )
    taxonomy = Taxonomy.model_validate(many.model_dump())
    async with annotating(tmp_path, taxonomy=taxonomy, size=(80, 24)) as s:
        await s.shows("kind/9", "all 23 labels")
        assert "kind/10" not in s.picture()
        await s.keys("l")
        await s.until(lambda: isinstance(s.app.screen, Find), "the list")
        await s.keys(*"KIND/17")
        await s.keys("enter")
        await s.until(lambda: s.page.choice == Choice("kind/17"), "the choice")
        await s.shows("● kind/17")
        await s.keys("l")
        await s.until(lambda: isinstance(s.app.screen, Find), "the list again")
        await s.keys(*"cue", "space", *"21")
        await s.keys("enter")
        await s.shows("+ kind/21")
        await s.keys("9", "enter")
        await s.at(1)
        assert s.state(0).said is not None
        assert s.state(0).said.also == ("kind/21", "kind/9")  # type: ignore[union-attr]


async def test_labels_of_an_older_taxonomy_are_shown_and_kept(tmp_path: Path) -> None:
    older = desk(tmp_path / "made.ada.toml", secret(6))
    older.draft(0, "old/label")
    older.submit(1, "older/label")
    older.file.close()
    async with annotating(tmp_path) as s:
        await s.keys("tab")
        await s.shows("● old/label", "(older taxonomy)")
        await s.keys("enter")
        await s.told("old/label is not in this taxonomy")
        await s.keys("tab")
        await s.shows("● older/label", "(older taxonomy)")
        assert s.labels()[:2] == ["old/label", "older/label"]
        await s.keys("2")
        assert s.page.choice == Choice(CODE2)


# --- blind ---


async def test_nothing_of_others_is_on_the_screen_before_the_label_is_submitted(tmp_path: Path) -> None:
    async with annotating(tmp_path, size=(160, 48)) as s:
        for keys in (
            [],
            ["1"],
            ["2"],
            ["f"],
            ["space"],
            ["b"],
            ["tab"],
            ["tab", "tab"],
            ["tab", "tab"],
            ["s"],
        ):
            await s.keys(*keys)
            await s.pilot.pause()
            assert not any(word in s.picture() for word in SECRETS), keys
        await s.keys("slash")
        await s.until(lambda: isinstance(s.app.screen, Find), "the search")
        await s.keys(*"prompt")
        await s.shows("Prompt number 5.")
        assert not any(word in s.picture() for word in SECRETS)


async def test_a_submitted_label_reveals_that_item_and_no_other(tmp_path: Path) -> None:
    async with annotating(tmp_path, size=(160, 48)) as s:
        await s.keys("1", "1")
        await s.shows("last q-0", "you code/simple", "gold secret/gold", "1 of 2 models agree", "ben")
        assert "secret note" not in s.picture()
        assert "arm-one" not in s.picture()
        await s.keys("b")
        await s.shows(
            "arm-one", "secret/model", ".83", "arm-two", "secret/person", "secret note", "also CoT/simple"
        )
        await s.keys("u")  # it cannot be unseen
        await s.shows("undone: label code/simple of q-0", "arm-one")
        await s.until(lambda: s.desk.count("pending") == 6, "the label undone")
        await s.keys("space")
        await s.at(1)
        await s.until(lambda: "arm-one" not in s.picture(), "the next item, blind")


async def test_suggestions_are_shown_first_and_marked(tmp_path: Path) -> None:
    items = secret(2)
    items[0] = type(items[0])("q-0", "One?", "line 1", None, {"a": (CODE2, 0.5), "b": (CODE2, 0.6)})
    async with annotating(tmp_path, items, "suggest", size=(80, 24)) as s:
        await s.shows("Suggested by the models", "◂ suggested", "suggestions shown")
        await s.keys("1", "1")
        await s.shows("none: no majority", "0 of 2 models agree")
        assert "arm-one" not in s.picture()
        (event,) = s.desk.session.annotations
        assert (event.seen, event.suggested) == ("suggestion", CODE2)


async def test_an_adjudication_shows_both_sides_and_needs_a_reason(tmp_path: Path) -> None:
    async with annotating(tmp_path, mode="adjudicate", size=(80, 24)) as s:
        await s.shows("adjudication", "ben", "secret/person", "also CoT/simple", "secret note")
        assert not any(word in s.picture() for word in ("arm-one", "secret/model", "secret/gold"))
        await s.keys("1", "1")
        await s.shows("Why code/simple?")
        await s.keys("enter")
        await s.shows("a decision needs a reason")
        await s.keys("escape")
        await s.until(lambda: s.app.screen is s.page, "the screen")
        assert s.labels()[0] is None
        assert s.page.choice == Choice(CODE)
        await s.keys("enter", *"rule 3".replace(" ", ""), "enter", "2")
        await s.at(1)
        (event,) = s.desk.session.annotations
        assert (event.label, event.note, event.decides) == (CODE, "rule3", {"ben": "secret/person"})
        await s.keys("escape", "b")
        await s.shows("arm-one", "secret/gold")
