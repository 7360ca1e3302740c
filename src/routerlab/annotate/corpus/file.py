"""Files of cases on the disk: written whole or not at all, and a person's file added to under a lock."""

import os
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from routerlab.annotate.corpus.overlay import Overlay
from routerlab.annotate.corpus.promote import Promotion
from routerlab.annotate.corpus.text import add_cases, case_text, cut, entry_text, line_end, renamed
from routerlab.core.corpus import Corpus, load_corpus
from routerlab.core.errors import LabError
from routerlab.core.files.atomic import write_new
from routerlab.core.files.lock import lock_beside
from routerlab.core.files.toml import read_text
from routerlab.core.session.fragment import toml_value
from routerlab.core.taxonomy import Taxonomy
from routerlab.core.text import printable


@dataclass(frozen=True)
class Held:
    """A corpus as it was read, while nobody else may write it. `path` is the file itself, not a link."""

    path: Path
    data: bytes
    corpus: Corpus


@contextmanager
def held(path: Path, taxonomy: Taxonomy) -> Iterator[Held]:
    """The corpus in `path`, locked until the block ends. LabError when it is not sound, or locked already."""
    if not path.is_file():
        raise LabError(f"{path}: no such file; begin a corpus with `routerlab corpus import`")
    lock = lock_beside(path, "let it finish, then try again")
    try:
        corpus = load_corpus(path, taxonomy)
        yield Held(path.resolve(), path.read_bytes(), corpus)
    finally:
        lock.release()


def promoted(held: Held, promotion: Promotion) -> bytes:
    """The file's bytes after the promotion, read back and compared: the cases it had, and these."""
    cases = list(held.corpus.case)
    more = {}
    for i, case in promotion.filled.items():
        facts = case.model_dump(exclude_none=True, exclude_defaults=True)
        more[i] = {key: value for key, value in facts.items() if key not in cases[i].model_fields_set}
        cases[i] = case
    with _named(held.path):
        text = add_cases(held.data.decode(), len(cases), more, promotion.added)
    _check(held.path, text, held.corpus.model_copy(update={"case": (*cases, *promotion.added)}))
    return text.encode()


def difference(held: Held, data: bytes) -> list[str]:
    """The lines of a unified diff from what the file holds to `data`."""
    a, b = (text.decode().replace("\r\n", "\n").removesuffix("\n").split("\n") for text in (held.data, data))
    return list(unified_diff(a, b, str(held.path), f"{held.path} (new)", lineterm=""))


def replace(held: Held, data: bytes) -> None:
    """Put `data` in the place of what was read, whole or not at all; LabError when the file changed since."""
    if not os.access(held.path, os.W_OK):
        raise LabError(f"{held.path}: is read-only; nothing written")
    try:
        if held.path.read_bytes() != held.data:
            raise LabError(f"{held.path}: was changed meanwhile; nothing written, try again")
        write_new(held.path, data)
    except OSError as e:
        raise LabError(f"{held.path}: cannot be written: {e.strerror}; it is as it was") from None


def write_corpora(corpora: Mapping[Path, Corpus], force: bool = False) -> None:
    """New files with the corpora: all of them or none. LabError when one is there already, unless `force`
    replaces it, or cannot be written."""
    _write({p: (_head(c) + "".join(map(case_text, c.case)), c) for p, c in corpora.items()}, force)


def write_overlay(path: Path, overlay: Overlay, force: bool = False) -> None:
    """A new file with the overlay; LabError as for corpora."""
    _write({path: (_head(overlay) + "".join(map(entry_text, overlay.case)), overlay)}, force)


def _head(corpus: Corpus | Overlay) -> str:
    facts = corpus.model_dump(exclude={"case"}, exclude_none=True, exclude_defaults=True)
    return "".join(f"{key} = {toml_value(value)}\n" for key, value in facts.items())


def write_parts(file: Path, corpus: Corpus, parts: Mapping[Path, tuple[str, list[int]]], made: str) -> None:
    """New files with parts of the corpus in `file`: path -> (name, indices of cases).

    The text of the cases is copied as it is, and so is what stands before them, but for the name; `made` is
    the comment at the top. LabError, and no file, when one is there already or cannot be written.
    """
    text = read_text(file)
    files = {}
    with _named(file):
        preface, cases = cut(text, len(corpus.case))
        for path, (name, rows) in parts.items():
            head = f"# {printable(made)}{line_end(text)}{renamed(preface, name)}"
            chosen = {"name": name, "case": tuple(corpus.case[i] for i in rows)}
            files[path] = (head + "".join(cases[i] for i in rows), corpus.model_copy(update=chosen))
    _write(files)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Put the file's name before what is wrong with its text."""
    try:
        yield
    except LabError as e:
        raise LabError(f"{path}: {e}") from None


def _write(files: Mapping[Path, tuple[str, Corpus | Overlay]], force: bool = False) -> None:
    """Write new files with text that says what the corpora do: all of them or none."""
    for path, (text, corpus) in files.items():
        _check(path, text, corpus)
        if path.exists() and not force:
            raise LabError(f"{path}: exists already, and nothing is overwritten; choose another name")
    made: dict[Path, Path] = {}
    try:
        for path, (text, _) in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            made[path] = path.with_name(f".{path.name}.{os.getpid()}.made")
            write_new(made[path], text.encode())
            with suppress(FileNotFoundError):
                shutil.copymode(path, made[path])
        for path, whole in made.items():  # no disk is too full for a new name
            whole.replace(path)
    except OSError as e:
        raise LabError(f"{path}: cannot be written: {e.strerror}") from None
    finally:
        for whole in made.values():
            whole.unlink(missing_ok=True)


def _check(path: Path, text: str, corpus: Corpus | Overlay) -> None:
    """LabError when the text, meant for the file at `path`, does not say just what the corpus does."""
    try:
        same = type(corpus).model_validate(tomllib.loads(text)) == corpus
    except ValueError:
        same = False
    if not same:
        raise LabError(
            f"{path}: nothing written: the new text would not be read as it should; write every case as a "
            "[[case]] table of its own, a key a line"
        )
