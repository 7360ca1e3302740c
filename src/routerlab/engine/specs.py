"""From what a person writes to an arm: `ID_OR_PATH[:CONTRACT]`, or a router file."""

from collections.abc import Sequence
from pathlib import Path

from routerlab.core.errors import Exit, LabError
from routerlab.engine.arm import ArmSpec, Encoding, Untuned
from routerlab.engine.cascade import member_files
from routerlab.engine.router import Cascade, load_router
from routerlab.models.catalog import find_model, load_catalog
from routerlab.paths import router_folders
from routerlab.resources import ROUTERS

SUFFIXES: dict[str, tuple[Untuned, Encoding]] = {
    "score": ("score", "json-name"),
    "score-name": ("score", "name"),
    "score-code": ("score", "code"),
    "json": ("json", "json-name"),
}
"""How an untuned arm says how it is asked."""


def arm_spec(text: str, contract: Untuned) -> ArmSpec:
    """The arm that `text` names: a catalogue id, a GGUF path or the stem of a file in a models folder; or a
    router: a `.toml` file, or `NAME:probe` for one in ./routers, the user's folder or the package.

    A suffix `:json`, `:score`, `:score-name` or `:score-code` wins over `contract`. The arm is named after
    the catalogue entry or the file, with any suffix but `score` added. LabError when there is no such model,
    with what to do.
    """
    if text.endswith(".toml"):
        return router_spec(Path(text))
    head, _, tail = text.rpartition(":")
    if head and tail in ("probe", "cascade"):
        return router_spec(find_router(head))
    encoding: Encoding = "json-name"
    if head and tail in SUFFIXES:
        text, (contract, encoding) = head, SUFFIXES[tail]
    model = find_model(text)
    entry = next((e for e in load_catalog().model if e.file == model.name), None)
    suffix = next(s for s, way in SUFFIXES.items() if way == (contract, encoding))
    base = entry.id if entry else model.stem
    name = base if suffix == "score" else f"{base}:{suffix}"
    return ArmSpec(name=name, model=model, contract=contract, encoding=encoding)


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
    try:
        model = find_model(router.model.id or router.model.file)
    except LabError as e:
        raise LabError(f"{path}: was tuned for {router.model.file}: {e}", Exit.MISSING) from e
    return ArmSpec(
        name=f"{router.name}:{router.contract}", model=model, contract=router.contract, router=path
    )


def arm_specs(texts: Sequence[str], contract: Untuned) -> list[ArmSpec]:
    """The arms that the texts name, none twice."""
    specs = [arm_spec(text, contract) for text in texts]
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise LabError(f"arm {name!r} is named twice", Exit.USAGE)
    return specs
