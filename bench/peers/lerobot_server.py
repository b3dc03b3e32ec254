# pyright: basic, reportMissingImports=false
# Run by LeRobot's own Python; what it imports is not installed beside our type checker.
"""LeRobot's policy server, with the stub in its policy."""

from __future__ import annotations

import sys
from pathlib import Path

from lerobot.async_inference.configs import PolicyServerConfig
from lerobot.async_inference.policy_server import serve
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.factory import make_pre_post_processors

from bench.peers.contest import Setup
from bench.peers.lerobot_parts import policy_config, put_in_stub

POLICY_FOLDER = "policy"


def main(setup: Setup) -> None:
    """Save a policy for the server to load, and serve until killed."""
    policy = ACTPolicy(policy_config(setup))
    policy.save_pretrained(POLICY_FOLDER)
    for processor in make_pre_post_processors(policy.config, dataset_stats={}):
        processor.save_pretrained(POLICY_FOLDER)
    put_in_stub(setup)
    sys.argv = sys.argv[:1]  # draccus reads it
    serve(PolicyServerConfig(host="127.0.0.1", port=setup.server_port, fps=round(setup.rate_hz)))


if __name__ == "__main__":
    main(Setup.load(Path(sys.argv[1])))
