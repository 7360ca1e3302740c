from datetime import UTC, datetime
from pathlib import Path

import pytest

from routerlab.core.corpus import prompt_sha256
from routerlab.core.errors import LabError
from routerlab.core.prediction import Trial
from routerlab.core.session.file import SessionFile
from routerlab.core.session.session import Annotation, Header, pin_taxonomy
from routerlab.core.taxonomy import load_taxonomy
from routerlab.resources import TAXONOMY
from routerlab.study.outcome.analysis.labels import joined, read_labels
from tests.study.outcome.analysis.harness import matrix

AT = datetime(2026, 11, 28, tzinfo=UTC)


def test_a_session_gives_the_labels_of_its_arms_and_annotators(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    pin = pin_taxonomy(load_taxonomy(TAXONOMY), TAXONOMY)
    header = Header(id="s", created=AT, lab_version="0", machine="m", taxonomy=pin)

    def trial(i: int, prompt: str, label: str | None, abstained: bool = False) -> Trial:
        status = "ok" if label else "unparsed"
        return Trial.model_validate(
            {"id": f"t{i}", "at": AT, "arm": "small", "prompt": prompt, "label": label, "status": status}
            | {"contended": False, "abstained": abstained or None}
        )

    with SessionFile.create(path, header) as file:
        file.append(trial(1, "t0", "CoT/simple"))
        file.append(trial(2, "t1", "CoT/simple", abstained=True))
        file.append(trial(3, "t2", None))
        file.append(trial(4, "t0", "code/simple"))  # asked again: the later answer counts
        file.append(Annotation(id="a1", at=AT, trial="t2", label="CoT/complex", annotator="ada"))
        file.append(Annotation(id="a2", at=AT, trial="t3", label="CoT/simple", draft=True, annotator="ada"))
        file.append(Annotation(id="a3", at=AT, trial="t99", label="CoT/simple", annotator="ada"))
    router, annotator = read_labels(path)
    m = matrix([[1, 0]] * 4)
    assert (router.name, router.kind) == ("small", "router")
    assert joined(m, router) == (("code/simple", None, None, None), 1)
    assert (annotator.name, annotator.kind) == ("ada", "annotator")
    assert joined(m, annotator) == ((None, "CoT/complex", None, None), 3)


def test_a_table_of_labels_by_hash_or_task(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"prompt_sha256,label\n{prompt_sha256('t0')},a\n{prompt_sha256('t1')},\n")
    (found,) = read_labels(path)
    assert (found.name, found.kind) == ("mine", "router")
    assert joined(matrix([[1, 0]] * 3), found) == (("a", None, None), 1)
    path.write_text("task,label,annotator\nt2,b,bob\nt1,a,eve\n")
    bob, eve = read_labels(path)
    assert joined(matrix([[1, 0]] * 3), bob) == ((None, None, "b"), 2)
    assert eve.kind == "annotator"


def test_a_file_without_labels_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("prompt_sha256,arm\nabc,x\n")
    with pytest.raises(LabError, match=r"mine\.csv:2: a row needs `prompt_sha256` or `task`, and `label`"):
        read_labels(path)


def test_a_label_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"task": "t1", "label": ["a"]}\n')
    with pytest.raises(LabError, match=r"mine\.jsonl:1: the label \['a'\] is no text"):
        read_labels(path)
