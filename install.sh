#!/usr/bin/env bash
# Sets forerun up on this machine, and runs it. Says what it does; does only what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly DEMO_EXTRAS=robot,sim
readonly TEST_EXTRAS=robot,calibrate,sim,report,export,distill,dev
readonly ROBOT_EXTRAS=robot,calibrate,gpio,test # the robot's own side: what a Jetson installs, and a test runner

# librealsense needs libusb and libudev; MuJoCo draws through EGL, on the GPU or on Mesa's software renderer.
readonly DEMO_PACKAGES=(libusb-1.0-0 libudev1 libegl1 libgl1-mesa-dri libgles2 libopengl0)
readonly TEST_PACKAGES=("${DEMO_PACKAGES[@]}" shellcheck gcc libc6-dev) # a compiler for what mends User-mode Linux

usage() {
  cat <<'HELP'
Usage: sudo ./install.sh [install] [--robot FILE] [--wheels FOLDER] [--root DIR] [--dry-run] [--no-start] [--yes]
       sudo ./install.sh upgrade | rollback | uninstall [--purge] [the same options]
       ./install.sh bundle-wheels FOLDER [--python 3.10] [--platform aarch64]
       ./install.sh demo [options of "forerun demo"]
       ./install.sh test
       ./install.sh nightly

install  Makes this machine a robot that runs forerun at boot (docs/robot/install.md). A second run changes nothing;
         where an older version is installed, it is an upgrade.
upgrade  Puts the version of this checkout beside the one that runs, tests it, and switches; falls back if it does not come up.
rollback Back to the version before.
uninstall      Removes all that was installed; robot files, bundles, calibration and flight records stay (--purge asks, and removes them).
bundle-wheels  Collects all Python packages in a folder, for a robot without network: install --wheels FOLDER

  --robot FILE     becomes /etc/forerun/robot.toml, if there is none yet
  --wheels FOLDER  take the Python packages from there, and nothing from the network
  --root DIR       install below DIR and leave this machine alone (no service is started)
  --dry-run        say every change, and make none
  --no-start       start no service; they start at the next boot
  --yes            go on even if the robot is moving

demo   Sets everything up, then lets the trained policy move the simulated robot and shows what happened.
test   Sets everything up, then runs formatting, lint, types, import rules and all tests,
       the robot's own rooms under Python 3.10 and 3.12 (JetPack 6 and 7) where these are found,
       the CAN drivers on the kernel's own interfaces, in User-mode Linux, and the installed robot
       in a Debian container under a real systemd, where these can be had.
nightly  What takes longer than a change should wait for: a million frames through each protocol's decoder,
         the status page in a real browser, upgrades that fail on a booted robot,
         and a real USB adapter, CAN controllers and camera, plugged and unplugged in a virtual machine.

Needs Python 3.10 to 3.13. Python packages go into .venv* in this folder and nowhere else.
Debian packages that are missing are installed when run as root, and named otherwise.
HELP
}

step=
say() {
  step=$*
  printf '\n[%4d s] %s\n' "$SECONDS" "$step"
}

stop() {
  step=
  printf '\ninstall.sh: %s\n' "$*" >&2
  exit 1
}

name_failure() { # on the way out, unless it has been said
  (($? == 0)) || [[ -z $step ]] || printf '\ninstall.sh: failed: %s\n' "$step" >&2
}
trap name_failure EXIT

# --- Debian packages

missing_packages() { # of those named
  local package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$package"
  done
}

install_packages() { # those named, if they are missing
  local missing
  if ! command -v dpkg-query >/dev/null; then
    say "This is no Debian or Ubuntu: please see to it that the equivalents of these are installed: $*"
    return
  fi
  read -ra missing <<<"$(missing_packages "$@")"
  ((${#missing[@]})) || return 0
  ((EUID == 0)) || stop "please install first: apt-get install ${missing[*]}"
  say "Debian packages: ${missing[*]}"
  # Lists may be absent (container images) or old (a package has moved): fetch them, and ask nothing.
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# --- Python

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

can_make_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

find_python() { # of one of these versions, in this order; prints its path. Version managers' stubs that do not run are passed over.
  local version candidate
  for version in "$@"; do
    for candidate in "python$version" python3 "${HOME-}/.pyenv/versions/$version".*/bin/python; do
      candidate=$(command -v "$candidate") || continue
      [[ $(version_of "$candidate") == "$version" ]] && can_make_venv "$candidate" && echo "$candidate" && return
    done
  done
  return 1
}

stamp_for() { # python, extras: what a complete environment of this kind says about itself
  { "$1" -VV && echo "$PWD $2" && cat constraints.txt && sed '/^\[tool\.ruff\]/,$d' pyproject.toml; } | sha256sum
}

make_venv() { # folder, python, extras
  local venv=$1 python=$2 extras=$3 wanted
  wanted=$(stamp_for "$python" "$extras")
  # An environment is complete when it carries the stamp, which is written last. The tests' one serves the demo, too.
  case $(cat "$venv/complete" 2>/dev/null) in
    "$wanted") return ;;
    "$(stamp_for "$python" "$TEST_EXTRAS")") [[ $extras == "$DEMO_EXTRAS" ]] && return ;;
  esac
  say "Python packages [$extras] into $venv, with $("$python" -V) (minutes, the first time)"
  # Additions to a complete environment of the same Python are made in place; anything half made is made anew.
  [[ -e $venv/complete && $("$venv/bin/python" -VV) == "$("$python" -VV)" ]] || rm -rf "$venv"
  rm -f "$venv/complete"
  # Said and not left to `set -e`, which is off in a lane of several commands: what failed must never carry the stamp.
  [[ -e $venv ]] || "$python" -m venv "$venv" || return
  "$venv/bin/python" -m pip install --disable-pip-version-check -c constraints.txt -e ".[$extras]" |
    sed -un '/[0-9] [kM]B)$/p; /^Installing collected/{s/:.*/ .../;p}' || return
  echo "$wanted" >"$venv/complete"
}

make_main_venv() { # extras
  local python
  if ! python=$(find_python 3.11 3.12 3.13 3.10); then
    install_packages python3 python3-venv
    python=$(find_python 3.11 3.12 3.13 3.10) || stop "please install Python 3.10 to 3.13, with venv"
  fi
  make_venv .venv "$python" "$1"
}

# --- the commands

demo() {
  install_packages "${DEMO_PACKAGES[@]}"
  make_main_venv "$DEMO_EXTRAS"
  say "forerun demo $*"
  exec .venv/bin/forerun demo "$@"
}

failed=()
check() { # name, command: all checks run, and those that failed are named at the end
  local name=$1
  shift
  say "$name"
  "$@" || failed+=("$name")
}

readonly ROBOT_ROOMS=(interfaces drivers runtime calibration)

rooms_left_to_the_robot() { # prints options: where JetPack 7's Python is, the robot's rooms are tested under that, and not twice
  local room
  find_python 3.12 >/dev/null || return 0
  for room in "${ROBOT_ROOMS[@]}"; do
    printf -- '--ignore=tests/%s\n' "$room"
  done
}

readonly NETWORK_TESTS=(tests/models tests/distill tests/export) # in torch: a lane of their own

# Tests mostly wait, for clocks, buses and processes: they run in lanes side by side, some of them one after the other in a lane.

robot_venv() { # for a Python of JetPack 6 or 7, where it is here, with nothing but what the robot installs
  local python
  if python=$(find_python "$1"); then
    make_venv ".venv-$1" "$python" "$ROBOT_EXTRAS"
  else
    say "No Python $1 here: the robot's side is not tested under it"
  fi
}

robot_side_tests() { # of a Python
  local room rooms=()
  find_python "$1" >/dev/null || return 0
  for room in "${ROBOT_ROOMS[@]}"; do
    [[ ! -d tests/$room ]] || rooms+=("tests/$room")
  done
  say "Robot-side tests, Python $1"
  ".venv-$1/bin/python" -m pytest -q --durations=5 "${rooms[@]}"
}

can_drivers_in_linux() {
  say "CAN drivers on real SocketCAN"
  .venv/bin/python -m tests.machines.uml_can
}

robot_under_systemd() {
  say "Installed, and booted by a real systemd"
  .venv/bin/python -m tests.machines.nspawn_robot
}

in_turn() { # commands: all run, whichever of them fails
  local turn words status=0
  for turn in "$@"; do
    read -ra words <<<"$turn"
    "${words[@]}" || status=1
  done
  return "$status"
}

declare -A lane # name -> process
begin() { # name, command: runs beside what follows, its output kept for the end
  set -m # a group of its own, to be ended as a whole, and to which Ctrl-C means what it means
  "${@:2}" >"$lanes/$1" 2>&1 </dev/null &
  set +m
  lane[$1]=$!
}

ended_well() { # name: waits for it, and shows what it said
  local status=0
  wait "${lane[$1]}" || status=$?
  unset "lane[$1]"
  cat "$lanes/$1"
  return "$status"
}

end_lanes() { # those that still run when this script ends early
  local name
  for name in "${!lane[@]}"; do
    kill -- "-${lane[$name]}" 2>/dev/null || true
  done
  rm -rf "$lanes"
}

run_tests() {
  install_packages "${TEST_PACKAGES[@]}"
  make_main_venv "$TEST_EXTRAS"
  local bin=.venv/bin left
  lanes=$(mktemp -d)
  trap 'name_failure; end_lanes' EXIT
  local first="Robot-side tests, Python 3.10, and SocketCAN" second="Robot-side tests, Python 3.12, and the installed robot"
  begin "$first" in_turn "robot_venv 3.10" "robot_side_tests 3.10" can_drivers_in_linux
  begin "$second" in_turn "robot_venv 3.12" "robot_side_tests 3.12" robot_under_systemd
  begin "Types" "$bin/pyright" --warnings
  check "Formatting" "$bin/ruff" format --check --quiet .
  check "Lint" "$bin/ruff" check --quiet .
  check "Import rules" "$bin/lint-imports" --no-logo
  check "Shell scripts" shellcheck -x -a install.sh .ci/run systemd/say-failure.sh
  begin "Tests of the networks" "$bin/python" -m pytest -q --durations=10 "${NETWORK_TESTS[@]}"
  mapfile -t left < <(rooms_left_to_the_robot)
  begin "Tests" "$bin/python" -m pytest -q --durations=10 "${NETWORK_TESTS[@]/#/--ignore=}" "${left[@]}"
  check "Types" ended_well "Types"
  check "Tests of the networks" ended_well "Tests of the networks"
  check "Tests" ended_well "Tests"
  check "$first" ended_well "$first"
  check "$second" ended_well "$second"
  ((!${#failed[@]})) || stop "failed: $(printf '%s; ' "${failed[@]}")"
  say "All checks passed"
}

run_nightly() {
  install_packages "${TEST_PACKAGES[@]}" chromium fonts-dejavu-core
  make_main_venv "$TEST_EXTRAS"
  check "A million frames through each protocol, and what needs downloads" .venv/bin/python -m pytest -q -m slow
  check "The status page in a browser" .venv/bin/python -m pytest -q tests/forerun/test_page_in_browser.py
  check "CAN drivers on real SocketCAN" .venv/bin/python -m tests.machines.uml_can --require
  check "Installed, and booted by a real systemd" .venv/bin/python -m tests.machines.nspawn_robot --require --all
  check "USB, CAN controllers and camera in a virtual machine" .venv/bin/python -m tests.machines.qemu_lab
  ((!${#failed[@]})) || stop "failed: $(printf '%s; ' "${failed[@]}")"
  say "All checks passed"
}

no_board() { # and so nobody is made a robot by a slip
  usage >&2
  printf '\ninstall.sh: this is no board of a robot that I know. To make it run a robot all the same: sudo ./install.sh install%s\n' \
    "${*:+ $*}" >&2
  exit 2
}

# shellcheck source=provision/robot_commands.sh
source provision/robot_commands.sh

case ${1-} in
  install | upgrade | rollback | uninstall | bundle-wheels) robot_command "$@" ;;
  "" | --[!h]*) # on a robot's board that means: install. Elsewhere nobody is made a robot by a slip
    if is_jetson || [[ $* == *--root* || $* == *--dry-run* ]]; then robot_command "$@"; else no_board "$@"; fi
    ;;
  demo) demo "${@:2}" ;;
  test) run_tests ;;
  nightly) run_nightly ;;
  -h | --help | help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
