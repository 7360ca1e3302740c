"""Which arms a text stands for."""

import shutil
from pathlib import Path

import pytest
import tomli_w

from routerlab.bench.selection import group_arms
from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.engine.contract.router import FilePin, load_router
from routerlab.resources import ROUTERS
from tests.engine.arms.members import cascade


def test_a_model_stands_for_all_its_contracts_and_routers(routed_smollm2: Path) -> None:
    (group,) = group_arms([str(routed_smollm2)])
    assert group.name == routed_smollm2.stem
    assert [group.way(s) for s in group.specs] == ["score", "score-name", "score-code", "json", "probe"]
    assert all(s.model.absolute() == routed_smollm2 for s in group.specs)


def test_arms_of_one_model_are_measured_together(pulled_smollm2: Path, tmp_path: Path) -> None:
    link, other = tmp_path / "link.gguf", tmp_path / "other.gguf"
    link.symlink_to(pulled_smollm2)
    other.write_bytes(b"another")
    groups = group_arms([f"{pulled_smollm2}:json", f"{other}:score", f"{link}:score", f"{link}:json"])
    assert [[g.way(s) for s in g.specs] for g in groups] == [["json", "score"], ["score"]]


def test_a_cascade_is_refused(routed_smollm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").symlink_to(routed_smollm2.parent)
    shutil.copy(ROUTERS / "smollm2-135m.toml", "m.toml")
    pin = FilePin(file="m.toml", sha256=canonical_sha256(load_router(Path("m.toml"))))
    made = cascade().model_copy(update={"member": (pin, pin)})
    Path("c.toml").write_text(tomli_w.dumps(made.model_dump(mode="json", exclude_none=True)))
    with pytest.raises(LabError, match="c:cascade: has several models; measure its members"):
        group_arms(["c.toml"])
