"""`routerlab corpus promote`: what is shown, asked, refused and written."""

import os
import pty
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from routerlab.annotate.corpus import file as corpusfile
from routerlab.cli.main import app
from routerlab.core.corpus import Corpus, load_corpus
from routerlab.core.errors import LabError
from routerlab.core.files.lock import lock_beside
from routerlab.core.files.toml import load_toml
from routerlab.core.session.session import CaseRecord
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import ROUTING60, TAXONOMY
from tests.annotate.sessions import CODE, COT, prompt, said, saved
from tests.conftest import PATIENCE_S

SIX = load_taxonomy(TAXONOMY)
MINE = """\
# My cases. Do not sort!
schema_version = 1
name = "mine"
taxonomy = "front-door"

[[case]]   # the first
id = 'a'
label = "code/simple"
prompt = "sort it"   # short

# waits for a label
[[case]]
id     = "b"
prompt = '''Prompt
c2'''
"""
ASKED = "nothing written: say --yes"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("mine.toml")
    path.write_text(MINE)
    return path


@pytest.fixture
def ada(mine: Path) -> Path:
    """ada labels what waits, and a new prompt."""
    records = (prompt("c1"), said("c1", CODE), prompt("c2"), said("c2", COT, at=7))
    return saved(Path("ada.toml"), *records, id="s")


def run(*args: object) -> tuple[int, str, str]:
    """Exit code, stdout, stderr; an error is the last line of stderr."""
    result = CliRunner().invoke(app, ["corpus", "promote", *map(str, args)])
    if isinstance(result.exception, LabError):
        return result.exception.code, result.stdout, f"{result.stderr}{result.exception}"
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def started(ada: Path, mine: Path, stdin: int) -> "subprocess.Popen[bytes]":
    """The command with something to read an answer from."""
    command = [sys.executable, "-m", "routerlab", "corpus", "promote", str(ada), "--into", str(mine)]
    return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


FILLED = """\
id     = "b"
label = "CoT/simple"
annotated = { annotators = ["ada"], at = 2026-11-23T19:40:10.120Z, sessions = ["s"], agreement = "1 of 1" }
"""
ADDED = """
[[case]]
id = "MINE-001"
label = "code/simple"
annotated = { annotators = ["ada"], at = 2026-11-23T19:40:03.120Z, sessions = ["s"], agreement = "1 of 1" }
prompt = "Prompt c1"
"""


def test_the_file_gains_labels_and_cases_and_keeps_the_rest(mine: Path, ada: Path) -> None:
    code, out, err = run(ada, "--into", mine, "--yes")
    assert code == 0
    assert mine.read_text() == MINE.replace('id     = "b"\n', FILLED) + ADDED
    assert err == "mine.toml: 1 case and 1 label added\n"
    real = mine.resolve()
    assert out.splitlines()[:3] == [f"--- {real}", f"+++ {real} (new)", "@@ -11,5 +11,13 @@"]
    changed = [line for line in out.splitlines()[3:] if line[0] in "+-"]
    assert changed == [f"+{line}" for line in (*FILLED.splitlines()[1:], *ADDED.splitlines())]
    assert [case.label for case in load_corpus(mine, SIX).case] == ["code/simple", COT, CODE]


def test_without_a_terminal_nothing_is_written_unless_yes(mine: Path, ada: Path) -> None:
    code, out, err = run(ada, "--into", mine)
    assert (code, err) == (2, ASKED)
    assert "+prompt = " in out
    assert mine.read_text() == MINE


@pytest.mark.parametrize(("answer", "written"), [(b"y\n", True), (b"n\n", False), (b"\n", False)])
def test_on_a_terminal_it_is_asked(mine: Path, ada: Path, answer: bytes, written: bool) -> None:
    ours, theirs = pty.openpty()
    with started(ada, mine, theirs) as process:
        os.write(ours, answer)
        out, err = process.communicate(timeout=PATIENCE_S)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, err
    assert b"+prompt = " in out
    assert b"add 1 case and 1 label to mine.toml? [y/N]" in err
    assert (b"nothing written" in err) != written
    assert (mine.read_text() != MINE) == written


def test_promoting_again_is_refused_and_changes_nothing(mine: Path, ada: Path) -> None:
    assert run(ada, "--into", mine, "--yes")[0] == 0
    before = mine.read_bytes()
    code, out, err = run(ada, "--into", mine, "--yes")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "refused: c1: duplicate: the corpus has it as MINE-001",
        "refused: c2: duplicate: the corpus has it as b",
        "nothing written: 2 refused; decide conflicts with `routerlab corpus adjudicate` or correct the "
        "file, or leave these out with --skip",
    ]
    code, out, err = run(ada, "--into", mine, "--yes", "--skip")
    assert (code, out, err.splitlines()[2:]) == (0, "", ["nothing to add"])
    assert mine.read_bytes() == before


def test_with_any_refusal_nothing_is_written_unless_skipped(mine: Path, ada: Path) -> None:
    ben = saved(Path("ben.toml"), prompt("c2"), said("c2", CODE, "ben"))
    code, out, err = run(ada, ben, "--into", mine, "--yes")
    assert (code, out) == (2, "")
    assert err.startswith(
        f"refused: c2: conflict: ada says {COT}, ben says {CODE}\nnothing written: 1 refused"
    )
    assert mine.read_text() == MINE
    assert run(ada, ben, "--into", mine, "--yes", "--skip")[0] == 0
    assert mine.read_text() == MINE + ADDED


def test_the_held_out_test_stays_as_it_is(ada: Path, tmp_path: Path) -> None:
    before = ROUTING60.read_bytes()
    copy = tmp_path / "copy.toml"
    copy.write_bytes(before)
    for path in (ROUTING60, copy):
        code, _, err = run(ada, "--into", path, "--yes")
        assert code == 2
        assert err.startswith(f"{path}: is routing60, the held-out test")
    assert ROUTING60.read_bytes() == copy.read_bytes() == before


def test_prompts_of_the_held_out_test_are_refused(mine: Path) -> None:
    case = load_toml(ROUTING60, Corpus).case[4]
    record = CaseRecord(id="x", prompt=case.prompt.upper(), source="line 1")
    records = (record, said("x", case.label), prompt("c1"), said("c1", CODE))
    ada = saved(Path("ada.toml"), *records, id="s")
    code, _, err = run(ada, "--into", mine, "--yes")
    assert code == 2
    assert f"refused: x: is {case.id} of routing60" in err
    assert mine.read_text() == MINE
    assert run(ada, "--into", mine, "--yes", "--skip")[0] == 0
    assert mine.read_text() == MINE + ADDED


def test_line_ends_mode_and_links_are_kept(mine: Path, ada: Path) -> None:
    mine.write_bytes(MINE.removesuffix("\n").replace("\n", "\r\n").encode())
    mine.chmod(0o640)
    link = Path("link.toml")
    link.symlink_to(mine)
    code, out, _ = run(ada, "--into", link, "--yes")
    assert code == 0
    wanted = MINE.replace('id     = "b"\n', FILLED) + ADDED
    assert mine.read_bytes().decode() == wanted.replace("\n", "\r\n")
    assert link.is_symlink()
    assert stat.S_IMODE(mine.stat().st_mode) == 0o640
    assert "\\x0d" not in out


def test_hostile_prompts_are_shown_harmlessly_and_written_exactly(mine: Path) -> None:
    nasty = "\x1b[2J[red] '''\n[[case]]\r\nid = \"x\"\n\u202e \x00 \\"
    ada = saved(Path("ada.toml"), CaseRecord(id="x\x1b", prompt=nasty, source="1"), said("x\x1b", CODE))
    code, out, err = run(ada, "--into", mine, "--yes")
    assert code == 0
    assert not {"\x1b", "\u202e", "\x00", "\r"} & set(out + err)
    assert load_corpus(mine, SIX).case[2].prompt == nasty
    assert not {"\x1b", "\u202e", "\x00", "\r"} & set(mine.read_bytes().decode())


def test_a_long_prompt(mine: Path) -> None:
    long = "word " * 200_000
    ada = saved(Path("ada.toml"), CaseRecord(id="x", prompt=long, source="1"), said("x", CODE))
    assert run(ada, "--into", mine, "--yes")[0] == 0
    assert load_corpus(mine, SIX).case[2].prompt == long


def test_a_second_writer_is_refused(mine: Path, ada: Path) -> None:
    lock = lock_beside(mine, "")
    try:
        code, out, err = run(ada, "--into", mine, "--yes")
    finally:
        lock.release()
    assert (code, out) == (2, "")
    assert err == f"mine.toml is open in another lab (pid {os.getpid()}); let it finish, then try again"
    assert mine.read_text() == MINE
    assert run(ada, "--into", mine, "--yes")[0] == 0


def test_a_file_that_was_changed_meanwhile_is_left_alone(mine: Path, ada: Path) -> None:
    ours, theirs = pty.openpty()
    with started(ada, mine, theirs) as process:
        assert process.stderr
        asked = b""
        while b"[y/N]" not in asked:
            asked += os.read(process.stderr.fileno(), 1000)
        mine.write_text(MINE + "# another line\n")
        os.write(ours, b"y\n")
        _, err = process.communicate(timeout=PATIENCE_S)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 2
    assert f"error: {mine.resolve()}: was changed meanwhile; nothing written, try again" in err.decode()
    assert mine.read_text() == MINE + "# another line\n"


def test_a_form_that_cannot_be_kept_is_told(mine: Path, ada: Path) -> None:
    head = 'schema_version = 1\nname = "m"\ntaxonomy = "front-door"\n'
    inline = head + 'case = [{ id = "a", prompt = "x" }]\n'
    twice = head + '[[case]]\nid = "b"\nprompt = "Prompt c2"\nannotated."annotators" = ["x"]\n'
    twice += (
        'annotated.at = 2026-11-24T08:00:00Z\nannotated.sessions = ["s"]\nannotated.agreement = "1 of 1"\n'
    )
    mine.write_text(inline)
    code, _, err = run(ada, "--into", mine, "--yes")
    assert (code, mine.read_text()) == (2, inline)
    assert "write every case as a [[case]] table of its own" in err
    mine.write_text(twice)  # has its annotation already, so only the label is new
    assert run(ada, "--into", mine, "--yes")[0] == 0
    assert load_corpus(mine, SIX).case[0].label == COT


def test_what_does_not_read_back_is_not_written(
    mine: Path, ada: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpusfile, "add_cases", lambda text, *_: text + "\n# nothing new\n")
    code, _, err = run(ada, "--into", mine, "--yes")
    assert code == 2
    assert "nothing written: the new text would not be read as it should" in err
    assert mine.read_text() == MINE


def test_a_disk_that_is_full_leaves_the_file(mine: Path, ada: Path) -> None:
    """The process may write files of 4 KiB at most."""
    mine.write_text(MINE + "# " + "x" * 4000 + "\n")
    before = mine.read_bytes()
    limit = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
    limit += "from routerlab.cli.main import run; sys.exit(run())"
    command = [sys.executable, "-c", limit, "corpus", "promote", str(ada), "--into", str(mine), "--yes"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "cannot be written: File too large; it is as it was" in done.stderr
    assert mine.read_bytes() == before
    assert not list(mine.parent.glob("*.new"))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (
            ("ada.toml", "--into", "none.toml"),
            "none.toml: no such file; begin a corpus with `routerlab corpus i",
        ),
        (("none.toml", "--into", "mine.toml"), "none.toml: no such file"),
        (("mine.toml", "--into", "mine.toml"), "mine.toml:"),
        (("ada.toml", "--into", "ada.toml"), "ada.toml:"),
        (("ada.toml", "--into", "mine.toml", "--prefix", "a b"), "--prefix a b: 1 to 48 characters"),
    ],
)
def test_bad_input(mine: Path, ada: Path, args: tuple[str, ...], expected: str) -> None:
    code, _, err = run(*args, "--yes")
    assert code == 2
    assert err.startswith(expected)
    assert mine.read_text() == MINE


def test_flags_prefix_least_and_near_duplicates_are_told(mine: Path) -> None:
    ten = "one two three four five six seven eight nine {}"
    ada = saved(
        Path("ada.toml"),
        *(CaseRecord(id=f"n{i}", prompt=ten.format(i), source="1") for i in range(2)),
        *(said(f"n{i}", CODE) for i in range(2)),
        prompt("c1"),
        said("c1", CODE),
        said("c1", None, action="flag"),
    )
    code, _, err = run(ada, "--into", mine, "--yes", "--prefix", "N")
    assert code == 0
    assert err.splitlines() == [
        "left out: c1: flagged by ada",
        "N-002 (code/simple) is a near duplicate of N-001 (0.82)",
        "mine.toml: 2 cases added",
    ]
    assert "N-002" in tomllib.loads(mine.read_text())["case"][3]["id"]
    assert "labelled by 1 of the 2" in run(ada, "--into", mine, "--yes", "--least", 2)[2]
