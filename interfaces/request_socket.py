"""Requests and replies between processes of one machine: AF_UNIX SOCK_SEQPACKET, one JSON object a message, one reply a request.

For what a person or a program asks now and then (what to follow, how it goes); what flows every period is interfaces/wire.py.
"""

from __future__ import annotations

import contextlib
import json
import logging
import select
import selectors
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from interfaces.errors import ProtocolError, RefusedError

REQUEST_MAX_BYTES = 4096
REPLY_MAX_BYTES = 65536
CLIENTS_MAX = 32  # one more, and the one that was silent for longest is hung up on
_STOP_LOOK_S = 0.1  # how often the server looks whether it should end
_PAUSE_S = 0.002  # between two rounds: who asks without end costs the other threads of the process little

_log = logging.getLogger(__name__)

JsonObject = dict[str, Any]


def parse_object(data: bytes) -> JsonObject:
    """Return the JSON object in `data`; raises ProtocolError on anything that is not one."""
    if len(data) > REQUEST_MAX_BYTES:
        raise ProtocolError(f"a request of more than {REQUEST_MAX_BYTES} bytes")
    try:
        request: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a request that is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise ProtocolError("a request that is not a JSON object")
    return cast("JsonObject", request)


class RequestServer:
    """Answers requests on the socket at `path`, in a thread of its own, any number of clients."""

    def __init__(self, path: Path, answer: Callable[[JsonObject], JsonObject]) -> None:
        """`answer` may raise ProtocolError or RefusedError. Raises RefusedError when another process listens at `path`."""
        self._answer = answer
        self._path = path
        self._listener = _listen(path)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._clients: dict[socket.socket, None] = {}  # in the order in which they were heard last
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="requests", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering and remove the socket."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        for key in list(self._selector.get_map().values()):
            cast("socket.socket", key.fileobj).close()
        self._selector.close()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while not self._stop.is_set():
            for key, _ in self._selector.select(_STOP_LOOK_S):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj in self._clients:  # else hung up on in this very round
                    self._serve_client(cast("socket.socket", key.fileobj))
            self._stop.wait(_PAUSE_S)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the client left already
            client, _ = self._listener.accept()
            client.settimeout(0)
            self._selector.register(client, selectors.EVENT_READ)
            self._clients[client] = None
        if len(self._clients) > CLIENTS_MAX:
            self._hang_up(next(iter(self._clients)))

    def _serve_client(self, client: socket.socket) -> None:
        self._clients.pop(client)
        self._clients[client] = None  # the newest
        try:
            data = client.recv(REQUEST_MAX_BYTES + 1)
            if data:
                client.send(self._reply(data))
                return
        except OSError:  # gone, or it does not read its replies: nobody to tell
            pass
        self._hang_up(client)

    def _hang_up(self, client: socket.socket) -> None:
        self._clients.pop(client)
        self._selector.unregister(client)
        client.close()

    def _reply(self, data: bytes) -> bytes:
        try:
            reply = json.dumps(self._answer(parse_object(data)))
        except (ProtocolError, RefusedError) as error:
            reply = json.dumps({"error": str(error)})
        except Exception as error:  # noqa: BLE001 - whatever is asked, the next one gets an answer, too
            _log.exception("a request was not answered")
            reply = json.dumps({"error": f"a fault of the program: {error!r}"[:REQUEST_MAX_BYTES]})
        if len(reply) > REPLY_MAX_BYTES:
            reply = json.dumps({"error": f"a reply of {len(reply)} bytes; {REPLY_MAX_BYTES} are the limit"})
        return reply.encode()


class RequestClient:
    """One connection to a process that answers requests; a context manager."""

    def __init__(self, path: Path, timeout_s: float = 5.0) -> None:
        """Connect; raises RefusedError when nobody listens at `path`."""
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise RefusedError(f"{path}: nobody answers there: {error.strerror or error}") from error

    def request(self, request: JsonObject) -> JsonObject:
        """Return the reply to `request`, {"error": ...} included; raises RefusedError when the process is gone."""
        self.send(request)
        return self.receive()

    def send(self, request: JsonObject) -> None:
        """Ask, and leave the reply to `receive`; raises RefusedError when the process is gone."""
        try:
            self._socket.send(json.dumps(request).encode())
        except OSError as error:
            raise RefusedError(f"{self._path}: no answer: {error}") from error

    def answered(self) -> bool:
        """Return whether `receive` would return at once."""
        readable, _, _ = select.select((self._socket,), (), (), 0)
        return bool(readable)

    def receive(self) -> JsonObject:
        """Return the next reply; raises RefusedError when the process is gone."""
        try:
            data = self._socket.recv(REPLY_MAX_BYTES)
        except OSError as error:
            raise RefusedError(f"{self._path}: no answer: {error}") from error
        if not data:
            raise RefusedError(f"{self._path}: the process closed the connection")
        return cast("JsonObject", json.loads(data))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def __enter__(self) -> RequestClient:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()


def _listen(path: Path) -> socket.socket:
    if _answers(path):
        raise RefusedError(f"{path}: another process listens there")
    path.unlink(missing_ok=True)  # left by a process that was killed
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        listener.bind(str(path))
        path.chmod(0o660)
        listener.listen(8)
    except OSError as error:
        listener.close()
        raise RefusedError(f"{path}: cannot listen: {error}") from error
    listener.settimeout(0)
    return listener


def _answers(path: Path) -> bool:
    try:
        RequestClient(path, timeout_s=1.0).close()
    except RefusedError:
        return False
    return True
