"""The page's process: one thread looks at the robot, some answer viewers, and systemd hears of every look."""

from __future__ import annotations

import logging
import signal
import threading

from runtime.page.answers import Answers
from runtime.page.looking import Looking
from runtime.page.server import HOST, PageServer
from runtime.service.notifier import Notifier
from runtime.status.gather import Gathering, RobotPlace
from runtime.status.poller import Poller

_log = logging.getLogger(__name__)
_LOOK_S = 0.5


def run(place: RobotPlace, port: int) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status: 1 when the looking ended.

    Raises ConfigError for an impossible robot file, RefusedError where it cannot listen.
    """
    stop, notifier = threading.Event(), Notifier()

    def looked(gathering: Gathering, t_now_ns: int) -> None:
        looking.fetch(gathering)
        notifier.progress(t_now_ns)

    poller = Poller(place, looked)
    looking = Looking([camera.name for camera in poller.robot.cameras])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    with PageServer(port, Answers(poller.robot, poller.seen, looking).answer) as server, poller:
        threading.Thread(target=server.serve_forever, name="server", daemon=True).start()
        ready = f"http://{HOST}:{server.port}/"
        _log.info("status page of %s at %s", poller.robot.name, ready)
        heard = notifier.ready(ready)
        while poller.alive and not stop.wait(_LOOK_S):
            heard = heard or notifier.ready(ready)  # where systemd was too busy
        notifier.stopping("asked to end")
        server.shutdown()
    if not stop.is_set():
        _log.error("ends, for systemd to start it again: it does not look at the robot any more")
    return 0 if stop.is_set() else 1
