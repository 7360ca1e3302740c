"""The application: its addresses, each a few lines, and what they share."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from routerlab.core.errors import LabError
from routerlab.core.session.session import pin_taxonomy
from routerlab.serve.access import Access
from routerlab.serve.chat.reply import Choosing, names, reply
from routerlab.serve.dialects import openai, system_one
from routerlab.serve.dialects.question import answer
from routerlab.serve.dialects.route import RouteBody, labelled, parse, told
from routerlab.serve.front import Front, Work
from routerlab.serve.limits import Limits, RefusedError, off_loop, read_body, unless_gone
from routerlab.serve.metrics import Metrics
from routerlab.serve.openapi import described
from routerlab.serve.page import page

Handler = Callable[[Request, bytes], Coroutine[Any, Any, Response]]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Server:
    """What the handlers of one server have in common."""

    front: Front
    limits: Limits
    metrics: Metrics
    choosing: Choosing
    token: str | None
    tell: Tell
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while somebody's page is read: one at a time, so that decisions have the processor."""

    async def health(self, request: Request) -> Response:
        """The process is there."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Questions are answered."""
        ready = self.front.ready
        return JSONResponse({"status": "ready" if ready else "not ready"}, 200 if ready else 503)

    async def counted(self, request: Request) -> Response:
        """The metrics."""
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def reload(self, request: Request) -> Response:
        """Load everything anew, or change nothing; only for whoever has the token."""
        given = request.headers.get("authorization", "").partition(" ")[2].strip()
        if self.token is None or not hmac.compare_digest(given.encode(), self.token.encode()):
            raise RefusedError(403, "forbidden", "reloading needs a token, and this server has none")
        return JSONResponse({"status": "reloaded", "router": await self.reloaded()})

    async def reloaded(self) -> str:
        """The router that was loaded anew; RefusedError when nothing has changed, as something is wrong."""
        try:
            work = await self.loaded()
        except LabError as e:
            self.tell(f"not reloaded: {e}")
            raise RefusedError(409, "not_reloaded", f"nothing has changed: {e}") from None
        self.tell(f"reloaded: {work.decider.main.name}")
        return work.decider.main.name

    async def loaded(self) -> Work:
        """All of it, loaded; LabError when anything is wrong."""
        work = await self.front.load()
        for table in work.tables.values():
            if table.note:
                self.tell(f"note: {table.note}")
        return work

    async def openapi(self, request: Request) -> Response:
        """What can be asked here."""
        return JSONResponse(described())

    async def route(self, request: Request, body: bytes) -> Response:
        """`POST /v1/route`."""
        asked: RouteBody = await off_loop(len(body), lambda: parse(body, RouteBody))
        with self.front.using() as work:
            decision = await work.decider.decide(asked.prompt)
            table = work.tables.get("")
            allowed = table.targets(decision.routed) if table else []
            target = allowed[0].name if allowed else None
            await work.decider.settle(asked.prompt, decision, target)
        return JSONResponse(told(labelled(decision), target))

    async def ask_system_one(self, request: Request, body: bytes) -> Response:
        """`POST /v1/systemone`."""
        return await self._decisions(body, system_one.Body)

    async def ask_openai(self, request: Request, body: bytes) -> Response:
        """`POST /v1/decisions`."""
        return await self._decisions(body, openai.Body)

    async def _decisions(self, body: bytes, model: type[system_one.Body] | type[openai.Body]) -> Response:
        asked = await off_loop(len(body), lambda: parse(body, model))
        with self.front.using() as work:
            answers = await answer(work, asked.asked, asked.text)
            return JSONResponse(asked.told(work.decider.main.name, answers))

    async def chat(self, request: Request, body: bytes) -> Response:
        """`POST /v1/chat/completions`."""
        with self.front.using() as work:
            return await reply(
                body, request.headers, work.decider, work.tables, self.choosing, self.limits, self.metrics
            )

    async def models(self, request: Request) -> Response:
        """`GET /v1/models`."""
        with self.front.using() as work:
            made = [
                {"id": name, "object": "model", "created": 0, "owned_by": "routerlab"}
                for name in names(work.tables)
            ]
        return JSONResponse({"object": "list", "data": made})

    async def trials(self, request: Request) -> Response:
        """`GET /v1/trials`."""
        recorder = self.front.recorder
        if recorder.folder is None:
            raise RefusedError(404, "no_session", "this server writes no session (--sessions none)")
        with self.front.using() as work:
            of = work.decider.materials
            labels = pin_taxonomy(of.taxonomy, of.taxonomy_path)
        async with self.reading:
            return await asyncio.to_thread(
                page, recorder.folder, tuple(recorder.paths), labels, request.query_params
            )

    def posted(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """The handler with the body read, ended when the client leaves."""

        async def handle(request: Request) -> Response:
            body = await read_body(request, self.limits)
            return await unless_gone(request.receive, handler(request, body))

        return handle


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    raise RefusedError(404, "not_found", "there is nothing at this address")


def application(server: Server, host: str) -> ASGIApp:
    """The ASGI application for a server that listens on `host`."""
    routes = [
        Route("/health", server.health),
        Route("/ready", server.ready),
        Route("/metrics", server.counted),
        Route("/openapi.json", server.openapi),
        Route("/admin/reload", server.reload, methods=["POST"]),
        Route("/v1/models", server.models),
        Route("/v1/trials", server.trials),
        Route("/v1/route", server.posted(server.route), methods=["POST"]),
        Route("/v1/systemone", server.posted(server.ask_system_one), methods=["POST"]),
        Route("/v1/decisions", server.posted(server.ask_openai), methods=["POST"]),
        Route("/v1/chat/completions", server.posted(server.chat), methods=["POST"]),
    ]
    app = Router(routes, redirect_slashes=False, default=_nowhere)
    return Access(app, server.token, host, server.limits, server.metrics, server.tell)
