"""From what a person writes to an arm: `ID_OR_PATH[:CONTRACT]`, a router file, a baseline, or a remote."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from routerlab.core.errors import Exit, LabError
from routerlab.core.names import Parse
from routerlab.core.remote import Remote, api_key, find_remote
from routerlab.engine.arms.arm import ArmSpec, Spec
from routerlab.engine.arms.baseline import BaselineSpec
from routerlab.engine.arms.cascade import member_files
from routerlab.engine.contract.names import Encoding, Untuned
from routerlab.engine.contract.router import Cascade, ModelPin, load_router
from routerlab.engine.remote.arm import RemoteSpec
from routerlab.engine.remote.playback import RecordedSpec
from routerlab.models.catalog import find_model, load_catalog
from routerlab.models.progress import human
from routerlab.paths import config_file, router_folders
from routerlab.resources import ROUTERS
from routerlab.settings import load_settings

SUFFIXES: dict[str, tuple[Untuned, Encoding]] = {
    "score": ("score", "json-name"),
    "score-name": ("score", "name"),
    "score-code": ("score", "code"),
    "json": ("json", "json-name"),
}
"""How an untuned arm says how it is asked."""
LENIENT = "json-lenient"
"""The suffix of an arm that is asked as `json`, and whose answers are read leniently."""


REMOTE = "remote:"
"""What the names of remote arms begin with."""
CONTROL = "control"
"""The arm that puts no label on anything."""
BASELINES = "baseline:majority[:CORPUS.toml], baseline:keywords[:WORDS.toml] and baseline:agreement:A,B[,C]"


def any_spec(text: str, contract: Untuned, remotes: Sequence[Remote] | None = None) -> Spec:
    """The arm that `text` names: `control`, a baseline, a remote, or one of those that `arm_spec` knows;
    LabError when there is no such arm, with what to do. `remotes` are a plan's, instead of the settings'.

    Of agreement's arms the third, if there is one, is asked where the first two disagree.
    """
    if text == CONTROL:
        return BaselineSpec(name=CONTROL, contract="none")
    if text.startswith(REMOTE):
        return remote_spec(text.removeprefix(REMOTE), remotes)
    if not text.startswith("baseline:"):
        return arm_spec(text, contract)
    rule, _, rest = text.removeprefix("baseline:").partition(":")
    if rule == "majority" or rule == "keywords":
        return BaselineSpec(name=rule, contract=rule, file=Path(rest) if rest else None)
    members: list[ArmSpec] = []
    if rule == "agreement" and rest:
        if remote := next((one for one in rest.split(",") if one.startswith(REMOTE)), None):
            raise LabError(
                f"{text}: agreement asks models of this machine, not {remote}; make each an arm of its own: "
                "how often arms agree is in every analysis",
                Exit.USAGE,
            )
        members = distinct([arm_spec(one, contract) for one in rest.split(",")])
    if len(members) not in (2, 3):
        raise LabError(f"{text}: no such baseline; there are {BASELINES}", Exit.USAGE)
    name = f"agreement:{','.join(member.name for member in members)}"
    return BaselineSpec(name=name, contract="agreement", members=tuple(members))


def remote_spec(text: str, remotes: Sequence[Remote] | None = None) -> RemoteSpec | RecordedSpec:
    """The remote arm `NAME`, one of `remotes` or else of the settings; or `NAME@SESSION.toml`, which answers
    from that session. LabError when there is no such remote, or its key is missing.
    """
    name, at, file = text.partition("@")
    if at:
        recorded = f"{REMOTE}{name}@{Path(file).stem}"
        return RecordedSpec(name=recorded, remote=name, file=Path(file))
    known = load_settings().remote if remotes is None else remotes
    remote = find_remote(name, known, config_file() if remotes is None else "the plan")
    api_key(remote)
    return RemoteSpec(name=REMOTE + name, remote=remote)


def arm_spec(text: str, contract: Untuned) -> ArmSpec:
    """The arm that `text` names: a catalogue id, a GGUF path or the stem of a file in a models folder; or a
    router: a `.toml` file, or `NAME:probe` for one in ./routers, the user's folder or the package.

    A suffix `:json`, `:json-lenient`, `:score`, `:score-name` or `:score-code` wins over `contract`. The arm
    is named after the catalogue entry or the file, with any suffix but `score` added. LabError when there is
    no such model, with what to do.
    """
    if text.endswith(".toml"):
        return router_spec(Path(text))
    head, _, tail = text.rpartition(":")
    if head and tail in ("probe", "cascade"):
        return router_spec(find_router(head))
    encoding: Encoding = "json-name"
    lenient = bool(head) and tail == LENIENT
    if head and (tail in SUFFIXES or lenient):
        text, (contract, encoding) = head, SUFFIXES["json" if lenient else tail]
    model = find_model(text)
    entry = next((e for e in load_catalog().model if e.file == model.name), None)
    suffix = LENIENT if lenient else next(s for s, way in SUFFIXES.items() if way == (contract, encoding))
    base = entry.id if entry else model.stem
    name = base if suffix == "score" else f"{base}:{suffix}"
    parse: Parse | None = "lenient" if lenient else None
    return ArmSpec(name=name, model=model, contract=contract, encoding=encoding, parse=parse)


def local_routers() -> list[Path]:
    """The router files that are here, by name: of two with the same name the nearer."""
    found: dict[str, Path] = {}
    for folder in (*router_folders(), ROUTERS):
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(path.stem, path)
    return [found[name] for name in sorted(found)]


def find_router(name: str) -> Path:
    """The file of the router that is called `name`; LabError when there is none, with what there is."""
    known = {path.stem: path for path in local_routers()}
    if name in known:
        return known[name]
    raise LabError(
        f"no router {name!r}; there are: {', '.join(known) or 'none'}; `routerlab tune {name}` makes one",
        Exit.MISSING,
    )


def router_spec(path: Path) -> ArmSpec:
    """The arm of a router file; LabError when it or the model it was tuned for is missing.

    A cascade's model is that of its last member, the largest.
    """
    router = load_router(path)
    if isinstance(router, Cascade):
        model = router_spec(member_files(path, router)[-1]).model
        return ArmSpec(name=f"{router.name}:cascade", model=model, contract="cascade", router=path)
    model = pinned_model(path, router.model)
    return ArmSpec(
        name=f"{router.name}:{router.contract}", model=model, contract=router.contract, router=path
    )


def pinned_model(path: Path, pin: ModelPin) -> Path:
    """The file of the model that the router at `path` was tuned for; LabError when it is not here, with the
    command that gets or makes it."""
    try:
        return find_model(pin.id or pin.file)
    except LabError as e:
        if pin.made_from is None:
            raise LabError(f"{path}: was tuned for {pin.file}: {e}", Exit.MISSING) from None
    source, to = pin.made_from, pin.quantization
    entry = load_catalog().get(source.id or "")
    if entry is None:
        how = f"`routerlab models quantize {source.file} --to {to.lower()}` makes it of {source.file}"
        raise LabError(f"{pin.file} is not here: {how}, which is in no catalogue", Exit.MISSING)
    try:
        find_model(entry.id)
        steps = f"quantizes {entry.id} to {to}"
    except LabError:
        size = f", {human(entry.size)}," if entry.size else ""
        steps = f"pulls {entry.id}{size} and quantizes it to {to}"
    named = f"{path.stem}:probe" if _known(path) else str(path)
    raise LabError(
        f"{pin.file} is not here: `routerlab models pull {named}` makes it ({steps})", Exit.MISSING
    )


def _known(path: Path) -> bool:
    """Whether a router's name is enough to find this file."""
    return any(path.absolute() == known.absolute() for known in local_routers())


def arm_specs(texts: Sequence[str], contract: Untuned) -> list[Spec]:
    """The arms that the texts name, none twice."""
    return distinct([any_spec(text, contract) for text in texts])


S = TypeVar("S", bound=Spec)


def distinct(specs: list[S]) -> list[S]:
    """The same; LabError when two have one name."""
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise LabError(f"arm {name!r} is named twice", Exit.USAGE)
    return specs
