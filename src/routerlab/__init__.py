"""routerlab: a terminal lab for front-door routing with small language models.

From Python: `with load_router("smollm2-135m:probe") as r: r.route("...").label`. Everything that is imported
from here is loaded when it is first used, so that `import routerlab` costs nothing.
"""

from routerlab.version import __version__

TYPE_CHECKING = False  # that of typing, whose import would make `routerlab --version` a third slower
if TYPE_CHECKING:
    from routerlab.api import AsyncRouter, Decision, Router, load_async_router, load_router
    from routerlab.core.errors import LabError

__all__ = [
    "AsyncRouter",
    "Decision",
    "LabError",
    "Router",
    "__version__",
    "load_async_router",
    "load_router",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from routerlab import api

    found: object = getattr(api, name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
