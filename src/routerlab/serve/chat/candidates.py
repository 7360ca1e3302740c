"""A routing table at work: which models a prompt may go to, and in which order they are tried."""

from dataclasses import dataclass
from pathlib import Path

from routerlab.core.errors import LabError
from routerlab.core.remote import Remote, api_key
from routerlab.core.taxonomy import Taxonomy
from routerlab.study.routing_table import Routes, Target, load_routes


@dataclass(frozen=True)
class Table:
    """Routes whose models have endpoints, and what each is asked with: its remote and key by its name."""

    routes: Routes
    remotes: dict[str, Remote]
    keys: dict[str, str | None]

    @property
    def note(self) -> str | None:
        """What is to be known of prompts without a label, where they do not go to the default."""
        first, default = self.targets(None)[:1], self.routes.default
        if first and first[0].name == default:
            return None
        where = f"go to {first[0].name}" if first else "get 503"
        return (
            f"{self.routes.name}: {default}, the default, may not have prompts of every label, so those "
            f"whose label is not known {where}"
        )

    def targets(self, label: str | None, at_least: str | None = None) -> list[Target]:
        """The models to try, in order; empty where none may have the prompt.

        With a label: its own model, then stronger ones, the weakest first, then the default, of those that
        its constraints allow. Without one nobody knows whose constraints hold, so all do: the default, then
        others, the strongest first. `at_least` is the model that the conversation had before: weaker ones
        come behind it and those above it, if there are any that are allowed.
        """
        routes = self.routes
        own = [routes.routes[label]] if label in routes.routes else routes.route
        allowed = [t for t in routes.model if t.name in self.remotes and all(r.allows(t) for r in own)]
        first = routes.target(label if label in routes.routes else None)
        if label in routes.routes:
            stronger = sorted((t for t in allowed if t.tier >= first.tier), key=lambda t: t.tier)
            order = [first, *stronger, routes.targets[routes.default]]
        else:
            order = [first, *sorted(allowed, key=lambda t: -t.tier)]
        order = [t for i, t in enumerate(order) if t in allowed and t not in order[:i]]
        had = routes.targets.get(at_least or "")
        if had is None or not order or order[0].tier >= had.tier:
            return order
        above = [t for t in allowed if t.tier >= had.tier]
        above.sort(key=lambda t: (t.tier, t is not had))
        return [*above, *(t for t in order if t not in above)]


def load_table(path: Path, taxonomy: Taxonomy) -> Table:
    """The table in `path`; LabError when it is none, when a model that prompts go to has no endpoint, or when
    a key is missing."""
    routes = load_routes(path, taxonomy)
    used = dict.fromkeys((*(route.model for route in routes.route), routes.default))
    for name in used:
        if routes.targets[name].endpoint is None:
            raise LabError(
                f"{path}: model {name!r} has no endpoint, and prompts go to it: add a table [model.endpoint] "
                "with base_url, model and, if one is needed, key_env"
            )
    remotes = {target.name: remote for target in routes.model if (remote := target.remote)}
    for remote in remotes.values():
        if remote.shows_the_key:
            raise LabError(f"{path}: {remote.host} would get its key without TLS: use https")
    return Table(routes, remotes, {name: api_key(remote) for name, remote in remotes.items()})
