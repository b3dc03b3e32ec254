# shellcheck shell=bash
# Where everything lies (interfaces/installed.py says the same to Python), who owns it, and how a change is made: said, then done.

readonly OPT=/opt/forerun
readonly VERSIONS=$OPT/versions
readonly MANIFEST=$OPT/installed-files # what was made outside of /opt/forerun, a line each: kind, path
readonly SETTINGS=/etc/forerun
readonly ROBOT=$SETTINGS/robot.toml
readonly STATE=/var/lib/forerun
readonly CACHE=/var/cache/forerun
readonly MACHINE_FILES=$STATE/machine-files # what `python -m provision` made from the robot file, a path a line
readonly SERVICE_USER=forerun

CHANGES=0
SCRATCH= # a folder for files on their way, removed at the end

change() { # what is done, in words; the command that does it
  local what=$1
  shift
  CHANGES=$((CHANGES + 1))
  if [[ $DRY_RUN ]]; then
    printf '  would %s\n' "$what"
  else
    printf '  %s\n' "$what"
    "$@"
  fi
}

scratch() { # prepares $SCRATCH
  # Where this is part of a condition, bash would go on without a folder, and make /home the service's.
  [[ $SCRATCH ]] || SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/forerun-install.XXXXXX") || stop "no folder for files on their way"
}

# --- the manifest: a line is added before the thing is made, so that whatever is cut off anywhere is found again

remember() { # kind (user, folder, file, link, unit), path
  grep -qxF "$1 $2" "$ROOT$MANIFEST" 2>/dev/null || echo "$1 $2" >>"$ROOT$MANIFEST"
}

remembered() { # kind: prints the paths
  [[ ! -e $ROOT$MANIFEST ]] || sed -n "s/^$1 //p" "$ROOT$MANIFEST"
}

is_remembered() { grep -qxF "$1 $2" "$ROOT$MANIFEST" 2>/dev/null; }

write_atomically() { # path; the text comes in
  local fresh
  fresh=$(mktemp "$1.XXXXXX")
  cat >"$fresh"
  chmod 644 "$fresh"
  sync "$fresh"
  mv -T "$fresh" "$1"
}

# --- folders, and the service's user

folder() { # path, mode, owner: made, or made right
  local path=$1 mode=$2 owner=$3 id found
  id=$(user_id "$owner")
  found=$(stat -c '%F %a %u %g' "$ROOT$path" 2>/dev/null) || found=
  case $found in
    "directory $mode $id") return ;;
    directory*) change "set $path to mode $mode, owner $owner" set_folder "$path" "$mode" "$id" ;;
    "") change "make $path (mode $mode, owner $owner)" set_folder "$path" "$mode" "$id" ;;
    *) stop "$path is there and no folder: move it away" ;;
  esac
}

set_folder() { # path, mode, "user group" by number
  [[ $1 == "$OPT" ]] || standard_folder "$(dirname "$1")"
  mkdir -p "$ROOT$1"
  chown "${3/ /:}" "$ROOT$1"
  chmod "$2" "$ROOT$1"
}

standard_folder() { # path: of the system's, made where a bare tree lacks it, and removed again with the rest
  [[ ! -d $ROOT$1 ]] || return 0
  [[ $1 == / || $1 == . ]] || standard_folder "$(dirname "$1")"
  change "make $1" make_standard_folder "$1"
}

make_standard_folder() {
  remember folder "$1"
  mkdir -p "$ROOT$1"
}

user_id() { # root, or the service's user: prints user and group by number, also of a tree elsewhere
  if [[ $1 == root ]]; then
    echo "0 0"
  else
    awk -F: -v user="$1" '$1 == user {print $3, $4}' "$ROOT/etc/passwd" 2>/dev/null || true
  fi
}

our_users() { sed -nE 's/^u!? +([^ ]+).*/\1/p' systemd/forerun.sysusers; }

needed_groups() { sed -nE 's/^m +[^ ]+ +//p' systemd/forerun.sysusers; }

make_users() {
  local user
  while read -r user; do
    [[ $(user_id "$user") ]] || change "make the system user and group $user" add_user "$user"
  done < <(our_users)
}

add_user() { # name: of systemd-sysusers, which makes all that are missing; remembered first
  local group
  while read -r group; do
    grep -qs "^$group:" "$ROOT/etc/group" || remember group "$group"
  done < <(needed_groups)
  remember user "$1"
  if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers ${ROOT:+--root="$ROOT"} - < <(grep -E "^u!? +$1 |^m +$1 " systemd/forerun.sysusers)
  else
    useradd ${ROOT:+--prefix "$ROOT"} --system --user-group --no-create-home --home-dir /nonexistent \
      --shell /usr/sbin/nologin "$1"
  fi
  [[ $(user_id "$1") ]] || stop "the user $1 was not made"
}

remove_users() {
  local name
  while read -r name; do
    [[ ! $(user_id "$name") ]] || userdel ${ROOT:+--prefix "$ROOT"} "$name" 2>/dev/null || true
    ! grep -qs "^$name:" "$ROOT/etc/group" || groupdel ${ROOT:+--prefix "$ROOT"} "$name" || true
  done < <(remembered user)
  while read -r name; do # groups that were made for them, unless somebody else is in them by now
    ! grep -qs "^$name:[^:]*:[^:]*:$" "$ROOT/etc/group" || groupdel ${ROOT:+--prefix "$ROOT"} "$name" || true
  done < <(remembered group)
}

make_places() {
  say "Folders and user"
  folder $OPT 755 root
  folder $VERSIONS 755 root
  standard_folder /etc
  make_users
  folder $SETTINGS 755 root
  folder $STATE 755 root
  folder $STATE/bundles 755 root
  folder $STATE/calibration 755 root
  folder $STATE/flight 750 $SERVICE_USER
  folder $STATE/trials 750 $SERVICE_USER
  own_what_was_kept
  folder $CACHE 755 root
  folder $CACHE/engines 755 root
}

own_what_was_kept() { # flight records of an earlier installation belong to root: that user was removed
  local place id
  id=$(user_id $SERVICE_USER)
  for place in $STATE/flight $STATE/trials; do
    [[ ! -d $ROOT$place ]] || [[ ! $(find "$ROOT$place" -mindepth 1 -user 0 -print -quit) ]] ||
      change "give the records in $place to $SERVICE_USER" chown -R "${id/ /:}" "$ROOT$place"
  done
}

take_robot_file() { # version: it reads the file before it is taken; later it would be yours, and kept
  if [[ -e $ROOT$ROBOT ]]; then
    [[ ! $ROBOT_FILE ]] || cmp -s "$ROBOT_FILE" "$ROOT$ROBOT" || say "$ROBOT: kept yours; $ROBOT_FILE is not taken"
  elif [[ $ROBOT_FILE ]]; then
    [[ $DRY_RUN ]] || "$ROOT$VERSIONS/$1/venv/bin/python" -I -m provision "$ROBOT_FILE" --root "$ROOT/" --dry-run >/dev/null ||
      stop "$ROBOT_FILE is refused, see above: mend it, and run this again"
    change "take $ROBOT_FILE as $ROBOT" copy_robot_file
  fi
}

copy_robot_file() { write_atomically "$ROOT$ROBOT" <"$ROBOT_FILE"; }
