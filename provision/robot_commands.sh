# shellcheck shell=bash
# The commands for a robot: install, upgrade, rollback, uninstall, bundle-wheels; what each does, in order.

ROOT=         # everything goes below it; empty: this machine
ROBOT_FILE=   # a person's robot file, to begin with
WHEELS=       # a folder made by bundle-wheels; empty: the network
DRY_RUN=      # yes: say every change, and make none
START=yes     # no: nothing is started
YES=          # yes: also while the robot moves
PURGE=        # yes: uninstall removes people's files, too
FOR_PYTHON=   # bundle-wheels: for another Python, as 3.10
FOR_MACHINE=  # bundle-wheels: for another machine, as aarch64
WHEEL_FOLDER= # bundle-wheels: where to

# shellcheck source=provision/board.sh
source provision/board.sh
# shellcheck source=provision/layout.sh
source provision/layout.sh
# shellcheck source=provision/files.sh
source provision/files.sh
# shellcheck source=provision/packages.sh
source provision/packages.sh
# shellcheck source=provision/versions.sh
source provision/versions.sh
# shellcheck source=provision/switching.sh
source provision/switching.sh
# shellcheck source=provision/services.sh
source provision/services.sh

robot_command() { # [command] [options]
  local command=install
  case ${1-} in
    install | upgrade | rollback | uninstall | bundle-wheels)
      command=$1
      shift
      ;;
  esac
  read_options "$command" "$@"
  umask 022
  source_hash
  if [[ $command == bundle-wheels ]]; then
    bundle_wheels
    return
  fi
  [[ $DRY_RUN ]] || ((EUID == 0)) || refuse "this changes the machine: run it with sudo, or with --dry-run to see what it would do"
  one_at_a_time
  trap leave EXIT
  trap 'exit 130' INT TERM HUP
  finish_cut_off_switch
  "${command}_robot"
}

refuse() { # why: what was asked for cannot be
  step=
  printf 'install.sh: %s\n' "$*" >&2
  exit 2
}

read_options() { # command, its options
  local command=$1
  shift
  while (($#)); do
    case $1 in
      --robot | --wheels | --root | --python | --platform)
        [[ ${2-} ]] || refuse "$1 needs a value"
        take_value "$command" "$1" "$2"
        shift
        ;;
      --dry-run) DRY_RUN=yes ;;
      --no-start) START=no ;;
      --yes) YES=yes ;;
      --purge) PURGE=yes ;;
      -*) refuse "there is no option $1; ./install.sh --help tells what there is" ;;
      *)
        [[ $command == bundle-wheels && ! $WHEEL_FOLDER ]] || refuse "what is $1? ./install.sh --help tells what there is"
        WHEEL_FOLDER=$1
        ;;
    esac
    shift
  done
  [[ $command != bundle-wheels || $WHEEL_FOLDER ]] || refuse "bundle-wheels needs a folder to put them in"
  [[ ! $PURGE || $command == uninstall ]] || refuse "--purge belongs to uninstall"
}

take_value() { # command, option, value
  case $2 in
    --robot)
      [[ -r $3 ]] || refuse "--robot $3: no such file"
      ROBOT_FILE=$(realpath "$3")
      ;;
    --wheels)
      [[ -d $3 ]] || refuse "--wheels $3: no such folder"
      WHEELS=$(realpath "$3")
      ;;
    --root)
      [[ -d $3 ]] || refuse "--root $3: no such folder"
      ROOT=$(realpath "$3")
      [[ $ROOT != / ]] || ROOT=
      ;;
    --python | --platform)
      [[ $1 == bundle-wheels ]] || refuse "$2 belongs to bundle-wheels"
      if [[ $2 == --python ]]; then FOR_PYTHON=$3; else FOR_MACHINE=$3; fi
      ;;
  esac
}

one_at_a_time() { # the lock is on the root folder itself, so that nothing is left behind; it is held until this process and its children end
  exec 9<"${ROOT:-/}"
  flock -n 9 || stop "another install.sh is at work here: wait until it has ended"
}

leave() { # on the way out, however that came about
  local status=$?
  trap '' INT TERM HUP
  if [[ $SWITCHING ]]; then
    # In a process of its own, and as no condition, for in one bash goes on after whatever fails: files that could not be laid out,
    # on a full disk, would pass for files that are not wanted, and be removed. The note stays then, and the next run ends it.
    set +e
    (set -e; switch_back "it was broken off")
    set -e
  fi
  [[ ! $SCRATCH ]] || rm -rf "$SCRATCH"
  (exit "$status") || name_failure
  exit "$status"
}

# --- the commands

install_robot() {
  tell_machine
  require_fit_machine
  need_packages
  local id
  id=$(version_id)
  say_what_comes "$id"
  require_wheels "$id"
  refuse_while_moving "$id"
  make_places
  build_version "$id"
  take_robot_file "$id"
  if [[ $(linked current) == "$id" ]]; then
    say "Version $id is installed: its files"
    put_bundles_on_shelf "$id"
    place_files
    reload_what_changed
  else
    test_version "$id"
    put_bundles_on_shelf "$id" # before the services look for one
    switch_version "$id"
  fi
  build_engines
  remove_old_versions
  conclude
}

upgrade_robot() {
  [[ $(linked current) ]] || refuse "nothing is installed here yet: sudo ./install.sh install"
  install_robot
}

rollback_robot() {
  local previous
  previous=$(linked previous)
  [[ $previous ]] || refuse "there is no version to go back to: /opt/forerun/previous is not there"
  [[ -e $ROOT$VERSIONS/$previous/complete ]] || stop "version $previous is not whole; the one that runs stays"
  refuse_while_moving "$previous"
  say "Back from version $(linked current) to $previous"
  switch_version "$previous"
  conclude
}

uninstall_robot() {
  [[ -e $ROOT$OPT || -e $ROOT$MANIFEST ]] || refuse "nothing is installed here"
  confirm_purge
  refuse_while_moving ""
  say "Removing what was installed"
  stop_services
  remove_machine_files
  remove_manifest_files
  reload_all
  remove_code
  remove_people_files
  conclude_uninstall
}

say_what_comes() { # the version
  local current
  current=$(linked current)
  if [[ ! $current ]]; then
    say "Installing version $1${ROOT:+ below $ROOT}"
  elif [[ $current == "$1" ]]; then
    say "Version $1 is installed already: looking whether all is in place"
  else
    say "Upgrading from version $current to $1"
  fi
}

conclude() {
  step=
  if [[ $DRY_RUN ]]; then
    printf '\nThis was a dry run: nothing was changed. It would make %d changes.\n' "$CHANGES"
  elif ((CHANGES)); then
    printf '\nDone: version %s (%d changes).\n' "$(linked current)" "$CHANGES"
  else
    printf '\nNothing to do: version %s is in place.\n' "$(linked current)"
  fi
  [[ -e $ROOT$ROBOT ]] || [[ $DRY_RUN && $ROBOT_FILE ]] ||
    printf 'There is no %s yet: write one (forerun devices --write), then run this again with --robot FILE.\n' "$ROBOT"
}
