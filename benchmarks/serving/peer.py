"""A peer of the lab behind a server as small as can be, to be driven as `routerlab serve` is.

python -m benchmarks.serving.peer PORT SETUP.json (a `PeerSetup`): its own program, for its libraries are
seldom in the lab's environment.
"""

import asyncio
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from routerlab.bench.peers.child import load
from routerlab.bench.peers.protocol import PeerSetup


def main() -> None:
    """Serve on loopback until it is ended."""
    call, _ = load(PeerSetup.model_validate_json(Path(sys.argv[2]).read_text()))

    async def route(request: Request) -> JSONResponse:
        prompt = (await request.json())["prompt"]
        return JSONResponse({"label": (await asyncio.to_thread(call, prompt)).label})

    async def ready(request: Request) -> JSONResponse:
        return JSONResponse({})

    app = Starlette(routes=[Route("/v1/route", route, methods=["POST"]), Route("/ready", ready)])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
