"""What else an annotator writes by keys: undo, drafts, skips, notes; full disks, and ways to leave."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from routerlab.core.errors import Exit
from routerlab.core.session.file import SessionFile, read_session
from routerlab.core.session.session import State
from routerlab.tui.annotate.choice import Choice
from routerlab.tui.shared.find import Find
from tests.annotate.desk.harness import desk
from tests.tui.annotate.harness import CODE, CODE2, COT, SECRETS, annotating, counts, secret

pytestmark = pytest.mark.whole  # long sittings


async def test_undo_goes_back_to_the_beginning_also_of_an_earlier_sitting(tmp_path: Path) -> None:
    earlier = desk(tmp_path / "made.ada.toml", secret(6))
    earlier.submit(4, CODE)
    earlier.note(4, "odd")
    earlier.file.close()
    async with annotating(tmp_path) as s:
        await s.keys("1", "1", "s", "f", "2")
        await s.keys("u")
        await s.told("the choice is taken back")
        assert s.page.choice == Choice()
        for told, item in (
            ("flag of q-2", 2),
            ("skip of q-1", 1),
            ("label code/simple of q-0", 0),
            ("note of q-4", 4),
            ("label code/simple of q-4", 4),
        ):
            await s.keys("u")
            await s.told(f"undone: {told}")
            await s.at(item)
        await s.keys("u")
        await s.told("nothing to undo")
        assert counts(s.desk) == {"pending": 6}


@pytest.mark.parametrize("keys", [("space",), ("b",), ("tab",), ("slash", *"number", "enter"), ("ctrl+q",)])
async def test_a_choice_that_is_left_becomes_a_draft(tmp_path: Path, keys: tuple[str, ...]) -> None:
    async with annotating(tmp_path) as s:
        await s.keys("space", "2", "3")
        await s.at(1)
        for key in keys:
            await s.keys(key)
            if key == "slash":
                await s.until(lambda: isinstance(s.app.screen, Find), "the search")
        await s.until(lambda: s.state(1).draft, "a draft")
        assert s.state(1).said is not None
        assert s.state(1).said.also == (COT,)  # type: ignore[union-attr]
        assert counts(s.desk) == {"pending": 5, "draft": 1}
    with desk(tmp_path / "made.ada.toml", secret(6)).file as file:
        assert file.session.current("q-1", "case").draft


async def test_an_app_that_ends_while_it_is_left_has_closed_its_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with annotating(tmp_path) as s:
        finish = s.page.finish

        async def slowly() -> None:
            await asyncio.sleep(0.3)
            await finish()

        monkeypatch.setattr(s.page, "finish", slowly)
        await s.app.leave()
    desk(tmp_path / "made.ada.toml", secret(6)).file.close()
    await s.app.catch_up(s.page)  # no screen is left that could have keys


async def test_a_draft_is_found_again_and_submitted(tmp_path: Path) -> None:
    async with annotating(tmp_path) as s:
        await s.keys("2", "space", "tab")
        await s.shows("● code/complex", "draft 1")
        await s.keys("enter")
        await s.shows("There are no drafts.", "5 pending", "1 submitted")
        assert s.state(0) == State(CODE2)
        await s.keys("1", "enter", "s", "n", "f")  # no item, nothing to do
        assert len(s.desk.session.annotations) == 2
        await s.keys("b")
        await s.at(0)


async def test_skip_flag_and_note(tmp_path: Path) -> None:
    async with annotating(tmp_path) as s:
        await s.keys("n")
        await s.shows("Note")
        await s.keys(*"why", "space", *"so")
        await s.keys("enter")
        await s.shows("“why so”")
        await s.keys("f")
        await s.shows("⚑ flagged", "flagged 1")
        await s.keys("f")
        await s.told("flagged already")
        await s.keys("1", "n", "end", "!", "enter")
        await s.until(lambda: s.state(0).note == "why so!", "the note")
        assert s.page.choice == Choice(CODE)
        await s.keys("enter")
        await s.at(1)
        assert s.state(0) == State(CODE, flagged=True, note="why so!")
        await s.keys("3", "s")
        await s.at(2)
        assert s.state(1) == State(skipped=True)
        assert counts(s.desk) == {"pending": 4, "submitted": 1, "skipped": 1, "flagged": 1}


async def test_queues_are_walked_through(tmp_path: Path) -> None:
    async with annotating(tmp_path) as s:
        await s.keys("1", "1", "s", "2", "2", "f")
        await s.keys("shift+tab")
        await s.at(3)
        await s.keys("shift+tab")
        await s.at(1)
        await s.shows("skipped")
        await s.keys("shift+tab")
        await s.at(0)
        await s.keys("right")
        await s.at(2)
        await s.keys("space")
        await s.at(0)
        await s.keys("left")
        await s.at(2)
        await s.keys("tab", "tab", "tab")
        await s.at(3)
        assert s.page.queue == "pending"


async def test_back_goes_where_one_came_from_then_to_what_stands_before(tmp_path: Path) -> None:
    earlier = desk(tmp_path / "made.ada.toml", secret(6))
    earlier.submit(0, CODE)
    earlier.submit(1, CODE)
    earlier.file.close()
    async with annotating(tmp_path) as s:
        await s.at(2)
        await s.keys("1", "1", "space", "b", "b")
        await s.at(2)
        await s.keys("b", "b")
        await s.at(0)
        await s.keys("b")
        await s.told("this is the first")
        await s.keys("space")
        await s.at(3)


async def test_the_end_says_what_is_left_where(tmp_path: Path) -> None:
    async with annotating(tmp_path, secret(3), size=(80, 24)) as s:
        s.ahead("1", "1", "s", "2", "space")
        await s.shows("Nothing is pending.", "1 draft")
        await s.keys("tab", "enter", "shift+tab")
        await s.shows("All 3 are done.", "2 submitted", "1 skipped", "3/3")
        await s.keys("u")
        await s.until(lambda: s.desk.done == 2, "one taken back")


async def test_the_only_item_stays(tmp_path: Path) -> None:
    async with annotating(tmp_path, secret(1)) as s:
        await s.keys("space")
        await s.told("nothing else is pending")
        await s.at(0)


async def test_pace_and_time_left(tmp_path: Path) -> None:
    async with annotating(tmp_path) as s:
        assert "each" not in s.picture()
        await s.keys("1", "1", "1", "1", "1", "1")
        await s.shows("3/6", "4 s each", "12 s left")


# --- the disk ---


@contextmanager
def full(file: SessionFile) -> Iterator[None]:
    """The disk of this file is full."""
    real, device = os.dup(file._fd), os.open("/dev/full", os.O_WRONLY)
    os.dup2(device, file._fd)
    try:
        yield
    finally:
        if file._fd >= 0:
            os.dup2(real, file._fd)
        os.close(real)
        os.close(device)


async def test_a_full_disk_stops_the_labelling_and_loses_nothing(tmp_path: Path) -> None:
    async with annotating(tmp_path, size=(160, 48)) as s:
        with full(s.desk.file):
            s.ahead("1", "enter", "2", "enter", "s")
            await s.told("cannot be written")
            await s.shows("not saved: 2 records wait")
            await s.until(lambda: len(s.app._notifications) == 4, "every further key that would write")
            assert s.page.at == 0
            assert s.labels() == [CODE, None, None, None, None, None]
            assert not any(word in s.picture() for word in SECRETS)
        await s.keys("enter")
        await s.at(1)
        await s.until(lambda: "not saved" not in s.picture(), "the notice gone")
        assert read_session(tmp_path / "made.ada.toml").session.current("q-0", "case").label == CODE


async def test_leaving_with_a_full_disk_tries_again_and_says_where_the_records_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with annotating(tmp_path) as s:
        await s.keys("1", "1", "2")
        with full(s.desk.file):
            await s.keys("ctrl+q")
            await s.until(lambda: s.app.return_code is not None, "the end")
    assert s.app.return_code == Exit.USAGE
    assert "full; the last records (2) are in" in " ".join(capfd.readouterr().err.split())
    (rescued,) = tmp_path.glob("*.rescued.toml")
    assert 'label = "code/complex"' in rescued.read_text()


@pytest.mark.parametrize("keys", [("ctrl+q",), ("q",), ("ctrl+c", "ctrl+c")])
async def test_ways_to_leave_close_the_file(tmp_path: Path, keys: tuple[str, ...]) -> None:
    async with annotating(tmp_path) as s:
        await s.keys("1", *keys)
        await s.until(lambda: s.app.return_code is not None, "the end")
        assert s.app.return_code == 0
    with desk(tmp_path / "made.ada.toml", secret(6)).file as file:
        assert file.session.current("q-0", "case").draft


async def test_keys_typed_before_leaving_take_effect(tmp_path: Path) -> None:
    async with annotating(tmp_path) as s:
        s.ahead("1", "enter", "2", "ctrl+q")
        await s.until(lambda: s.app.return_code is not None, "the end")
    with desk(tmp_path / "made.ada.toml", secret(6)).file as file:
        first, second = (file.session.current(name, "case") for name in ("q-0", "q-1"))
        assert (first.label, first.draft, second.label, second.draft) == (CODE, False, CODE2, True)
