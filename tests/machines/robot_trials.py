"""The trials of an installed robot, in their order: each takes the robot as it follows, and says in a sentence what was seen."""

from __future__ import annotations

from collections.abc import Callable

from tests.machines import (
    robot_access_trial,
    robot_boot_trial,
    robot_bundle_trial,
    robot_install_trial,
    robot_process_trial,
    robot_surroundings_trial,
)
from tests.machines.robot_installed import InstalledRobot

Trial = Callable[[InstalledRobot], str]

# Each takes long, and does what cannot be done twice.
ONCE = ("install", "uninstall")
# Each installs a whole version more, and tests/provision shows the same without systemd: with --all only.
NIGHTLY = ("upgrade-broken", "upgrade-unready")
# Without these there is nothing to try: they always run, and first.
PREPARATIONS: dict[str, Trial] = {
    "install": robot_install_trial.install,
    "boot": robot_boot_trial.boot,
}
TRIALS: dict[str, Trial] = {
    "command-killed": robot_process_trial.command_killed,
    "command-stalled": robot_process_trial.command_stalled,
    "crash-loop": robot_process_trial.crash_loop,
    "policy-killed": robot_process_trial.policy_killed,
    "policy-stalled": robot_process_trial.policy_stalled,
    "bystanders-killed": robot_process_trial.bystanders_killed,
    "access": robot_access_trial.who_may_write,
    "loopback": robot_access_trial.only_loopback,
    "page": robot_access_trial.page_answers,
    "full-disk": robot_surroundings_trial.full_disk,
    "camera": robot_surroundings_trial.camera_missing,
    "bus": robot_surroundings_trial.bus_unplugged,
    "stop": robot_surroundings_trial.stopped_in_order,
    "bundle-refused": robot_bundle_trial.damaged_bundle,
    "bundle-fallback": robot_bundle_trial.bundle_falls_back,
    "install-again": robot_install_trial.install_again,
    "upgrade-broken": robot_install_trial.upgrade_broken,
    "upgrade-unready": robot_install_trial.upgrade_unready,
    "upgrade-and-back": robot_install_trial.upgrade_and_back,
    "uninstall": robot_install_trial.uninstall,
}
