"""What of the policy and the recorder follows from the robot file: the devices of its cameras, and where sockets lie."""

from __future__ import annotations

from collections.abc import Sequence

from interfaces.robot_config import RobotConfig
from provision.machine_file import quoted
from provision.run_paths import RUN, run_path, writable_line

# Major numbers that Linux fixes: 81 Video4Linux, 189 USB devices, 226 graphics. HID and media have none of their own.
_VIDEO, _USB, GRAPHICS = "char-81", "char-189", "char-226"
_CAMERAS = {
    "realsense": (_VIDEO, _USB, "char-media", "char-hidraw"),
    "uvc": (_VIDEO, "char-media"),
    "simulated": (),
}
# GPU classes by the names that NVIDIA's drivers give them; a Jetson has more device files, told as `accelerators`.
_GPU = (GRAPHICS, "char-nvidia*", "char-nvhost*", "char-nvgpu*", "char-nvmap*", "char-host1x*")


def policy_drop_in(robot: RobotConfig, accelerators: Sequence[str], file: str) -> str:
    """Return the drop-in of the policy's service."""
    control = run_path(robot.runtime.control_socket, "runtime.control_socket", file)
    cameras = dict.fromkeys(device for camera in robot.cameras for device in _CAMERAS[camera.driver])
    devices = [*cameras, *_GPU, *accelerators]
    text = "[Service]\n# Of all devices, the cameras and the GPU.\nDeviceAllow=\n"
    text += "".join(f"DeviceAllow={device} rw\n" for device in devices)
    text += writable_line(control)
    return text + _clean_up(str(control), "control.sock")


def record_drop_in(robot: RobotConfig, file: str) -> str:
    """Return the drop-in of the recorder's service; nothing where its socket lies where it usually does."""
    socket = run_path(robot.record.socket, "record.socket", file)
    text = writable_line(socket) + _clean_up(str(socket), "record.sock")
    return f"[Service]\n{text}" if text else ""


def _clean_up(socket: str, usual: str) -> str:
    return "" if socket == str(RUN / usual) else f"ExecStopPost=-+/bin/rm -f {quoted(socket)}\n"
