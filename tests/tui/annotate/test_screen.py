"""What the annotate screen shows: hostile and huge prompts, guidelines, search, help; and how quick it is."""

from pathlib import Path

import pytest
from textual.widgets import Input, Markdown, OptionList

from routerlab.annotate.desk.item import Opinion, QueueItem
from routerlab.core.session.file import read_session
from routerlab.settings import Settings
from routerlab.tui.actions.registry import ANNOTATE_ACTIONS
from routerlab.tui.annotate.choice import Choice
from routerlab.tui.shared.dialogs import Read
from routerlab.tui.shared.find import Find
from routerlab.tui.shared.guide import Guide
from routerlab.tui.shared.longtext import LongText
from tests.annotate.desk.harness import SIX, desk, items
from tests.tui.annotate.harness import CODE, CODE2, Annotating, annotating, secret

HOSTILE = "a\x1b[2J[red]b[/red]\u202egold\x00\x07 [/x] \x9b1m\n\tc"


def item(prompt: str, name: str = "q") -> QueueItem:
    return QueueItem(name, prompt, "line 1")


def text(s: Annotating) -> LongText:
    return s.page.query_one(LongText)


async def searching(s: Annotating, *keys: str) -> Find:
    await s.keys("slash")
    await s.until(lambda: isinstance(s.app.screen, Find), "the search")
    await s.keys(*keys)
    screen = s.app.screen
    assert isinstance(screen, Find)
    return screen


# --- prompts from strangers ---


async def test_hostile_words_are_shown_as_they_are_everywhere(tmp_path: Path) -> None:
    bad = QueueItem(
        "id\x1b[31m[b]",
        HOSTILE,
        "line\u202e 1 [/]",
        "gold\x1b]0;x\x07[/b]",
        {"arm\x1b[1m[/]": ("label\u202e[/x]", 0.5)},
        {"eve\x07[/i]": Opinion("label\x9b[/]", ("also\x1b",), "note\x1b[2J[@click=app.quit]x[/]")},
    )
    async with annotating(tmp_path, [bad, item("next")], size=(160, 48), notes=("note\x1b[2J [/x]",)) as s:
        await s.shows("Before you begin", "note\\x1b[2J [/x]")
        await s.keys("escape")
        await s.shows("a\\x1b[2J[red]b[/red]\\u202egold\\x00\\x07 [/x] \\x9b1m", "    c")
        await s.shows("id\\x1b[31m[b]", "line\\u202e 1 [/]")
        await searching(s, *"gold")
        await s.shows("id\\x1b[31m[b]")
        await s.keys("escape", "n")
        await s.keys("[", "/", "b", "]", "enter")
        await s.shows("“[/b]”")
        await s.keys("1", "1", "b")
        await s.shows(
            "arm\\x1b[1m[/]",
            "label\\u202e[/x]",
            "eve\\x07[/i]",
            "also\\x1b",
            "note\\x1b[2J[@click=app.quit]x[/]",
        )
        await s.shows("gold\\x1b]0;x\\x07[/b]")
        picture = s.picture()
        assert not {"\x1b", "\u202e", "\x00", "\x07", "\x9b"} & set(picture)


MEGABYTES = {
    "words": "word " * 210_000,
    "one word": "x" * 1_050_000,
    "hostile": "\x1b[2J\u202e日本 " * 100_000,
    "lines": "\n" * 1_000_000,
}


@pytest.mark.parametrize("kind", MEGABYTES)
async def test_a_megabyte_is_all_there(tmp_path: Path, kind: str) -> None:
    async with annotating(tmp_path, [item("short"), item(f"{MEGABYTES[kind]}\nTHE END", "big")]) as s:
        await s.keys("space")
        await s.until(lambda: s.page.at == 1 and "big" in s.picture(), "the big one")
        await s.keys("1")
        await s.shows("● code/simple")
        await s.until(lambda: not text(s).wrapping, "all of it")
        text(s).scroll_end(animate=False)
        await s.shows("THE END")
        await s.keys("b")
        await s.shows("short")


async def test_the_text_scrolls_and_keeps_its_place_in_another_width(tmp_path: Path) -> None:
    words = " ".join(f"w{n:04}" for n in range(2000))
    async with annotating(tmp_path, [item(words)], size=(160, 24)) as s:
        await s.keys("j", "j", "pagedown")
        y = text(s).scroll_offset.y
        assert y == 2 + text(s).size.height - 1
        first = text(s).render_line(0).text.split()[0]
        await s.keys("g")
        await s.until(lambda: first in text(s).render_line(0).text, "the same words in a wider text")
        await s.keys("k")
        await s.until(lambda: first in text(s).render_line(1).text, "a line up")
        await s.keys("e", "e", "e")
        await s.until(lambda: text(s).scroll_offset.y == 0, "the beginning")


# --- guidelines ---


async def test_in_a_narrow_terminal_guidelines_take_the_place_of_the_prompt(tmp_path: Path) -> None:
    async with annotating(tmp_path, size=(80, 24)) as s:
        await s.shows("Prompt number 0.")
        assert "How to label" not in s.picture()
        await s.keys("g")
        await s.shows("How to label", "code/simple")
        assert "Prompt number 0." not in s.picture()
        await s.keys("pagedown", "j")
        guide = s.page.query_one(Guide)
        await s.until(lambda: guide.scroll_offset.y > 2, "further down")
        y = guide.scroll_offset.y
        await s.keys("g")
        await s.shows("Prompt number 0.")
        await s.keys("g")
        await s.until(lambda: guide.scroll_offset.y == y and "Rule" in s.picture(), "the place where one was")
        await s.keys("1", "1")  # the next prompt must be seen
        await s.shows("Prompt number 1.")
        assert not s.page.guide


async def test_in_a_wide_terminal_guidelines_stand_beside_the_prompt(tmp_path: Path) -> None:
    async with annotating(tmp_path, size=(160, 48)) as s:
        await s.shows("Prompt number 0.", "How to label")
        await s.keys("J", "J")
        await s.until(lambda: "How to label" not in s.picture(), "further down")
        await s.keys("1", "1", "K", "K")
        await s.shows("Prompt number 1.", "How to label")
        await s.keys("g")
        await s.until(lambda: "How to label" not in s.picture(), "them away")
        await s.keys("2", "2")
        await s.shows("Prompt number 2.")
        assert "How to label" not in s.picture()
        await s.pilot.resize_terminal(80, 24)
        await s.keys("g")
        await s.shows("How to label")


async def test_hostile_guidelines_end_nothing(tmp_path: Path) -> None:
    bad = "# T\x1b[2J [/x]\n\n| a | b |\n|---|---|\n| [/b] | [@click=app.quit]q[/] |\n\n[link](file:///etc/passwd)\n"
    async with annotating(tmp_path, size=(160, 48), guidelines=bad) as s:
        await s.shows("T\\x1b[2J [/x]", "[/b]", "[@click=app.quit]q[/]")
        cells = list(s.page.query_one(Markdown).query(".cell"))
        assert len(cells) == 2
        for cell in cells:
            await s.pilot.hover(cell)
            assert cell.tooltip is None
        assert s.app.focused is None


# --- search ---


async def test_search_goes_to_an_item_by_words_or_id(tmp_path: Path) -> None:
    async with annotating(tmp_path, size=(80, 24)) as s:
        await searching(s, *"NUMBER", "space", "4")
        await s.shows("Prompt number 4.", "pending")
        await s.keys("enter")
        await s.at(4)
        await searching(s, *"q-")
        await s.until(lambda: s.app.screen.query_one(OptionList).option_count == 6, "six lines")
        await s.keys("down", "down", "enter")
        await s.at(2)
        await s.keys("b")
        await s.at(4)


async def test_enter_waits_for_what_is_being_looked_for(tmp_path: Path) -> None:
    async with annotating(tmp_path) as s:
        await searching(s)
        s.app.screen.query_one(Input).value = "q-3"
        s.ahead("enter")
        await s.at(3)


async def test_a_search_that_finds_nothing_says_so(tmp_path: Path) -> None:
    async with annotating(tmp_path) as s:
        await searching(s, *"zebra")
        await s.shows("nothing found")
        await s.keys("enter", "escape")
        await s.at(0)


# --- the app around it ---


async def test_notes_come_first_and_help_has_every_key(tmp_path: Path) -> None:
    async with annotating(tmp_path, notes=("12 lines, 2 of them the same",)) as s:
        await s.shows("Before you begin", "12 lines, 2 of them the same")
        await s.keys("escape", "question_mark")
        await s.until(lambda: isinstance(s.app.screen, Read), "help")
        await s.shows("Read the prompt", "code/simple: small code is the answer")
        await s.keys(*"jjjjjjjjjjjjjjjj")
        await s.shows("Show or hide the guidelines")


async def test_the_palette_has_the_actions_and_the_settings_their_say(tmp_path: Path) -> None:
    settings = Settings(theme="nord", keys={"annotate_skip": "x", "no_such": "y"}, annotator="ada")
    async with annotating(tmp_path, settings=settings) as s:
        assert s.app.theme == "nord"
        await s.told("no action no_such")
        titles = {command.title for command in s.app.get_system_commands(s.page)}
        assert {a.label for a in ANNOTATE_ACTIONS if a.palette and not a.id[-1].isdigit()} <= titles
        assert {f"Label {name}" for name in SIX.labels} <= titles
        assert "Label" not in titles
        next(c for c in s.app.get_system_commands(s.page) if c.title == "Flag").callback()
        await s.until(lambda: s.state(0).flagged, "the flag")
        await s.keys("s", "x")
        await s.at(1)
        assert s.state(0).skipped


async def test_another_theme_and_size_keep_item_and_choice(tmp_path: Path) -> None:
    async with annotating(tmp_path) as s:
        await s.keys("space", "2", "3")
        for theme in ("textual-light", "ansi-dark", "textual-dark"):
            s.app.theme = theme
            await s.shows("● code/complex", "+ CoT/simple")
        await s.pilot.resize_terminal(80, 24)
        await s.shows("Prompt number 1.", "● code/complex", "0/6")
        assert s.page.choice == Choice(CODE2, ("CoT/simple",))


async def test_without_colours_what_is_chosen_is_still_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with annotating(tmp_path) as s:
        assert s.app.no_color
        await s.keys("1", "2")
        await s.shows("● code/simple", "+ code/complex")


async def test_a_screenshot_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with annotating(tmp_path) as s:
        await s.keys("w")
        await s.until(lambda: bool(list(tmp_path.glob("routerlab-screen-*.svg"))), "a picture")


async def test_ten_thousand_items_are_labelled_ahead_and_searched(tmp_path: Path) -> None:
    async with annotating(tmp_path, items(10_000)) as s:
        s.ahead(*["1", "enter"] * 100)
        await s.until(lambda: s.desk.count("submitted") == 100, "a hundred labels")
        await s.at(100)
        await searching(s, *"number", "space", *"9999")
        await s.shows("Prompt number 9999")
        await s.keys("enter")
        await s.at(9999)
    labels = [a.label for a in read_session(tmp_path / "made.ada.toml").session.annotations]
    assert labels == [CODE] * 100


async def test_a_queue_that_is_done_opens_at_its_end(tmp_path: Path) -> None:
    done = desk(tmp_path / "made.ada.toml", secret(2))
    done.submit(0, CODE)
    done.skip(1)
    done.file.close()
    async with annotating(tmp_path, secret(2)) as s:
        await s.shows("All 2 are done.", "1 submitted", "1 skipped")
        await s.keys("b", "1", "enter", "tab")
        await s.shows("There are no drafts.")
