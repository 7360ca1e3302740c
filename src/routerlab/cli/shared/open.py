"""What commands open: taxonomy and corpus, arms, a session, a lab."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from routerlab.cli.shared.show import say
from routerlab.core.errors import Exit, LabError
from routerlab.engine.contract.names import Untuned

if TYPE_CHECKING:
    from routerlab.core.corpus import Corpus
    from routerlab.core.session.arm import AnyArmRecord, ArmRecord
    from routerlab.core.session.file import SessionFile
    from routerlab.core.session.session import Pin
    from routerlab.core.taxonomy import Taxonomy
    from routerlab.engine.arms.arm import ArmSpec, Spec
    from routerlab.engine.lab.factory import ArmFactory
    from routerlab.engine.lab.lab import Lab
    from routerlab.engine.lab.materials import Materials
    from routerlab.settings import Settings


def open_materials(
    taxonomy_file: Path | None, corpus_file: Path | None, session: Path | None = None
) -> "Materials":
    """Taxonomy and corpus: those named, else those that `session` pins if found, else those that ship.

    There is no corpus when only another taxonomy than the shipped one is named.
    """
    from routerlab.core.corpus import Corpus, load_corpus
    from routerlab.core.session.file import peek_session
    from routerlab.core.session.session import pinned
    from routerlab.core.taxonomy import Taxonomy, load_taxonomy
    from routerlab.engine.lab.materials import Materials
    from routerlab.resources import ROUTING60, TAXONOMY

    if session is not None and session.exists():
        header = peek_session(session)[0]
        # Where nothing is found, opening the session says so.
        if not taxonomy_file and (labels := pinned(header.taxonomy, session, TAXONOMY, Taxonomy)):
            taxonomy_file = labels[0]
        if header.corpus and not corpus_file and (cases := pinned(header.corpus, session, ROUTING60, Corpus)):
            corpus_file = cases[0]
    path = taxonomy_file or TAXONOMY
    taxonomy = load_taxonomy(path)
    if corpus_file is None and path == TAXONOMY:
        corpus_file = ROUTING60
    if corpus_file and not _is_corpus(corpus_file):
        corpus_file = _imported(corpus_file, taxonomy, session)
    corpus = load_corpus(corpus_file, taxonomy) if corpus_file else None
    return Materials(taxonomy, path, corpus, corpus_file)


def _is_corpus(file: Path) -> bool:
    """Whether the file is TOML by its name or its text; so is one that is not there, which is told later."""
    if file.suffix.lower() == ".toml" or not file.is_file():
        return True
    with file.open("rb") as f:
        return re.search(rb"^schema_version\s*=", f.read(65536), re.MULTILINE) is not None


def _imported(file: Path, taxonomy: "Taxonomy", session: Path | None) -> Path:
    """A corpus made of a file of prompts, for a session to pin: it lies beside the session, with its hash."""
    from routerlab.annotate.corpus.file import write_corpora
    from routerlab.annotate.corpus.prompts import read_prompts
    from routerlab.core.corpus import Corpus
    from routerlab.paths import sessions_dir

    try:
        read = read_prompts(file, taxonomy)
    except LabError as e:
        if "--map" not in str(e):
            raise
        raise LabError(f"{e} of `routerlab corpus import`", e.code) from None
    for line in (*read.preview, *read.notes):
        say(line)
    corpus = Corpus(
        schema_version=1,
        name=file.stem,
        taxonomy=taxonomy.name,
        source=f"imported from {file.name}",
        case=read.cases,
    )
    folder = session.parent if session else sessions_dir()
    path = folder / "corpora" / f"{file.stem}-{corpus.sha256[:12]}.toml"
    if not path.exists():
        write_corpora({path: corpus}, force=True)
    say(f"kept as {path}")
    return path


def cases_of(materials: "Materials", how: str = "with --corpus") -> "Corpus":
    """The corpus; LabError where there is none, which says `how` to name one."""
    if materials.corpus is None:
        raise LabError(f"there is no corpus for this taxonomy: name one {how}")
    return materials.corpus


def open_session(path: Path | None, materials: "Materials") -> "SessionFile | None":
    """The session in `path` to go on with, or None if there is none; LabError when it does not fit."""
    from routerlab.cli.shared.read import reading
    from routerlab.core.session.file import SessionFile
    from routerlab.paths import session_cache

    if path is None or not path.exists():
        return None
    with reading() as tell:
        file = SessionFile.open(path, lambda done, total: tell(path.name, done, total), session_cache())
    header = file.session.header
    pinned: list[tuple[str, Pin, str]] = [("taxonomy", header.taxonomy, materials.taxonomy.sha256)]
    if header.corpus and materials.corpus:
        pinned.append(("corpus", header.corpus, materials.corpus.sha256))
    for kind, pin, sha256 in pinned:
        if pin.sha256 != sha256:
            file.close()
            raise LabError(
                f"{path}: was made with {kind} {pin.name} {pin.sha256[:12]}, this one is {sha256[:12]}; "
                f"name the right file ({pin.path}), or begin a new session"
            )
    if file.torn:
        say(f"{path}: an unfinished last record ({file.torn} bytes) was moved to {file.torn_path}")
    return file


def open_lab(
    arms: list[str] | None,
    materials: "Materials",
    exemplars: str | None,
    settings: "Settings",
    session: Path | None,
    repeats: int = 1,
    bulk: int = 1,
    *,
    armless: bool = False,
    engine: str | None = None,
) -> "tuple[Lab, list[Spec]]":
    """A lab and the arms to start in it: those named, else those of the session, else those of the settings.

    Of the settings' arms only those whose model is here count. LabError when a named model is missing, when
    there is no arm and it may not be `armless`, or when the session is the result of a study. `engine` is a
    cluster that models are asked on.
    """
    from functools import partial

    from routerlab.core.session.file import new_session_path
    from routerlab.engine.lab.factory import model_arms
    from routerlab.engine.lab.lab import Lab
    from routerlab.engine.lab.specs import arm_specs
    from routerlab.paths import sessions_dir

    factory: ArmFactory = model_arms(materials.taxonomy, exemplars, settings, bulk)
    if engine is not None:
        from routerlab.engine.cluster.arm import on_cluster

        make = partial(model_arms, materials.taxonomy, exemplars, slots=bulk)
        factory = on_cluster(engine, make, factory, settings, say)
    specs = arm_specs(arms, settings.contract) if arms else []
    file = open_session(session, materials)
    if file is not None and (runs := file.session.runs):
        file.close()
        what = "a trial" if runs[-1].kind == "trial" else "a benchmark"
        raise LabError(
            f"{session}: is the result of {what}, and nothing else belongs into it; name another session"
        )
    if not specs and file:
        specs = [_again(record) for record in file.session.arms.values()]
    if not specs:
        specs = [spec for text in settings.arms if (spec := _if_here(text, settings.contract))]
    if not specs and not armless:
        raise LabError(
            "no arm: name one with --arm, or `routerlab models pull smollm2-135m:probe` first", Exit.MISSING
        )
    path = session or new_session_path(sessions_dir(), datetime.now(UTC))
    return Lab(materials, settings, factory, path, file, repeats, bulk), specs


def open_watch(
    watched: Path | str,
    taxonomy: Path | None,
    corpus: Path | None,
    settings: "Settings",
    session: Path | None,
) -> "Lab":
    """A lab that follows the session `watched`, or those of the server at that URL, and keeps annotations in
    `session`: by default beside it, or among the sessions under the server's name. LabError when nothing can
    be watched there, or its taxonomy is not here."""
    import os

    from routerlab.core.session.file import peek_session
    from routerlab.integrations.litellm import TOKEN  # what a client needs; serve.run needs the extra
    from routerlab.paths import sessions_dir
    from routerlab.serve.follow import FollowingLab
    from routerlab.serve.tail import Tail, UrlTail, labels_at

    token = os.environ.get(TOKEN, "").strip() or None
    if isinstance(watched, str):
        watched = watched.rstrip("/")
        pin = labels_at(watched, token)
        host = re.sub(r"[^\w.-]+", "-", urlsplit(watched).netloc.rpartition("@")[2])
        path = session or sessions_dir() / f"{host}-watched.toml"
    else:
        pin = peek_session(watched)[0].taxonomy
        path = session or watched.with_name(f"{watched.stem}-watched.toml")
        if path.resolve() == watched.resolve():
            raise LabError(f"{path}: is the session that is watched; annotations go to another")
    materials = open_materials(taxonomy, corpus, path if isinstance(watched, str) else watched)
    if materials.taxonomy.sha256 != pin.sha256:
        raise LabError(
            f"{watched}: was made with taxonomy {pin.name} {pin.sha256[:12]} ({pin.path}), which is not "
            "here; name it with --taxonomy"
        )
    own = open_session(path, materials)
    if isinstance(watched, str):
        known = own.session.trials if own else ()
        return FollowingLab(materials, settings, UrlTail(watched, token, pin.sha256, known), path, own)
    return FollowingLab(materials, settings, Tail(watched), path, own)


def _again(record: "AnyArmRecord") -> "Spec":
    """The arm of a session; a model or router that has moved is looked for by its name."""
    from routerlab.core.session.arm import ArmRecord, RemoteRecord
    from routerlab.engine.arms.baseline import BaselineSpec
    from routerlab.engine.lab.specs import remote_spec

    if isinstance(record, ArmRecord):
        return _model_again(record)
    if isinstance(record, RemoteRecord):
        again = f"{record.remote}@{record.recording}" if record.recording else record.remote
        return remote_spec(again).model_copy(update={"name": record.name})
    return BaselineSpec(
        name=record.name,
        contract=record.contract,
        file=Path(record.source_file) if record.source_file and Path(record.source_file).exists() else None,
        members=tuple(map(_model_again, record.member)),
    )


def _model_again(record: "ArmRecord") -> "ArmSpec":
    from routerlab.engine.arms.arm import ArmSpec
    from routerlab.engine.contract.encoding import DESCRIBED
    from routerlab.models.catalog import find_model

    if record.router_file:
        from routerlab.engine.lab.specs import find_router, router_spec

        router = Path(record.router_file)
        spec = router_spec(router if router.exists() else find_router(router.stem))
        return spec.model_copy(update={"name": record.name})
    model = Path(record.model_file)
    if not model.exists():
        with suppress(LabError):
            model = find_model(model.name)
    encoding = next((e for e, words in DESCRIBED.items() if words == record.encoding), "json-name")
    told = {"name": record.name, "model": model, "contract": record.contract, "encoding": encoding}
    return ArmSpec.model_validate(told | {"parse": record.parse})


def anything_here(settings: "Settings") -> bool:
    """Whether one of the arms that the settings name is here, for the lab to open with."""
    return any(_if_here(text, settings.contract) for text in settings.arms)


def _if_here(text: str, contract: Untuned) -> "Spec | None":
    from routerlab.engine.lab.specs import any_spec

    try:
        return any_spec(text, contract)
    except LabError:
        return None
