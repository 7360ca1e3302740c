"""Questions as cases, and files of them."""

from collections.abc import Sequence
from pathlib import Path

from routerlab.annotate.corpus.file import write_corpora
from routerlab.annotate.formats.write import written
from routerlab.core.corpus import Case, Corpus, fold
from routerlab.core.errors import LabError
from routerlab.core.files.atomic import write_new
from routerlab.core.names import CorpusFormat
from routerlab.core.taxonomy import Taxonomy
from routerlab.tui.lab.filters import Facts

FORMATS = ".toml, .csv or .jsonl"


def cases_of(chosen: Sequence[Facts], corpus: Corpus | None) -> list[Case]:
    """A case for every prompt, once however often it was asked: that of the corpus, or a new one for a prompt
    that was typed. Its label is yours where you gave one, then the gold label; your note is its note. Cases
    whose prompt is not known are left out."""
    known = corpus.by_id if corpus else {}
    found: dict[str, Case] = {}
    for facts in chosen:
        first, said = facts.question.first, facts.note
        case = known.get(first.case) if first.case is not None else None
        if case is None and first.prompt is not None:
            case = Case(id=f"typed-{facts.question.number:03}", prompt=first.prompt, label=first.gold)
        if case is None:
            continue
        if said.label not in (None, case.label):  # what was said of the gold label is not said of this one
            case = case.model_copy(update={"also": (), "fit": None, "notes": None, "annotated": None})
        more = {"label": said.label, "notes": said.note}
        case = case.model_copy(update={key: value for key, value in more.items() if value is not None})
        key = fold(case.prompt)
        if key not in found or said.label is not None:
            found[key] = case
    return list(found.values())


def write_cases(path: Path, cases: Sequence[Case], taxonomy: Taxonomy) -> None:
    """A new file with the cases, as its name ends: a corpus, CSV or JSONL. LabError where there is one
    already, it cannot be written, or its name ends otherwise."""
    if path.suffix == ".toml":
        corpus = Corpus(schema_version=1, name=path.stem, taxonomy=taxonomy.name, case=tuple(cases))
        return write_corpora({path: corpus})
    if path.suffix not in (".csv", ".jsonl"):
        raise LabError(f"{path}: a file's name ends in {FORMATS}")
    if path.exists():
        raise LabError(f"{path}: exists already, and nothing is overwritten; choose another name")
    shape: CorpusFormat = "csv" if path.suffix == ".csv" else "jsonl"
    try:
        write_new(path, written(cases, taxonomy.labels, shape, path))
    except OSError as e:
        raise LabError(f"{path}: cannot be written: {e.strerror}") from None
    return None
