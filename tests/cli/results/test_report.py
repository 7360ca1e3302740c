"""`routerlab report`, as it is called, on the result of a real benchmark of arms that need no model."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from routerlab.cli.main import run
from routerlab.core.errors import Exit
from routerlab.study.load import load_result
from routerlab.study.report.subject import load_subject
from tests.conftest import REPO
from tests.study.benchmark.harness import bench
from tests.study.report.harness import Parsed
from tests.tui.terminal import Terminal
from tests.twocases import TWO_CASES

NAMED = ("baseline:majority", "baseline:keywords", "control")
ARMS = [*(part for name in NAMED for part in ("--arm", name)), "--repeats", "2", "--corpus", "two.toml"]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a benchmark's result in it."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "two.toml").write_text(TWO_CASES)
    done = bench(folder, *ARMS, "--exemplars", "none", "--out", "result.toml")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def folder(measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, where the test is."""
    for name in ("two.toml", "result.toml"):
        shutil.copy(measured / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["routerlab", *map(str, args)])
        code = run()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_a_page_of_a_benchmark_says_where_it_is_from(folder: Path, command: Command) -> None:
    code, out, err = command("report", "result.toml", "--html", "report.html")
    assert (code, out, err) == (Exit.OK, "", "report: report.html\n")
    html = (folder / "report.html").read_text()
    text = Parsed(html).text
    session = load_subject(folder / "result.toml", print).session
    assert session
    (record,) = session.runs
    for words in (
        shlex.join(["routerlab", "bench", *ARMS, "--exemplars", "none", "--out", "result.toml"]),
        record.sha256,
        *(f"{what} {version}" for what, version in record.versions.items()),
        session.header.machine,
        session.header.id,
        session.header.corpus.sha256 if session.header.corpus else "?",
        f"{record.at:%Y-%m-%d %H:%M:%S} UTC",
        "3 arms · 2 cases · 12 trials",
        '"ask": "baseline:keywords"',
        "source SHA-256",
        "why is the sky blue?",  # a case that an arm got wrong, with its prompt
        "No arm changed its label",
    ):
        assert words in text
    command("report", "result.toml", "--html", "again.html")
    assert (folder / "again.html").read_text() == html


def test_a_result_that_is_not_finished_says_so(folder: Path, command: Command) -> None:
    text = (folder / "result.toml").read_text()
    cut = text[: text.rindex("[[trial]]")]
    (folder / "result.toml").write_text(cut)
    command("report", "result.toml", "--html", "report.html")
    found = Parsed((folder / "report.html").read_text()).text
    assert "Not finished: 1 answer that the plan asks for is missing." in found
    assert "not finished: 1 answer" in command("report", "result.toml")[2]


def test_prompts_need_the_corpus_as_it_was(folder: Path, command: Command) -> None:
    (folder / "two.toml").write_text(TWO_CASES.replace("sky blue", "sea green"))
    assert command("report", "result.toml", "--html", "report.html")[0] == Exit.OK
    text = Parsed((folder / "report.html").read_text()).text
    assert "the sky blue" not in text
    assert "the sea green" not in text


def test_an_analysis_gives_the_same_figures_as_its_session(folder: Path, command: Command) -> None:
    code, out, _ = command("report", "result.toml", "--json")
    assert code == Exit.OK
    assert json.loads(out) == load_result(Path("result.toml")).model_dump(mode="json")
    (folder / "analysis.json").write_text(out)
    one, other = (
        command("report", "result.toml", "--markdown"),
        command("report", "analysis.json", "--markdown"),
    )

    def figures(text: str) -> str:
        return text[text.index("## Verdict") : text.index("## Latency")]

    assert one[0] == other[0] == Exit.OK
    assert figures(one[1]) == figures(other[1])
    assert len(json.loads(command("report", "result.toml", "analysis.json", "--json")[1])) == 2


def test_the_terminal_gets_tables_and_a_plot(folder: Path, command: Command) -> None:
    code, out, err = command("report", "result.toml", "result.toml")
    assert code == Exit.OK
    assert out.count("accuracy against P95") == 2
    assert "1 keywords" in out or "1 majority" in out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["result.toml", "--html", "a.html", "--json"], "--html and --json"),
        (["result.toml", "--html", "nowhere/a.html"], "nowhere/a.html: cannot be written"),
        (["result.toml", "--tui"], "--tui needs a terminal"),
        (["result.toml", "result.toml", "--tui"], "--tui shows one result"),
        (["nothing.toml"], "nothing.toml: no such file"),
        (["two.toml"], "two.toml:"),
        (["bad.json"], "bad.json: not an analysis of this version"),
    ],
)
def test_what_cannot_be_reported_is_one_line(
    folder: Path, command: Command, args: list[str], words: str
) -> None:
    (folder / "bad.json").write_text("{}")
    code, out, err = command("report", *args)
    assert (code, out) == (Exit.USAGE, "")
    assert words in err
    assert err.count("\n") == 1
    assert not (folder / "a.html").exists()


def test_a_trial_that_is_not_over_is_not_looked_at(folder: Path, command: Command) -> None:
    path = folder / "result.toml"
    path.write_text(path.read_text().replace('kind = "bench"', 'kind = "trial"'))
    code, out, err = command("report", path)
    assert (code, out) == (Exit.USAGE, "")
    assert "routerlab trial peek" in err


def test_the_screen_opens_in_a_real_terminal_and_closes(folder: Path) -> None:
    command = [sys.executable, "-m", "routerlab", "report", "result.toml", "--tui"]
    with Terminal(command, str(folder), os.environ) as terminal:
        terminal.wait_for("3 arms, 2 cases, 12 trials", "accuracy against P95", "Quit")
        terminal.send("q")
        assert terminal.wait_end() == Exit.OK


def test_the_session_that_ships_can_be_reported(tmp_path: Path, command: Command) -> None:
    code, _, err = command("report", REPO / "sessions" / "example.toml", "--html", tmp_path / "report.html")
    assert code == Exit.OK, err
    text = Parsed((tmp_path / "report.html").read_text()).text
    assert "Confusion" in text
