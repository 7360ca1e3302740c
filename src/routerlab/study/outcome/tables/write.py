"""A routing table as a file."""

import tomli_w

from routerlab.study.routing_table import Routes


def routes_text(routes: Routes) -> bytes:
    """The table as TOML that `load_routes` reads."""
    head = "# Learned from outcomes by `routerlab outcome table`.\n"
    return (head + tomli_w.dumps(routes.model_dump(exclude_none=True))).encode()
