"""What is kept of prompts in files, and what is looked for in them: bookmarks, templates, slots."""

import multiprocessing
from itertools import count
from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.tui.lab.bookmarks import load_bookmarks, toggle_bookmark
from routerlab.tui.lab.prompt_file import LONGEST, read_prompt
from routerlab.tui.lab.recall import MOST, prompt_hits
from routerlab.tui.lab.slots import EXAMPLE, load_templates, next_slot


@pytest.mark.parametrize(
    "prompt", ["a\r\nb\n", "\x1b[2J\u202e\x00", 'quotes """ and \\', "Schönes Wetter 🙂"]
)
def test_bookmarks_are_kept_as_they_are(tmp_path: Path, prompt: str) -> None:
    path = tmp_path / "new" / "bookmarks.toml"
    assert load_bookmarks(path) == []
    assert toggle_bookmark(path, "first")
    assert toggle_bookmark(path, prompt)
    assert load_bookmarks(path) == [prompt, "first"]
    assert not toggle_bookmark(path, prompt)
    assert load_bookmarks(path) == ["first"]


def test_a_file_that_is_no_list_of_bookmarks_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "bookmarks.toml"
    path.write_text("[[bookmark]]\nprompt = 3\n")
    with pytest.raises(LabError, match=r"bookmarks\.toml:"):
        toggle_bookmark(path, "x")
    assert path.read_text() == "[[bookmark]]\nprompt = 3\n"


def _mark_for_ever(path: Path) -> None:
    for n in count():
        toggle_bookmark(path, f"{n} " + "long " * 200)


def test_bookmarks_survive_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "bookmarks.toml"
    process = multiprocessing.get_context("fork").Process(target=_mark_for_ever, args=(path,))
    process.start()
    try:
        while len(load_bookmarks(path)) < 5:
            assert process.is_alive()
    finally:
        process.kill()  # SIGKILL
        process.join()
    kept = load_bookmarks(path)
    assert [int(prompt.split()[0]) for prompt in kept] == list(range(len(kept)))[::-1]
    assert toggle_bookmark(path, "after")  # nobody holds the lock


def test_slots_follow_one_another_and_begin_again() -> None:
    text = "Port {file} to {...}; f(x) { y }\n{\n}"
    first, second, third = (5, 11), (15, 20), (27, 32)
    assert [text[a:b] for a, b in (first, second, third)] == ["{file}", "{...}", "{ y }"]
    assert next_slot(text, (0, 0), 1) == first
    assert next_slot(text, first, 1) == second
    assert next_slot(text, (11, 5), 1) == second  # selected backwards
    assert next_slot(text, third, 1) == first
    assert next_slot(text, second, -1) == first
    assert next_slot(text, first, -1) == third
    assert next_slot("none {\n}", (0, 0), 1) is None


def test_templates_are_read_and_faults_have_a_line(tmp_path: Path) -> None:
    path = tmp_path / "templates.toml"
    assert load_templates(path) == (EXAMPLE,)
    path.write_text('[[template]]\nname = "a"\nprompt = "b {c}"\n')
    assert [(t.name, t.prompt) for t in load_templates(path)] == [("a", "b {c}")]
    path.write_text('[[template]]\nname = "a"\ntext = "b {c}"\n')
    with pytest.raises(LabError, match=r"templates\.toml:"):
        load_templates(path)


def test_prompts_are_found_by_all_words_in_any_case() -> None:
    prompts = ["Sort a list", "sort\na TREE", "haiku", *["more"] * 200]
    assert [i for i, _ in prompt_hits(prompts, "SORT a")] == [0, 1]
    assert [str(line) for _, line in prompt_hits(prompts, "tree sort")] == ["sort a TREE"]
    assert prompt_hits(prompts, "none") == []
    assert len(prompt_hits(prompts, "")) == MOST


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b" \n", "empty"),
        (b"\xff", "not UTF-8"),
        (b"x" * (LONGEST + 1), "too long"),
        (b"x" * (4 * LONGEST + 1), "too long"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_prompt_says_why(tmp_path: Path, data: bytes | None, says: str) -> None:
    path = tmp_path / "prompt.md"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(LabError, match=f"prompt.md: .*{says}"):
        read_prompt(path)


def test_a_whole_file_is_one_prompt(tmp_path: Path) -> None:
    path = tmp_path / "prompt.txt"
    path.write_bytes("\ufeff  indented\n\nlast\n\n".encode())
    assert read_prompt(path) == "  indented\n\nlast"
