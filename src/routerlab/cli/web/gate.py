"""Who may come in: whoever has the token, under a name that no stranger's page can have."""

import hmac
import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


def gate(token: str, host: str) -> Middleware:
    """A middleware that answers 403, and nothing else, to all that does not begin with the token, that names
    this server otherwise than `host` and its kin, or that another site's page asks for."""
    names = {"localhost", host.lower()}
    if not _loopback(host):
        names.add(socket.gethostname().lower())

    def known(request: web.Request) -> bool:
        name = urlsplit(f"//{request.host}").hostname or ""
        # A page that is rebound to this address still has its name; an address cannot be rebound.
        if name not in names and not _address(name):
            return False
        origin = request.headers.get("Origin")
        return origin is None or urlsplit(origin).netloc == request.host

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        first = request.path.split("/", 2)[1] if "/" in request.path else ""
        right = hmac.compare_digest(first.encode("utf-8", "surrogatepass"), token.encode())
        try:
            allowed = right and known(request)
        except ValueError:  # a Host or an Origin that is no such thing
            allowed = False
        if not allowed:
            return web.Response(status=403, text="403: open the address that `routerlab web` printed\n")
        return await handler(request)

    return guard


async def protect(request: web.Request, response: web.StreamResponse) -> None:
    """Headers of every answer: nothing from elsewhere, in no other page's frame, the token told to nobody."""
    response.headers.update(
        {
            "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' "
            "'unsafe-inline'; font-src 'self'; img-src data:; connect-src 'self' "
            f"ws://{_printable(request.host)}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
    )


def _printable(host: str) -> str:
    return "".join(c for c in host if c.isalnum() or c in ".:-[]")


def _address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _loopback(host: str) -> bool:
    return host == "localhost" or (_address(host) and ipaddress.ip_address(host).is_loopback)
