"""The queue of what annotators disagree on."""

from pathlib import Path

from routerlab.annotate.desk.adjudication import to_decide
from routerlab.annotate.ratings.ratings import collect
from routerlab.core.session.session import CaseRecord
from tests.annotate.sessions import CODE, COT, said, saved


def test_cases_of_two_files_that_share_an_id_are_decided_apart(tmp_path: Path) -> None:
    """Both files number their rows, so that 1 is another prompt in each; 2 is one case only."""
    paths = []
    for name, texts in {"A": {"1": "sort a list", "2": "sum a list"}, "B": {"1": "a poem on rain"}}.items():
        for who, label in (("ada", CODE), ("ben", COT)):
            shown = [CaseRecord(id=i, prompt=text, source="row") for i, text in texts.items()]
            labels = [said(i, label, who) for i in texts]
            paths.append(saved(tmp_path / f"{name}.{who}.toml", *shown, *labels))
    source = to_decide(collect(paths), "cyd", paths)
    assert {item.prompt for item in source.items} == {"sort a list", "sum a list", "a poem on rain"}
    assert len({item.id for item in source.items}) == 3
    assert next(item.id for item in source.items if item.prompt == "sum a list") == "2"
