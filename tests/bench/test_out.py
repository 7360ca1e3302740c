"""What the raw data of a benchmark may not replace, told before anything is measured."""

import re
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from routerlab.cli.main import app
from routerlab.core.errors import LabError
from routerlab.resources import TAXONOMY
from tests.cli.results.test_check import session
from tests.engine import tiny
from tests.twocases import TWO_CASES

READ = "is read, and what is read is not overwritten; choose another name"
SESSION = "is a session, and sessions are not overwritten; choose another name"


@pytest.mark.parametrize("command", ["engine", "throughput", "memory", "length"])
def test_raw_data_replace_neither_what_is_read_nor_a_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)

    def begun(work: Coroutine[Any, Any, None]) -> None:
        work.close()
        raise AssertionError("begun")

    monkeypatch.setattr("asyncio.run", begun)
    tiny.build(Path("tiny.gguf"), "llama", tiny.TEMPLATES["chatml"])
    Path("two.toml").write_text(TWO_CASES)
    Path("shots.toml").write_text(TWO_CASES)
    Path("labels.toml").write_bytes(TAXONOMY.read_bytes())
    session(Path("ada.toml"), 3, 0, 0)
    words = ["bench", command, "--arm", "tiny.gguf:score", "--exemplars", "shots.toml"]
    outs = {"tiny.gguf": READ, "shots.toml": READ, "ada.toml": SESSION}
    if command != "length":
        words += ["--corpus", "two.toml"]
        outs["two.toml"] = READ
    if command in ("engine", "throughput"):
        words += ["--taxonomy", "labels.toml"]
        outs["labels.toml"] = READ
    for out, says in outs.items():
        before = Path(out).read_bytes()
        with pytest.raises(LabError, match=f"^{re.escape(f'{out}: {says}')}$"):
            CliRunner().invoke(app, [*words, "--out", out], catch_exceptions=False)
        assert Path(out).read_bytes() == before
    with pytest.raises(AssertionError, match="begun"):
        CliRunner().invoke(app, [*words, "--out", "raw.json"], catch_exceptions=False)
