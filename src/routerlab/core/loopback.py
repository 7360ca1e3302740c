"""Which names are this machine's own, and whether whoever asks a server here may: for servers on loopback."""

import ipaddress
from collections.abc import Container
from urllib.parse import urlsplit


def is_address(name: str) -> bool:
    """Whether it is an address and no name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine can ask there."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def may_ask(host: str, origin: str | None, names: Container[str]) -> bool:
    """Whether a request with these headers is for a server with these names, and of no other site's page.

    ValueError for a Host or an Origin that is no such thing.
    """
    name = urlsplit(f"//{host}").hostname or ""
    # A page that is rebound to this address still has its name; an address cannot be rebound.
    if name not in names and not is_address(name):
        return False
    return origin is None or urlsplit(origin).netloc == host
