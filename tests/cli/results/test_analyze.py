"""`routerlab analyze` and `routerlab check`, as they are called, on logs that made_up.py writes."""

import json
import sys
from pathlib import Path

import pytest

from routerlab.cli.main import run
from routerlab.core.errors import Exit
from routerlab.study.figures.result import Analysis
from tests.conftest import REPO
from tests.study.figures.made_up import MODELS, write_study_1, write_study_2

LOG = Path("study1.csv")
NAMED = "--gold truth --predicted answer --case prompt_id --status parsed --latency ms --chars length"
OPTIONS = [*NAMED.split(), "--arm", "model", "--confidence", "claimed"]


@pytest.fixture(autouse=True)
def _narrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    write_study_1(tmp_path / LOG)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Command":
    return Command(monkeypatch, capsys)


class Command:
    """Runs the command line in this process: exit code, stdout, stderr."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *args: object) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["routerlab", *map(str, args)])
        code = run()
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err


@pytest.fixture
def saved(command: Command, tmp_path: Path) -> Path:
    path = tmp_path / "analysis.json"
    assert command("analyze", LOG, *OPTIONS, "--out", path)[0] == Exit.OK
    return path


def test_tables_fit_80_columns(command: Command) -> None:
    code, out, err = command("analyze", LOG, *OPTIONS, "--details")
    assert code == Exit.OK
    taken, *notes = err.splitlines()
    assert taken.startswith("read as CSV: gold is truth; predicted is answer; ")
    assert notes == ["note: qwen2.5-3b: its confidence is 1 in all 60 answers: it says nothing"]
    assert max(map(len, out.splitlines())) <= 80
    said = words(out)
    for part in (
        *("43 of 60 cases", "0.717 0.592 to 0.815", "0.783 0.664 to 0.869", "0.983", "0.967"),  # parse rate
        *("5300 5570 5590", "5210 to 5380 5520 to … 5570 to …", "510 537, 539"),  # latency and length
        *("60 25 6 0.0009 0.0018 +0.317", "8 12 0.5034", "<0.0001"),  # McNemar
        *("Cochran's Q over all arms: 22.10, 2 degrees of freedom", "0.897 35 of 39", "1.000 16 of 16"),
        *("qwen2.5-3b p95<=2000 undecided 1570 1520 to … 12", "fail"),
        *("d CoT/complex · · · 8 2 ·", "hybrid/generative → code/simple c48, c54 2"),
        *("qwen2.5-1.5b 0.400 0.400 0.400 0.421 0.421", "f hybrid/generative 2 · · · · 7 1"),  # F1, confusion
        *("self-reported 59 0.925 0.729 0.197 0.000 0.237", "0.733 0.729"),  # calibration
        *("qwen2.5-3b undecided in the set", "dominated by qwen2.5-3b", "Pareto over accuracy, p95"),
        "qwen2.5-3b: its confidence is 1 in all 60 answers: it says nothing",
        "Undecided (accuracy>=0.85, p95<=2000): qwen2.5-3b.",
        "Not viable (accuracy>=0.85, p95<=2000): phi-3.5-mini, qwen2.5-1.5b.",
        "No decision: no cost is known of phi-3.5-mini",
    ):
        assert part in said


def test_details_are_shown_on_request_and_the_verdict_last(command: Command) -> None:
    _, brief, _ = command("analyze", LOG, *OPTIONS)
    _, whole, _ = command("analyze", LOG, *OPTIONS, "--details")
    for title in ("Labels and families", "Confusion", "Where cases go wrong", "Confidence", "Provenance"):
        assert f"\n{title}\n" in whole
        assert f"\n{title}\n" not in brief
    for title in ("Accuracy", "Latency", "Arms against each other", "Harmony and deviations"):
        assert brief.index(f"\n{title}\n") < brief.index("\nVerdict\n")


def test_where_nobody_looks_a_row_is_a_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    _, out, _ = command("analyze", LOG, *OPTIONS)
    (line,) = [line for line in out.splitlines() if line.startswith("phi-3.5-mini") and "43 of 60" in line]
    assert "0.717 43 of 60 cases 0.592 to 0.815 0.586 to 0.825 0.600 to 0.833 0.717 0.60 to 0.83" in words(
        line
    )


def words(text: str) -> str:
    """The text whose words have one space between."""
    return " ".join(text.split())


def test_json_is_the_analysis(command: Command) -> None:
    code, out, _ = command("analyze", LOG, *OPTIONS, "--format", "json", "--require", "accuracy>=0.7")
    assert code == Exit.OK
    found = Analysis.model_validate_json(out)
    assert [arm.arm for arm in found.arms] == list(MODELS)
    assert found.gates == ("accuracy>=0.7",)
    assert found.source.columns is not None
    assert found.source.columns["gold"] == "truth"


def test_repeats_and_prices(command: Command, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(
        'schema_version = 1\ndate = 2026-03-16\n[[machine]]\narms = ["B", "C"]\nper_hour = 0.75\n'
        '[[tokens]]\narms = ["D"]\ninput_per_million = 0.27\noutput_per_million = 1.1\n'
    )
    options = [*NAMED.split(), "--cost", "dollars"]
    write_study_2(tmp_path / "study2.csv")
    code, out, err = command("analyze", "study2.csv", *options, "--repeats-in-order", "--costs", prices)
    assert code == Exit.OK
    assert "By trial" in out
    said = words(out)
    assert "Costs by prices of 2026-03-16 in USD" in said
    assert "Decision: the API fails the latency gate: choose among the SLMs (rule api-fails-latency)." in said
    assert "First: C" in said
    weightings = (
        "with cases weighted equally and {} with trials weighted equally: cases were asked 1 to 4 times"
    )
    notes = [
        f"C: accuracy is 0.750 {weightings.format('0.833')}",  # 9 of 12 cases, 15 of 18 trials
        f"D: accuracy is 0.854 {weightings.format('0.611')}",  # 10.25 of 12, 11 of 18
        "D: 1 of 2 cases changed their label between repeats",
    ]
    assert " ".join(notes) in said
    assert err.splitlines()[1:] == [f"note: {note}" for note in notes]  # after what was taken for what
    code, _, err = command("analyze", "study2.csv", *options)
    assert code == Exit.USAGE
    assert "or say --repeats-in-order" in err


def test_a_session(command: Command) -> None:
    code, out, _ = command("analyze", REPO / "sessions" / "example.toml", "--details")
    assert code == Exit.OK
    for part in ("smollm2-135m", "P95", "ECE", "hybrid/agentic"):
        assert part in out
    code, out, _ = command("check", REPO / "sessions" / "example.toml", "--require", "accuracy>=0.99")
    assert code == Exit.CHECK_FAILED


def test_percentile_conventions(command: Command) -> None:
    found = {}
    for name in ("study", "linear", "nearest-rank"):
        _, out, _ = command("analyze", LOG, *OPTIONS, "--percentile", name, "--format", "json")
        found[name] = json.loads(out)["arms"][0]["latency"]["p95"]["value"]
    # Of 5000, 5010, ... 5590: the one at 57, at 0.95 * 59 = 56.05, and the 57th, which is at 56.
    assert found == {"study": 5570, "linear": pytest.approx(5560.5), "nearest-rank": 5560}


def test_check_tells_a_line_a_gate_and_fails(command: Command, saved: Path) -> None:
    code, out, err = command("check", saved)
    assert code == Exit.CHECK_FAILED
    assert err == ""
    assert out.splitlines() == [
        "fail      phi-3.5-mini: accuracy>=0.85: 0.717 (0.592 to 0.815)",
        "fail      phi-3.5-mini: p95<=2000: 5570 (5520 to …)",
        "fail      qwen2.5-1.5b: accuracy>=0.85: 0.400 (0.286 to 0.526)",
        "undecided qwen2.5-1.5b: p95<=2000: 4300 (960 to …); 50 more cases would decide",
        "undecided qwen2.5-3b: accuracy>=0.85: 0.783 (0.664 to 0.869); 51 more cases would decide",
        "undecided qwen2.5-3b: p95<=2000: 1570 (1520 to …); 12 more cases would decide",
    ]


def test_check_passes_and_is_strict_about_the_undecided_on_request(command: Command, saved: Path) -> None:
    code, out, _ = command("check", saved, "--arm", "qwen2.5-3b", "--require", "accuracy>=0.6")
    assert (code, out) == (Exit.OK, "pass      qwen2.5-3b: accuracy>=0.6: 0.783 (0.664 to 0.869)\n")
    undecided = ("check", saved, "--arm", "qwen2.5-3b", "--require", "p95<=2000")
    assert command(*undecided)[0] == Exit.OK
    assert command(*undecided, "--strict")[0] == Exit.CHECK_FAILED


def test_check_for_programs(command: Command, saved: Path) -> None:
    _, out, _ = command("check", saved, "--require", "f1:code/simple>=0.5", "--format", "json")
    found = json.loads(out)
    assert [one["arm"] for one in found] == list(MODELS)
    assert found[0]["gate"] == "f1:code/simple>=0.5"
    assert found[0]["answer"] == "pass"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--arm", "gpt"], "no arm 'gpt'; there are phi-3.5-mini, qwen2.5-1.5b, qwen2.5-3b"),
        (["--require", "speed>=1"], "unknown metric 'speed'"),
        (["--require", "cost<=1"], "arm 'phi-3.5-mini' has no cost, so cost<=1 cannot be checked"),
        (["--require", "f1:x>=0.1"], "arm 'phi-3.5-mini' has no f1:x"),
    ],
)
def test_what_cannot_be_checked_is_no_pass(
    command: Command, saved: Path, args: list[str], message: str
) -> None:
    code, out, err = command("check", saved, *args)
    assert (code, out) == (Exit.USAGE, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{}", "not an analysis of this version: it does not say of which kind it is"),
        ("a.json", "[", "not an analysis of this version"),
        ("a.csv", "model,id\nm,1\n", "There are: model, id"),
        ("a.toml", "x = 1", "a.toml"),
    ],
)
def test_what_is_no_result(command: Command, tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    code, _, err = command("check", name)
    assert code == Exit.USAGE
    assert message in err
    assert err.count("\n") == 1


def test_an_analysis_that_cannot_be_saved(command: Command, tmp_path: Path) -> None:
    code, out, err = command("analyze", LOG, *OPTIONS, "--out", tmp_path / "no" / "a.json")
    assert (code, out) == (Exit.USAGE, "")
    assert "a.json: cannot be written: No such file or directory" in err


def test_names_from_strangers_are_shown_escaped(command: Command, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text(
        "arm,case,gold,label,total_ms\n\x1b[2Jx,[b]c1,[red]g\u202e,[i]l,1\n\x1b[2Jx,c2,[red]g\u202e,,1\n"
    )
    for extra in ((), ("--details",)):
        _, out, err = command("analyze", log, *extra)
        assert "\\x1b[2Jx" in out
        assert "\x1b" not in out + err
        assert "\u202e" not in out + err
    assert "[red]g\\u202e → [i]l" in out
    _, out, _ = command("check", log, "--require", "accuracy>=0.5")
    assert "\x1b" not in out


def test_help_has_an_example(command: Command) -> None:
    for name in ("analyze", "check"):
        assert f"Example: routerlab {name}" in " ".join(command(name, "--help")[1].split())


def test_what_is_read_is_not_overwritten(command: Command) -> None:
    before = LOG.read_bytes()
    code, _, said = command("analyze", LOG, *OPTIONS, "--out", LOG)
    assert (code, said.count("\n")) == (Exit.USAGE, 1)
    assert "study1.csv: is read, and what is read is not overwritten" in said
    assert LOG.read_bytes() == before


def test_a_gate_at_no_time_is_plotted_all_the_same(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    assert command("analyze", LOG, *OPTIONS, "--require", "p95<=0", "--out", path)[0] == Exit.OK
    assert command("report", path)[0] == Exit.OK


def test_a_name_that_no_file_can_have_is_told(command: Command) -> None:
    code, _, said = command("analyze", LOG, *OPTIONS, "--out", "x" * 300 + ".json")
    assert code == Exit.USAGE
    assert "cannot be written: File name too long" in said.splitlines()[-1]
