# shellcheck shell=bash
# systemd: telling it what changed, starting and stopping the robot, and waiting until it is ready.

readonly TARGET=forerun.target
readonly MUST_BE_READY=(forerun-command.service forerun-policy.service)
readonly READY_S=60 # what fails is noticed sooner; a slow board that loads its engines must not pass for a bad version

systemd_runs() { [[ ! $ROOT && -d /run/systemd/system ]]; }

services_run() { systemd_runs && systemctl is-active --quiet forerun-command.service forerun-policy.service; }

make_run_folder() { # /run/forerun, as tmpfiles.d says; at the next boot it is made anew
  local id found
  id=$(user_id $SERVICE_USER)
  found=$(stat -c '%a %u %g' "$ROOT/run/forerun" 2>/dev/null) || found=
  [[ $found != "750 $id" ]] || return 0
  standard_folder /run
  folder /run/forerun 750 $SERVICE_USER
}

reload_what_changed() {
  [[ $FILES_CHANGED ]] && systemd_runs || return 0
  [[ $FILES_CHANGED != */etc/systemd/system/* ]] || systemctl daemon-reload
  if [[ -S /run/udev/control ]] && [[ $FILES_CHANGED == */udev/rules.d/* || $FILES_CHANGED == *.link* ]]; then # a container has no udevd
    udevadm control --reload || true
    udevadm trigger --action=change --subsystem-match=usb --subsystem-match=tty --subsystem-match=usb-serial \
      --subsystem-match=hidraw --subsystem-match=net || true
    udevadm settle --timeout=10 || true
  fi
  if [[ $FILES_CHANGED == */etc/systemd/network/* ]] && systemctl is-active --quiet systemd-networkd; then
    networkctl reload || true
  fi
  FILES_CHANGED=
}

reload_all() {
  FILES_CHANGED="/etc/systemd/system/ /udev/rules.d/ /etc/systemd/network/"
  [[ $DRY_RUN ]] || reload_what_changed
}

enable_needed() { # version folder: units of the system that the robot's files are for, as systemd-networkd for a CAN interface
  local unit
  [[ ! $DRY_RUN && ! $ROOT ]] || return 0
  while read -r unit; do
    systemctl is-enabled --quiet "$unit" 2>/dev/null || change "enable $unit" enable_unit "$unit"
  done < <(machine_files "$1" --needs)
}

enable_unit() {
  remember unit "$1"
  systemctl enable --quiet "$1"
  ! systemd_runs || systemctl start "$1"
}

our_units() { # prints the units of the version in use that run
  local unit
  for unit in "$ROOT$OPT"/current/systemd/forerun*.{target,service,socket}; do
    [[ $unit == *@* || ! -e $unit ]] || echo "${unit##*/}"
  done
}

stop_services() { # in order: systemd knows it, and the command process brakes and holds
  local units
  systemd_runs || return 0
  mapfile -t units < <(our_units)
  ((${#units[@]})) || return 0
  change "stop the robot: it brakes and holds, and releases where its file says so" systemctl stop "${units[@]}"
}

keep_last_word() { # what a person said last holds over the stop that comes: an arm told to follow nothing must not move for an upgrade
  local note
  for note in "$ROOT"/run/forerun/*.told; do
    # A link is made or not: whatever the service put there in its place, nothing is followed, opened or waited for.
    [[ ! -e $note ]] || ln -sT kept "$note.kept" 2>/dev/null || true
  done
}

come_up() { # after a switch: start what ran, and what is new
  systemd_runs || return 0
  [[ -e $ROBOT ]] || return 0
  [[ $START == yes ]] || return 0
  if [[ $(noted running) == no && $(noted old) ]]; then # who stopped the robot starts it again
    printf '  the robot was stopped, and stays so: sudo forerun start\n'
    return 0
  fi
  start_and_wait
}

start_and_wait() {
  systemd_runs || return 0
  say "Starting the robot, and waiting until it is ready (at most $READY_S s)"
  systemctl reset-failed --all 'forerun*' 2>/dev/null || true
  systemctl start --no-block $TARGET || return 1
  wait_until_ready
}

wait_until_ready() {
  local unit end=$((SECONDS + READY_S))
  for unit in "${MUST_BE_READY[@]}"; do
    until [[ $(systemctl is-active "$unit") == active ]]; do
      if ((SECONDS >= end)) || [[ $(systemctl is-active "$unit") == failed ]]; then
        tell_not_ready
        return 1
      fi
      sleep 0.2
    done
  done
}

tell_not_ready() {
  local unit
  for unit in "${MUST_BE_READY[@]}"; do
    printf '  %s is %s\n' "$unit" "$(systemctl is-active "$unit")"
    journalctl --quiet --no-pager -o cat -n 5 -u "$unit" 2>/dev/null | sed 's/^/    /' || true
  done
}

refuse_while_moving() { # the version that is to come: the same as now changes nothing, and is never refused
  local state
  [[ ! $YES && ! $DRY_RUN && $1 != "$(linked current)" ]] && services_run || return 0
  state=$(/usr/local/bin/forerun status "$ROBOT" --json 2>/dev/null | sed -n 's/^ *"state": "\([A-Za-z]*\)".*/\1/p' | head -n 1) || true
  case ${state^^} in
    READY | HOLDING | FAULT | ESTOP | BOOT) ;;
    *) refuse "the robot is ${state:-running}, and this stops it: first let it follow nothing (forerun follow nothing), or say --yes" ;;
  esac
}

# --- bundles and engines

put_bundles_on_shelf() { # version: those that came with it; where no bundle is in charge yet, the one that the robot file names
  local version=$ROOT$VERSIONS/$1 bundle name
  [[ -e $ROOT$ROBOT && ! $DRY_RUN ]] || return 0
  for bundle in "$version"/robots/bundles/*/; do
    name=$(basename "$bundle")
    [[ -e $bundle/manifest.toml ]] || continue
    ! on_shelf "$bundle" || continue
    say "The bundle $name: checked on this machine, and put on the shelf"
    if ! shelf "$version" install "$bundle"; then
      printf '  %s was not put on the shelf; forerun bundle install does it later\n' "$name"
    elif [[ ! -e $ROOT$STATE/bundles/shelf.toml ]] && grep -q "^bundle = \"bundles/$name\"" "$ROOT$ROBOT"; then
      shelf "$version" activate "$name" --skip-dry-run --no-restart || true
    fi
    CHANGES=$((CHANGES + 1))
  done
}

on_shelf() { # folder of a bundle: is one with the same manifest, which has the hashes of all its files, on the shelf?
  local manifest
  for manifest in "$ROOT$STATE"/bundles/*/manifest.toml; do
    ! cmp -s "$manifest" "$1/manifest.toml" || return 0
  done
  return 1
}

shelf() { # version folder, action of `forerun bundle`, its object and options
  (cd / && "$1/venv/bin/python" -I -m forerun bundle "$2" "${@:3}" --shelf "$ROOT$STATE" --robot "$ROOT$ROBOT" \
    --trusted-keys "$ROOT$SETTINGS/trusted-keys")
}

build_engines() { # of the bundle in charge, on the very board; one without them runs on the processor, so that what fails here stops nothing
  local before
  [[ ! $ROOT && ! $DRY_RUN && -e $OPT/current && -e $ROBOT ]] && is_jetson || return 0
  say "Engines for the GPU: built on this board, which takes minutes the first time"
  before=$(engine_records)
  (cd / && "$OPT/current/venv/bin/python" -I -m forerun build --shelf "$STATE" --cache "$CACHE/engines") ||
    printf '  the robot runs on the processor until sudo forerun build has built them\n'
  [[ $(engine_records) == "$before" ]] || CHANGES=$((CHANGES + 1))
}

engine_records() { # prints what tells one set of engines from another: a record is replaced, never written over
  stat -c '%n %i %Y' "$CACHE"/engines/*/record.toml 2>/dev/null || true
}

# --- the end

confirm_purge() {
  local answer
  [[ $PURGE && ! $DRY_RUN ]] || return 0
  printf 'This removes robot files, bundles, calibration and flight records in %s and %s. Type yes: ' "$SETTINGS" "$STATE"
  read -r answer || answer=
  [[ $answer == yes ]] || refuse "nothing was removed"
}

remove_people_files() {
  [[ $PURGE ]] || return 0
  change "remove $SETTINGS and $STATE" rm -rf "$ROOT$SETTINGS" "$ROOT$STATE"
}

conclude_uninstall() {
  local unit folder
  while read -r unit; do
    [[ $ROOT ]] || change "disable $unit, which was enabled for the robot" systemctl disable --quiet "$unit"
  done < <(remembered unit)
  if is_remembered user "$SERVICE_USER"; then
    [[ ! -d $ROOT$STATE ]] || change "give what stays in $STATE to root" chown -R 0:0 "$ROOT$STATE"
    change "remove the users $(remembered user | paste -sd' ')" remove_users
  fi
  while read -r folder; do
    [[ $DRY_RUN ]] || rmdir "$ROOT$folder" 2>/dev/null || true
  done < <(remembered folder | sort -r)
  [[ $DRY_RUN ]] || rm -rf "$ROOT${OPT:?}"
  step=
  if [[ $DRY_RUN ]]; then
    printf '\nThis was a dry run: nothing was changed.\n'
  else
    printf '\nforerun is removed.%s\n' "$([[ $PURGE ]] || echo " Kept: $SETTINGS, $STATE")"
  fi
}
