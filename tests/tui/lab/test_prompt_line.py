"""The prompt line by keys: many lines, finding, editing again, templates, bookmarks, and a watched file."""

import asyncio
import os
from pathlib import Path

import pytest
from textual import events
from textual.widgets import OptionList

from routerlab.core.prediction import Prediction
from routerlab.paths import bookmarks_file, templates_file
from routerlab.settings import Settings
from routerlab.tui.lab.bookmarks import load_bookmarks
from routerlab.tui.lab.mode import LabMode
from routerlab.tui.lab.prompt_line import PromptLine
from routerlab.tui.shared.find import Find
from tests.engine.lab.test_lab import reopened
from tests.tui.harness import Sitting, app_in, sitting
from tests.tui.scripted import NOW, bench, specs


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config and a data folder of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def line(s: Sitting) -> PromptLine:
    return s.screen.query_one(PromptLine)


def listed(s: Sitting) -> list[str]:
    """What the dialog lists."""
    return [str(option.prompt) for found in s.app.screen.query(OptionList) for option in found.options]


async def found(s: Sitting, *shown: str) -> None:
    """Wait for the dialog with these in its list, each at the beginning of a line."""
    await s.until(lambda: isinstance(s.app.screen, Find), "the dialog")
    await s.until(lambda: len(listed(s)) == len(shown), f"{shown} in the list")
    assert all(entry.startswith(start) for entry, start in zip(listed(s), shown, strict=True))


async def told(s: Sitting, words: str) -> None:
    """Wait for a toast with these words, however it is wrapped."""
    await s.until(lambda: any(words in note.message for note in s.app._notifications), words)


async def sent(s: Sitting, *prompts: str) -> None:
    for prompt in prompts:
        await s.type(prompt)
        await s.pilot.press("enter")
    await s.until(lambda: s.table.row_count == len(prompts), "the rows")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_many_pasted_lines_grow_the_line_to_a_third_and_are_one_prompt(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with sitting(tmp_path, arms=6, size=size) as s:
        before = 3 if size[1] >= 40 else 1  # with its border where there is room for one
        await s.until(lambda: line(s).outer_size.height == before, "one line")
        s.app.post_message(events.Paste("one\rtwo\r\nthree"))
        await s.until(lambda: line(s).outer_size.height == before + 2, "two more lines")
        s.app.post_message(events.Paste("\nx" * 200))
        third = size[1] // 3
        await s.until(lambda: third - 1 <= line(s).outer_size.height <= third, "a third of the screen")
        await s.until(lambda: not s.screen._dirty, "the rest in its room")
        assert s.table.region.bottom <= size[1]
        assert s.table.size.height >= 3
        await s.pilot.press("enter")
        await s.until(lambda: bool(s.script.asked), "the question")
        assert s.script.asked[0][1] == "one\ntwo\nthree" + "\nx" * 200
        await s.until(lambda: line(s).outer_size.height == before, "one line again")


async def test_a_prompt_is_found_by_its_words_and_comes_into_the_line(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        await sent(s, "sort a list", "write a haiku", "sort a tree")
        await s.type("draft")
        await s.pilot.press("ctrl+r")
        await found(s, "sort a tree", "write a haiku", "sort a list")
        await s.type("SORT")
        dialog = s.app.screen
        await s.until(lambda: isinstance(dialog, Find) and dialog._found == "SORT", "the words looked for")
        assert listed(s) == ["sort a tree", "sort a list"]
        await s.pilot.press("down", "enter")
        await s.until(lambda: line(s).text == "sort a list", "the prompt in the line")
        assert line(s).has_focus
        await s.pilot.press("ctrl+z")
        assert line(s).text == "draft"
        await s.pilot.press("ctrl+r", "escape")
        await s.until(lambda: s.app.screen is s.screen, "the lab again")
        assert line(s).text == "draft"


async def test_prompts_of_earlier_sittings_come_back(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        await sent(s, "one", "two")
        await s.type("one")
        await s.pilot.press("enter")
        await s.until(lambda: s.table.row_count == 3, "the third row")
        assert s.lab.typed == ["two", "one"]
    made = await reopened(s.bench)
    assert made.lab.typed == ["two", "one"]
    mode = LabMode(made.lab, [], now=lambda: NOW)
    app = app_in(mode, made.lab.settings)
    async with app.run_test(size=(120, 40)) as pilot:
        here = Sitting(app, mode, pilot, made)
        await pilot.press("up", "up")
        assert line(here).text == "two"
        await pilot.press("ctrl+r")
        await found(here, "one", "two")


async def test_an_old_question_is_edited_and_sent_again(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        await s.replayed()
        await s.pilot.press("escape", "k")
        await s.shows("looking at #11")
        await s.pilot.press("i")
        case = s.lab.cases()[-2].prompt
        await s.until(lambda: line(s).has_focus and line(s).text == case, "the case's prompt")
        await s.type("!")
        await s.pilot.press("enter")
        await s.until(lambda: s.lab.session.trials[-1].prompt == f"{case}!", "the answer")


async def test_tab_goes_from_slot_to_slot_and_then_on(tmp_path: Path) -> None:
    templates_file().parent.mkdir(parents=True)
    templates_file().write_text('[[template]]\nname = "port"\nprompt = "Port {file}\\nto {language}."\n')
    async with sitting(tmp_path, arms=1) as s:
        await s.pilot.press("ctrl+t")
        await found(s, "port  Port {file} to {language}.")
        await s.pilot.press("enter")
        await s.until(lambda: line(s).selected_text == "{file}", "the first slot")
        await s.pilot.press("tab")
        assert line(s).selected_text == "{language}"
        await s.pilot.press("shift+tab")
        assert line(s).selected_text == "{file}"
        await s.type("a.c")
        await s.pilot.press("tab")
        await s.type("Rust")
        assert line(s).text == "Port a.c\nto Rust."
        await s.pilot.press("tab")
        assert s.table.has_focus


async def test_braces_that_were_typed_are_no_slots(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        line(s).insert("what does {x} print?")
        await s.pilot.press("tab")
        assert s.table.has_focus


async def test_without_a_file_there_is_an_example_and_a_faulty_one_is_told(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        await s.pilot.press("ctrl+t")
        await found(s, "example  Write a {language} function")
        await s.pilot.press("escape")
        await s.until(lambda: s.app.screen is s.screen and line(s).has_focus, "the lab again")
        templates_file().parent.mkdir(parents=True)
        templates_file().write_text("[[template]]\nname = 3\n")
        await s.pilot.press("ctrl+t")
        await told(s, "templates.toml:1: template[0].prompt: missing")
        assert s.app.screen is s.screen


async def test_bookmarks_are_marked_listed_sent_again_and_unmarked(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        await s.pilot.press("ctrl+o")
        await told(s, "no bookmarks yet")
        await sent(s, "one", "two")
        await s.pilot.press("escape", "k")
        await s.shows("looking at #1")
        await s.pilot.press("b")
        await s.until(lambda: load_bookmarks(bookmarks_file()) == ["one"], "the question's prompt")
        await s.pilot.press("escape", "escape")
        await s.until(lambda: line(s).has_focus, "the prompt line")
        await s.type("three")
        await s.pilot.press("ctrl+g")
        await s.until(lambda: load_bookmarks(bookmarks_file()) == ["three", "one"], "what was written")
        await s.pilot.press("ctrl+o")
        await found(s, "three", "one")
        await s.pilot.press("down", "enter")
        await s.until(lambda: line(s).text == "one", "the bookmark in the line")
        await s.pilot.press("ctrl+g")
        await s.until(lambda: load_bookmarks(bookmarks_file()) == ["three"], "no mark any more")
        await s.pilot.press("enter")
        await s.until(lambda: len(s.script.asked) == 3, "the question again")
        assert s.script.asked[-1][1] == "one"


async def test_the_strip_tells_each_answer_as_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sitting(tmp_path, arms=2, settings=Settings(schedule="parallel")) as s:
        slow, gate = s.lab.arms["qwen2.5-coder-0.5b"], asyncio.Event()
        ask = slow.ask

        async def late(prompt: str, timeout_s: float) -> Prediction:
            await gate.wait()
            return await ask(prompt, timeout_s)

        monkeypatch.setattr(slow, "ask", late)
        await s.type("hi")
        await s.pilot.press("enter")
        await s.shows("smollm2-135m says ")
        gate.set()
        both = ("all 2 say", "no two agree")
        await s.until(lambda: any(words in s.picture() for words in both), "both answers")


async def test_a_watched_file_is_asked_at_the_start_and_when_it_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "prompt.md"
    path.write_text("first\n\nof two paragraphs\n")
    made = bench(tmp_path)
    mode = LabMode(made.lab, specs(1), now=lambda: NOW, watch=path)
    app = app_in(mode, made.lab.settings)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        s = Sitting(app, mode, pilot, made)

        def asked() -> list[str]:
            return [prompt for _, prompt in made.script.asked]

        await s.until(lambda: asked() == ["first\n\nof two paragraphs"], "the file as it is")
        path.write_text("second\n")
        await s.until(lambda: asked()[1:] == ["second"], "the file as it was saved")
        path.write_bytes(b"\xff")
        await told(s, "prompt.md: not UTF-8 text")
        path.unlink()
        await told(s, "prompt.md: cannot be read")
        new = tmp_path / "new"
        new.write_text("third")
        os.replace(new, path)  # as editors save
        await s.until(lambda: asked()[2:] == ["third"], "the file that took its place")
        await s.until(lambda: s.table.row_count == 3, "three rows")


async def test_what_is_shown_from_elsewhere_does_not_lose_what_was_being_written(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        await s.type("half a prompt")
        s.screen.show_prompt("another prompt")
        assert line(s).text == "another prompt"
        await s.pilot.press("ctrl+z")
        assert line(s).text == "half a prompt"
