"""Who may ask: whoever has the token, under a name that no stranger's page can have; and how faults end."""

import asyncio
import hmac
import socket
import sys
import traceback
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from routerlab.core.loopback import is_loopback, may_ask
from routerlab.serve.limits import GoneError, Limits, RefusedError
from routerlab.serve.metrics import Metrics

OPEN = ("/health", "/ready")
"""What is answered without a token, for balancers."""
LEAST_TOKEN = 16
"""Characters of a token."""


class Access:
    """The outermost of the app: it lets in, counts, and turns what is raised within into an answer, of which
    nothing but the kind of the fault and its place is told."""

    def __init__(
        self,
        app: ASGIApp,
        token: str | None,
        host: str,
        limits: Limits,
        metrics: Metrics,
        tell: Callable[[str], None],
    ) -> None:
        self._app = app
        self._token = token
        self._names = {"localhost", host.lower()}
        if not is_loopback(host):
            self._names.add(socket.gethostname().lower())
        self._limits = limits
        self._metrics = metrics
        self._tell = tell
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] != "http":
            return
        began = False

        async def sending(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        self._open += 1
        self._metrics.requests.set(self._open)
        try:
            self._let_in(scope)
            scope["app"] = self  # so that a method that is none of the address's is raised, not answered
            await self._app(scope, receive, sending)
        except GoneError:
            pass
        except HTTPException as e:  # of a known address, and of nothing else here
            ways = (e.headers or {}).get("Allow", "")
            refused = RefusedError(e.status_code, "wrong_method", f"this address takes {ways}", allow=ways)
            self._metrics.refused.labels(refused.code).inc()
            await refused.response(scope, receive, send)
        except RefusedError as refused:
            self._metrics.refused.labels(refused.code).inc()
            await refused.response(scope, receive, send)
        except asyncio.CancelledError:  # open still when the server's time to end is over
            if not began:
                ending = RefusedError(503, "ending", "the server ends; ask again", 1.0)
                await ending.response(scope, receive, send)
            raise
        except Exception as e:
            self._tell(f"{scope['method']} {_where(e)}")
            if not began:
                fault = RefusedError(500, "internal", "something here is wrong; the server's log says where")
                await fault.response(scope, receive, send)
        finally:
            self._open -= 1
            self._metrics.requests.set(self._open)

    def _let_in(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if scope["path"] in OPEN:
            return
        if self._token is None:
            try:
                known = may_ask(headers.get("host", ""), headers.get("origin"), self._names)
            except ValueError:
                known = False
            if not known:
                raise RefusedError(403, "forbidden", "another site's page, or another server's name")
        else:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode(), self._token.encode())
            if scheme.lower() != "bearer" or not right:
                raise RefusedError(401, "unauthorized", "the header Authorization: Bearer TOKEN is needed")
        if self._open > self._limits.requests and scope["path"] != "/metrics":
            raise RefusedError(429, "too_many_requests", f"{self._open - 1} requests are open already", 1.0)


def _where(e: BaseException) -> str:
    """The kind of a fault and its place, without its message, which may have a user's text in it."""
    frames = traceback.extract_tb(e.__traceback__ or sys.exc_info()[2])
    place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(e).__name__}{place}"
