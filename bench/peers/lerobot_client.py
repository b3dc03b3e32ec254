# pyright: basic, reportMissingImports=false
# Run by LeRobot's own Python; what it imports is not installed beside our type checker.
"""LeRobot's robot client: its control loop, with the actions that its policy server sends."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

from lerobot.async_inference.configs import RobotClientConfig
from lerobot.async_inference.robot_client import async_client

from bench.peers.contest import Setup
from bench.peers.lerobot_parts import robot_config
from bench.peers.lerobot_server import POLICY_FOLDER

PATIENCE_S = 120


def main(setup: Setup) -> None:
    """Run until killed, from when the server listens."""
    _await_server(setup.server_port)
    freshest = setup.tuning == "freshest"
    async_client(
        RobotClientConfig(
            robot=robot_config(setup),
            server_address=f"127.0.0.1:{setup.server_port}",
            policy_type="act",
            pretrained_name_or_path=str(Path.cwd() / POLICY_FOLDER),
            policy_device="cpu",
            actions_per_chunk=setup.chunk_rows,
            chunk_size_threshold=1.0 if freshest else 0.5,
            aggregate_fn_name="latest_only" if freshest else "weighted_average",
            fps=round(setup.rate_hz),
            task="bench",
        )
    )


def _await_server(port: int) -> None:
    """Return once the server listens; a user starts the client after that."""
    for _ in range(PATIENCE_S * 10):
        with socket.socket() as asking:
            if asking.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"no policy server at port {port} after {PATIENCE_S} s")


if __name__ == "__main__":
    main(Setup.load(Path(sys.argv[1])))
