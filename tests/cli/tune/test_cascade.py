"""`routerlab tune cascade` on made-up answers, in this process: what it prints, warns of and refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routerlab.cli.tune.cascade import cascade
from routerlab.core.errors import LabError
from routerlab.engine.contract.router import FilePin, Router, load_router
from routerlab.tune.out_of_fold import OutOfFold, oof_bytes
from routerlab.tune.write import save_toml
from tests.tune.cascade.test_cascade import router

N = 60


def put(folder: Path, name: str, right: float, ms: float, **evidence: Any) -> Path:
    """A router that is right, and sure, of that share of the cases: the first ones."""
    import hashlib

    sure = np.arange(N) < right * N
    shares = np.where(sure[:, None], [0.9, 0.1], [0.4, 0.6])
    ids = tuple(f"c{i}" for i in range(N))
    hard = np.zeros(N, dtype=bool)
    data = oof_bytes(OutOfFold(ids, np.zeros(N, np.int64), shares, np.full(N, ms), hard))
    (folder / f"{name}.oof.npz").write_bytes(data)
    pin = FilePin(file=f"{name}.oof.npz", sha256=hashlib.sha256(data).hexdigest())
    made: Router = router(name)
    told = made.evidence.model_copy(update={"answers": pin, **evidence})
    path = folder / f"{name}.toml"
    save_toml(path, made.model_copy(update={"evidence": told}))
    return path


@pytest.fixture
def ladder(tmp_path: Path) -> list[Path]:
    figures = (("encoder", 0.5, 10), ("small", 0.8, 100), ("large", 1.0, 1000))
    return [put(tmp_path, name, right, ms) for name, right, ms in figures]


def test_the_ladder_is_printed_and_chosen(ladder: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """The encoder alone on half of the cases, and with the small one on 0.3 more."""
    cascade(ladder)
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines() if line.strip()[:2] == "0."]
    assert rows == [
        ["0.00", "0.00", "0.500", "10", "100%", "0%", "0%"],
        ["0.65", "0.00", "0.800", "60", "100%", "50%", "0%"],
        ["0.65", "0.65", "1.000", "260", "100%", "50%", "20%"],
    ]
    assert "encoder alone: accuracy 0.500, mean 10 ms\nsmall alone: accuracy 0.800, mean 100 ms\n" in out
    assert (
        "chosen, cross-validated: thresholds 0.65 0.65, accuracy 1.000, mean 260 ms, asks 100% 50% 20% of "
        "the prompts\n"
        "beside large alone, the most accurate: +0.000 (95 % +0.000 to +0.000), 0 cases right with the "
        "cascade only, 0 with large only, exact McNemar p 1.00; 0.26 of its mean time\n"
    ) in out
    assert err == f"wrote {ladder[0].parent / 'cascade.toml'}; ask it with --arm {err.split()[-1]}\n"
    made = load_router(ladder[0].parent / "cascade.toml")
    assert made.evidence.row[0].accuracy == 1.0


@pytest.mark.parametrize(
    ("wish", "thresholds"),
    [({"ms": 100.0}, "0.65 0.00"), ({"share": 0.0}, "0.65 0.00"), ({"accuracy": 0.4}, "0.00 0.00")],
)
def test_a_wish_is_followed(
    ladder: list[Path], capsys: pytest.CaptureFixture[str], wish: dict[str, Any], thresholds: str
) -> None:
    cascade(ladder, **wish)
    out, err = capsys.readouterr()
    assert f"thresholds {thresholds}, " in out
    assert "warning" not in err


def test_what_cannot_be_had_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = [put(tmp_path, "small", 0.5, 10.0), put(tmp_path, "large", 0.8, 100.0, machine="another")]
    cascade(pair, accuracy=0.95)
    out, err = capsys.readouterr()
    assert "thresholds 0.65, accuracy 0.800" in out
    assert err.splitlines()[:2] == [
        "warning: timed on different machines, so times do not compare: m; another",
        "warning: what was wanted is out of reach; this is the most accurate that there is",
    ]
    cascade(pair, ms=5.0)
    out, err = capsys.readouterr()
    assert "thresholds 0.00, accuracy 0.500" in out
    assert "out of reach; this is the quickest that there is" in err


def test_what_does_not_go_together_is_refused(ladder: list[Path]) -> None:
    with pytest.raises(LabError, match="--accuracy, --ms and --share: name one"):
        cascade(ladder, accuracy=0.9, ms=10.0)
    with pytest.raises(LabError, match="--rule disagreement has none"):
        cascade(ladder, share=0.5, rule="disagreement")
    with pytest.raises(LabError, match="2 to 6 routers, the smallest first; 1 are named"):
        cascade(ladder[:1])
    with pytest.raises(LabError, match="2 to 6 routers, the smallest first; 7 are named"):
        cascade([*ladder, *ladder, ladder[0]])
    with pytest.raises(LabError, match="'disagreement' needs 3 routers, the smallest first; 2 are named"):
        cascade(ladder[:2], rule="disagreement")
    before = ladder[0].read_bytes()
    with pytest.raises(LabError, match="is one of its own routers; choose another name"):
        cascade(ladder, out=ladder[0])
    assert ladder[0].read_bytes() == before
    for name in ("my cascade.toml", "cascade"):
        with pytest.raises(LabError, match=r"a router file is called NAME\.toml"):
            cascade(ladder, out=ladder[0].with_name(name))
    cascade(ladder)
    with pytest.raises(LabError, match="a cascade cannot be a member of a cascade"):
        cascade([ladder[0], ladder[0].parent / "cascade.toml"], out=ladder[0].parent / "of.toml")


def test_disagreement_has_a_row_and_no_thresholds(
    ladder: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    cascade(ladder, rule="disagreement")
    out, _ = capsys.readouterr()
    assert "- " in out
    assert "\naccuracy 0.800, mean 410 ms, asks 100% 100% 30% of the prompts\n" in out
