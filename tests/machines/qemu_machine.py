"""One virtual machine in QEMU, without hardware support: a USB port, two CAN controllers, and a line to talk to its inside.

Orders go over QEMU's own control socket (QMP); what runs inside speaks over a second serial line, one line of text a message.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

QEMU = "qemu-system-x86_64"
START_S = 20.0
ANSWER_S = 20.0
ADAPTERS = {  # what can be plugged in and pulled: the name for it, and QEMU's properties
    "adapter": {"driver": "usb-serial", "chardev": "servos", "bus": "usb.0"},
    "can0": {"driver": "kvaser_pci", "canbus": "wire", "addr": "0x10"},
    "can1": {"driver": "kvaser_pci", "canbus": "wire", "addr": "0x11"},  # the other end of the wire
}


class MachineError(Exception):
    """The virtual machine did not do what was asked of it, in time."""


class Lines:
    """Lines of text over a socket, each waited for until a deadline."""

    def __init__(self, path: Path) -> None:
        """Connect as soon as somebody listens at `path`."""
        self._socket = _connect(path)
        self._buffer = b""

    def send(self, line: str) -> None:
        """Send one line."""
        self._socket.sendall(line.encode() + b"\n")

    def receive(self, t_deadline_ns: int) -> str | None:
        """Return the next line, None at the deadline; raises MachineError when there will be none."""
        while b"\n" not in self._buffer:
            wait_s = (t_deadline_ns - time.monotonic_ns()) * 1e-9
            if wait_s <= 0 or not select.select([self._socket], [], [], wait_s)[0]:
                return None
            data = self._socket.recv(65536)
            if not data:
                raise MachineError("the machine has ended")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line.decode(errors="replace").strip()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Machine:
    """A virtual machine that runs for as long as the `with` block lasts; `servos` is where its USB adapter's wires end."""

    def __init__(self, image: Path, start_files: Path, folder: Path) -> None:
        """Remember what to start; sockets and the console's text go into `folder`."""
        self.console = folder / "console.txt"
        self.servos = folder / "servos.sock"
        self._inside = folder / "inside.sock"
        self._control = folder / "control.sock"
        self._command = self._command_line(image, start_files)

    def __enter__(self) -> Machine:
        """Start it, and return once its sockets are there."""
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            self.inside = Lines(self._inside)
            self._orders = Lines(self._control)
            self._await(lambda said: "QMP" in said)
            self._order("qmp_capabilities")
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End it, at the latest now."""
        self._process.kill()
        self._process.wait()
        self.inside.close()
        self._orders.close()

    def plug(self, name: str) -> None:
        """Plug an adapter in."""
        self._order("device_add", id=name, **ADAPTERS[name])

    def unplug(self, name: str) -> None:
        """Pull an adapter out, and return once it is gone."""
        self._order("device_del", id=name)
        self._await(lambda said: said.get("event") == "DEVICE_DELETED" and said["data"].get("device") == name)

    def _order(self, name: str, **arguments: str) -> None:
        self._orders.send(json.dumps({"execute": name, "arguments": arguments}))
        said = self._await(lambda said: "return" in said or "error" in said)
        if "error" in said:
            raise MachineError(f"{name}: {said['error']['desc']}")

    def _await(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        t_deadline_ns = time.monotonic_ns() + round(ANSWER_S * 1e9)
        while (line := self._orders.receive(t_deadline_ns)) is not None:
            said: dict[str, Any] = json.loads(line)
            if wanted(said):
                return said
        raise MachineError(f"no answer from {QEMU} in {ANSWER_S:g} s")

    def _command_line(self, image: Path, start_files: Path) -> Sequence[str]:
        devices = ["qemu-xhci,id=usb"]
        for name, properties in ADAPTERS.items():
            driver, *others = (f"{key}={value}" if key != "driver" else value for key, value in properties.items())
            devices.append(",".join([driver, f"id={name}", *others]))
        # fmt: off
        return [
            QEMU, "-nodefaults", "-no-reboot", "-display", "none", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024",
            "-kernel", str(image), "-initrd", str(start_files), "-append", "console=ttyS0 quiet panic=-1",
            "-virtfs", "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap",
            "-serial", f"file:{self.console}",
            "-chardev", f"socket,id=inside,path={self._inside},server=on,wait=off", "-serial", "chardev:inside",
            "-chardev", f"socket,id=servos,path={self.servos},server=on,wait=off",
            "-qmp", f"unix:{self._control},server=on,wait=off",
            "-object", "can-bus,id=wire",
            *(word for device in devices for word in ("-device", device)),
        ]
        # fmt: on


def _connect(path: Path) -> socket.socket:
    t_deadline_ns = time.monotonic_ns() + round(START_S * 1e9)
    while True:
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError) as error:
            client.close()
            if time.monotonic_ns() > t_deadline_ns:
                raise MachineError(f"{QEMU} does not listen at {path} after {START_S:g} s") from error
            time.sleep(0.05)
        else:
            return client
