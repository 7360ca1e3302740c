"""`routerlab check` on a session of a router that promises an error."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from routerlab.cli.main import app
from routerlab.core.errors import Exit
from tests.core.session.harness import ARM, trial, written

ERROR = "answered_error<=0.05"


def session(path: Path, right: int, wrong: int, abstained: int, promised: float | None = 0.05) -> Path:
    """So many answers of each kind; those abstained from are all wrong."""
    kinds: list[tuple[str, bool | None]] = [("code/simple", None)] * right + [("CoT/simple", None)] * wrong
    kinds += [("CoT/simple", True)] * abstained
    trials = [
        trial(i, arm=ARM.name, case=f"c{i}", gold="code/simple", label=label, abstained=none)
        for i, (label, none) in enumerate(kinds)
    ]
    return written(path, ARM.model_copy(update={"max_error": promised}), *trials)


@pytest.mark.parametrize(
    ("right", "wrong", "words", "code"),
    [
        (59, 0, "pass", Exit.OK),  # 0.95 ** 59 < 0.05
        (58, 0, "undecided", Exit.OK),
        (90, 10, "fail", Exit.CHECK_FAILED),
        (95, 5, "undecided", Exit.OK),
    ],
)
def test_a_promise_is_a_gate_over_what_was_answered(
    tmp_path: Path, right: int, wrong: int, words: str, code: int
) -> None:
    path = session(tmp_path / "s.toml", right, wrong, abstained=30)
    for arguments in (["--require", ERROR], ["--require", ERROR, "--arm", ARM.name]):
        found = CliRunner().invoke(app, ["check", str(path), *arguments])
        assert found.stdout.startswith(f"{words:<9} {ARM.name}: {ERROR}:"), found.output
        assert found.exit_code == code
    if right == 58:
        assert "; 1 more case would decide" in found.stdout
    gates = CliRunner().invoke(app, ["check", str(path)]).stdout.splitlines()
    assert [line.split()[:3:2] for line in gates][-1] == [words, f"{ERROR}:"]
    assert len(gates) == 3  # those of the study, too


def test_without_a_promise_or_an_abstention_there_is_no_such_figure(tmp_path: Path) -> None:
    path = session(tmp_path / "s.toml", 5, 1, 0, promised=None)
    found = CliRunner().invoke(app, ["check", str(path), "--require", ERROR])
    assert "has no answered_error" in str(found.exception)
    assert ERROR not in CliRunner().invoke(app, ["check", str(path)]).stdout
    some = session(tmp_path / "t.toml", 5, 1, 2, promised=None)
    assert "undecided" in CliRunner().invoke(app, ["check", str(some), "--require", ERROR]).stdout
