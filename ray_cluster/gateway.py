"""What an institution shows to the outside: a typed HTTP gateway behind mutual TLS 1.3.

The plan route reads raw bytes: the strict parser behind `InstitutionHost.admit` is their only reader, since a framework
that parses JSON on its own lets duplicate keys and NaN through. A job's events stream back as lines of JSON; where the
analyst goes away, the job is cancelled.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import json
import logging
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from ray_cluster.identities import ProcessIdentity, key_text, pem
from ray_cluster.institution import InstitutionHost, TooManyJobs
from ray_cluster.links import HANDSHAKE_SECONDS
from ray_cluster.presence import Presence
from secureframe.errors import Busy, PartyUnavailable, PolicyError, SecureFrameError

LARGEST_REQUEST = 1 << 20
LARGEST_PACKAGE = 1 << 26
_MOST_CONNECTIONS = 128
_EXTENSION = "secureframe.certificate"
_END = ("result", "error")

_log = logging.getLogger("secureframe.gateway")


class CertificateProtocol(H11Protocol):
    """HTTP/1.1 that tells the application which certificate the client holds; uvicorn itself tells it nothing."""

    presence: Presence | None = None
    _caller: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(transport)
        ssl_object = transport.get_extra_info("ssl_object")
        certificate = ssl_object.getpeercert(True) if ssl_object is not None else None
        self._caller = None if certificate is None or self.presence is None else key_text(certificate)
        if self.presence is not None and self._caller is not None:
            self.presence.enter(self._caller)
        self.app = functools.partial(_with_certificate, self.app, certificate)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if self.presence is not None and self._caller is not None:
            self.presence.leave(self._caller)


async def _with_certificate(application: Any, certificate: bytes | None, scope: Scope, receive: Receive, send: Send) -> None:
    scope.setdefault("extensions", {})[_EXTENSION] = certificate
    await application(scope, receive, send)


class JobStream(StreamingResponse):
    """A job's events; whatever ends the response before the job ended cancels the job."""

    def __init__(self, events: AsyncIterator[bytes], on_end: Callable[[], None]) -> None:
        super().__init__(events, media_type="application/x-ndjson")
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            threading.Thread(target=self._on_end, name="cancellation", daemon=True).start()


def refusal(status: int, error: SecureFrameError) -> JSONResponse:
    """Return an error of SecureFrame as a response."""
    return JSONResponse(error.to_json(), status_code=status)


async def read_body(request: Request, most: int | None = None) -> bytes:
    """Return the raw body, refusing more than ``most`` bytes (`LARGEST_REQUEST`) without reading them."""
    most = LARGEST_REQUEST if most is None else most
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > most:
        raise HTTPException(413, f"a request has at most {most} bytes")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(413, f"a request has at most {most} bytes")
    return bytes(body)


def caller_key(request: Request) -> str:
    """Return the public key (base64) of the client's certificate."""
    certificate = request.scope.get("extensions", {}).get(_EXTENSION)
    if certificate is None:
        raise HTTPException(403, "a client certificate is required")
    return key_text(certificate)


def decoded(signature: str) -> bytes:
    """Return the bytes of a signature in a header."""
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise HTTPException(400, "the signature is not base64") from error


_PACKAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A party's sealed package, of the length that follows from the plan.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_PLAN_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The plan: canonical JSON (RFC 8785), exactly the bytes that were signed.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


def create_application(host: InstitutionHost) -> FastAPI:
    """Return the HTTP application of one institution."""
    application = FastAPI(title="SecureFrame gateway", version="1", docs_url=None, redoc_url=None)

    @application.get("/health", summary="Whether a job could run now")
    async def health() -> dict[str, str]:
        ready = await run_in_threadpool(host.ready)
        return {"institution": host.name, "state": "ready" if ready else "restarting"}

    @application.get("/catalog", summary="The tables that the institution offers")
    async def catalog() -> dict[str, Any]:
        return host.catalog()

    @application.get("/kept", summary="What the institution's party keeps of the caller's earlier statements")
    async def kept(request: Request) -> dict[str, str]:
        return await run_in_threadpool(host.kept, caller_key(request))

    @application.delete("/kept", summary="Drop what the institution's party keeps of the caller's statements")
    async def forget(request: Request) -> dict[str, bool]:
        await run_in_threadpool(host.forget, caller_key(request))
        return {"forgotten": True}

    @application.get("/saved", summary="The names of the caller's saved frames")
    async def saved(request: Request) -> list[str]:
        return await run_in_threadpool(lambda: host.shelf.names(caller_key(request)))

    @application.post("/saved", summary="Save a signed frame", openapi_extra=_PLAN_BODY, response_model=None)
    async def save(
        request: Request, x_secureframe_signature: Annotated[str, Header(description="Ed25519 signature, base64")]
    ) -> JSONResponse:
        verify_key = caller_key(request)
        body = await read_body(request)
        signature = decoded(x_secureframe_signature)

        def work() -> dict[str, Any]:
            host.save(body, signature, verify_key)
            return {"saved": True}

        return await _told(host, work)

    @application.get("/saved/{name}", summary="A saved frame, whose kept shares the party takes up again", response_model=None)
    async def load(request: Request, name: str) -> JSONResponse:
        return await _told(host, lambda: host.load(name, caller_key(request)))

    @application.delete("/saved/{name}", summary="Remove a saved frame", response_model=None)
    async def remove(request: Request, name: str) -> JSONResponse:
        return await _told(host, lambda: {"removed": host.shelf.forget(caller_key(request), name)})

    @application.post("/analysts", summary="Admit another analyst; in a simulation, by who started it", response_model=None)
    async def invite(
        request: Request, x_secureframe_signature: Annotated[str, Header(description="Ed25519 signature, base64")]
    ) -> JSONResponse:
        verify_key = caller_key(request)
        body = await read_body(request)
        try:
            signature = base64.b64decode(x_secureframe_signature, validate=True)
            await run_in_threadpool(host.invite, body, signature, verify_key)
        except (binascii.Error, ValueError) as error:
            raise HTTPException(400, "the invitation is malformed") from error
        except PolicyError as error:
            return refusal(403, error)
        return JSONResponse({"invited": True})

    @application.post("/jobs", summary="Run a signed plan", openapi_extra=_PLAN_BODY, response_model=None)
    async def run(
        request: Request, x_secureframe_signature: Annotated[str, Header(description="Ed25519 signature, base64")]
    ) -> StreamingResponse | JSONResponse:
        verify_key = caller_key(request)
        body = await read_body(request)
        signature = decoded(x_secureframe_signature)
        try:
            job_id, job_run = await run_in_threadpool(host.admit, body, signature, verify_key)
        except TooManyJobs:
            busy = Busy("the institution runs as many statements as it takes at once", institution=host.name)
            return refusal(429, busy)
        except PartyUnavailable as error:
            return refusal(503, error)
        except PolicyError as error:
            return refusal(403, error)
        except SecureFrameError as error:
            return refusal(422, error)
        except Exception as error:  # noqa: BLE001  # what it says may hold data: it stays in the institution's log
            _log.exception("a request could not be admitted")
            return refusal(500, SecureFrameError(f"an internal error ({type(error).__name__})", institution=host.name))
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        def emit(event: dict[str, Any]) -> None:
            # The loop is gone once the gateway has stopped: then nobody listens.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(events.put_nowait, event)

        threading.Thread(target=host.run, args=(job_id, emit), name=f"job {job_id[:8]}", daemon=True).start()
        return JobStream(_lines(events), job_run.cancel)

    @application.delete("/jobs/{job_id}", summary="Cancel a job at this institution")
    async def cancel(request: Request, job_id: str) -> dict[str, bool]:
        return {"cancelled": await run_in_threadpool(host.cancel, job_id, caller_key(request))}

    @application.post(
        "/packages/{job_id}/{party}",
        summary="Hand over a party's package of a job whose recipient this institution is",
        openapi_extra=_PACKAGE_BODY,
        response_model=None,
    )
    async def receive(request: Request, job_id: str, party: int) -> JSONResponse:
        verify_key = caller_key(request)
        package = await read_body(request, LARGEST_PACKAGE)
        try:
            await run_in_threadpool(host.receive, job_id, party, package, verify_key)
        except PolicyError as error:
            return refusal(403, error)
        except SecureFrameError as error:
            return refusal(422, error)
        except OSError as error:
            _log.exception("a result could not be kept")
            return refusal(500, SecureFrameError(f"an internal error ({type(error).__name__})", institution=host.name))
        return JSONResponse({"taken": True})

    return application


async def _told(host: InstitutionHost, work: Callable[[], dict[str, Any]]) -> JSONResponse:
    """Answer with what some work returns; of a failure no more than an error of SecureFrame says."""
    try:
        return JSONResponse(await run_in_threadpool(work))
    except SecureFrameError as error:
        return refusal(403 if isinstance(error, PolicyError) else 422, error)
    except Exception as error:  # noqa: BLE001  # what it says stays in the institution's log
        _log.exception("a saved frame could not be served")
        return refusal(500, SecureFrameError(f"an internal error ({type(error).__name__})", institution=host.name))


async def _lines(events: asyncio.Queue[dict[str, Any]]) -> AsyncIterator[bytes]:
    ended = False
    while not ended:
        # What has come together is told together.
        told = [await events.get()]
        while not events.empty():
            told.append(events.get_nowait())
        ended = any(event["event"] in _END for event in told)
        yield b"".join(json.dumps(event).encode("utf-8") + b"\n" for event in told)


class _Door(socket.socket):
    """A listening socket that keeps few connections open: whoever has shown no certificate yet costs memory already."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(fileno=listener.detach())
        self._inside: set[socket.socket] = set()

    def accept(self) -> tuple[socket.socket, Any]:
        connection, address = super().accept()
        self._inside = {each for each in self._inside if each.fileno() != -1}
        if len(self._inside) >= _MOST_CONNECTIONS:
            connection.close()
            raise ConnectionAbortedError
        self._inside.add(connection)
        return connection, address


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose servers wait for a handshake no longer than a link does."""

    async def create_server(self, *arguments: Any, **options: Any) -> asyncio.Server:
        return await super().create_server(*arguments, **options, ssl_handshake_timeout=HANDSHAKE_SECONDS)


class GatewayServer:
    """Serves an application from a thread of this process, to the holders of pinned certificates only.

    Parameters
    ----------
    application : ASGI application
        What is served.
    identity : ProcessIdentity
        Who serves.
    clients : list of bytes
        The certificates (DER) of those who may connect: analysts, and the hosts of parties.
    listener : socket.socket
        A bound socket, which the server takes over.
    presence : Presence, optional
        Is told of connections as they come and go.
    """

    def __init__(
        self,
        application: ASGIApp,
        identity: ProcessIdentity,
        clients: list[bytes],
        listener: socket.socket,
        presence: Presence | None = None,
    ) -> None:
        context = identity.server_context(clients)

        def factory(config: uvicorn.Config, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
            return context

        config = uvicorn.Config(
            application,
            http=type("Protocol", (CertificateProtocol,), {"presence": presence}),
            ws="none",
            lifespan="off",
            loop=f"{__name__}:{_Loop.__name__}",
            ssl_context_factory=factory,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=3600,
            timeout_graceful_shutdown=1,
            limit_concurrency=64,
        )
        self._context = context
        self._listener = _Door(listener)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="gateway", daemon=True)

    def start(self) -> None:
        """Begin to serve: who connects from here on is answered."""
        self._listener.listen(128)
        self._thread.start()

    def welcome(self, certificate: bytes) -> None:
        """Answer the holder of a further certificate (DER) from now on."""
        self._context.load_verify_locations(cadata=pem(certificate))

    def stop(self) -> None:
        """Stop serving, and wait until that is done."""
        self._server.should_exit = True
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        self._server.run(sockets=[self._listener])
