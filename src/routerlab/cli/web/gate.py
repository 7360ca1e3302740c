"""Who may come in: whoever has the token, under a name that no stranger's page can have."""

import hmac
import socket

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from routerlab.core.loopback import is_loopback, may_ask


def gate(token: str, host: str) -> Middleware:
    """A middleware that answers 403, and nothing else, to all that does not begin with the token, that names
    this server otherwise than `host` and its kin, or that another site's page asks for."""
    names = {"localhost", host.lower()}
    if not is_loopback(host):
        names.add(socket.gethostname().lower())

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        first = request.path.split("/", 2)[1] if "/" in request.path else ""
        right = hmac.compare_digest(first.encode("utf-8", "surrogatepass"), token.encode())
        try:
            allowed = right and may_ask(request.host, request.headers.get("Origin"), names)
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
