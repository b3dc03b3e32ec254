# shellcheck shell=bash
# The files of a version outside of /opt/forerun: units, rules, links. They are laid out in a scratch folder as they should be,
# and then brought to the machine one by one: what differs is replaced, what a newer version has no longer is removed.

readonly UNITS=/etc/systemd/system

FILES_CHANGED= # what kinds of files: the services that read them are told

place_files() {
  local version stage
  version=$(version_in_use)
  [[ -d $version/systemd ]] || return 0 # a dry run of a version that is not built
  scratch
  stage=$SCRATCH/stage
  rm -rf "$stage"
  mkdir -p "$stage"
  lay_out_units "$version/systemd" "$stage"
  lay_out_links "$stage"
  [[ -d $stage$UNITS ]] || stop "$version/systemd has no units: what is installed stays"
  bring_from "$stage"
  remove_unwanted "$stage"
  standard_folder $UNITS
  standard_folder /etc/udev/rules.d
  standard_folder /etc/systemd/network
  make_run_folder
  place_machine_files "$version"
}

version_in_use() { # prints the folder of the version that `current` names; in a dry run, this checkout stands for a new one
  local current
  current=$(linked current)
  if [[ $DRY_RUN && ! ($current && -d $ROOT$VERSIONS/$current/systemd) ]]; then
    echo "$PWD"
  else
    echo "$ROOT$VERSIONS/$current"
  fi
}

place_of() { # a file of systemd/: prints where it belongs
  local name=${1##*/}
  case $name in
    *.service | *.socket | *.target | *.timer | *.path | *.slice | *.mount) echo "$UNITS/$name" ;;
    *.rules) echo "/etc/udev/rules.d/$name" ;;
    *.network | *.netdev | *.link) echo "/etc/systemd/network/$name" ;;
    *.sysusers) echo "/etc/sysusers.d/${name%.sysusers}.conf" ;;
    *.tmpfiles) echo "/etc/tmpfiles.d/${name%.tmpfiles}.conf" ;;
    *.modules) echo "/etc/modules-load.d/${name%.modules}.conf" ;;
    *.needrestart) echo "/etc/needrestart/conf.d/${name%.needrestart}.conf" ;;
    *.journald) echo "/etc/systemd/journald.conf.d/${name%.journald}.conf" ;;
    *.sh) ;; # units run it where it lies
    *) stop "systemd/$name: nobody knows where it belongs (provision/files.sh)" ;;
  esac
}

lay_out_units() { # a version's systemd/, the stage
  local file place
  while read -r file; do
    if [[ $file == */*.d/* ]]; then
      place=$UNITS/$(basename "$(dirname "$file")")/${file##*/} # a drop-in
    else
      place=$(place_of "$file")
    fi
    [[ $place ]] || continue
    install -D -m 644 "$file" "$2$place"
    [[ $place != "$UNITS"/* ]] || lay_out_enabling "$file" "$2"
  done < <(find "$1" -type f -not -name '*.md' -not -name '.*' | sort)
}

lay_out_enabling() { # unit file, stage: the links of `systemctl enable`, which a tree elsewhere needs, too
  local unit=${1##*/} target
  [[ -e $ROOT$ROBOT || ($DRY_RUN && $ROBOT_FILE) ]] || return 0 # nothing to run yet
  while read -r target; do
    switched_off "$UNITS/$target.wants/$unit" || lay_out_link "$UNITS/$unit" "$2" "$UNITS/$target.wants/$unit"
  done < <(sed -n 's/^WantedBy=//p' "$1")
}

switched_off() { # the link of an enabled unit: was it made, and taken away by a person?
  is_remembered link "$1" && ! is_remembered unfinished files && [[ ! -L $ROOT$1 ]]
}

lay_out_links() { # stage
  lay_out_link $OPT/current/venv/bin/forerun "$1" /usr/local/bin/forerun
  lay_out_link $STATE/bundles "$1" $SETTINGS/bundles
  lay_out_link $STATE/calibration "$1" $SETTINGS/calibration
}

lay_out_link() { # what it points to, stage, where it lies
  mkdir -p "$2$(dirname "$3")"
  ln -s "$1" "$2$3"
}

bring_from() { # stage
  local path
  while read -r path; do
    same_as_staged "$1$path" "$ROOT$path" || bring "$1$path" "$path"
  done < <(find "$1" -not -type d -printf '/%P\n' | sort)
}

same_as_staged() { # staged file or link, the one in place
  if [[ -L $1 ]]; then
    [[ -L $2 && $(readlink "$1") == "$(readlink "$2")" ]]
  else
    [[ -f $2 && ! -L $2 && $(stat -c '%a %u %g' "$2") == "644 0 0" ]] && cmp -s "$1" "$2"
  fi
}

bring() { # staged file or link, its place
  local kind=file
  [[ ! -L $1 ]] || kind='link'
  if [[ -d $ROOT$2 && ! -L $ROOT$2 ]] || { [[ -e $ROOT$2 || -L $ROOT$2 ]] && ! is_remembered $kind "$2"; }; then
    stop "$2 is there, and forerun did not make it: move it away, then run this again"
  fi
  standard_folder "$(dirname "$2")"
  change "write $2" bring_one "$kind" "$1" "$2"
}

bring_one() { # kind, staged, place
  local fresh=$ROOT$3.new
  remember unfinished files
  remember "$1" "$3"
  FILES_CHANGED+=" $3"
  rm -f "$fresh"
  cp -P "$2" "$fresh"
  [[ $1 == link ]] || chmod 644 "$fresh"
  [[ $1 == link ]] || sync "$fresh" # a unit file that a power cut left empty would count as switched off
  mv -T "$fresh" "$ROOT$3"
}

remove_unwanted() { # stage: what earlier versions had
  local kind path wanted
  [[ -e $ROOT$MANIFEST ]] || return 0
  for kind in file link; do
    while read -r path; do
      [[ -e $1$path || -L $1$path || (! -e $ROOT$path && ! -L $ROOT$path) ]] || change "remove $path" remove_one "$path"
    done < <(remembered $kind)
  done
  [[ ! $DRY_RUN ]] || return 0
  wanted=$(grep -v '^unfinished ' "$ROOT$MANIFEST" | while read -r kind path; do
    [[ $kind != file && $kind != link ]] || [[ -e $1$path || -L $1$path ]] || [[ $path == *.wants/* ]] || continue
    echo "$kind $path"
  done)
  [[ $wanted == "$(cat "$ROOT$MANIFEST")" ]] || write_atomically "$ROOT$MANIFEST" <<<"$wanted"
}

remove_one() { # a file or link outside of /opt/forerun
  FILES_CHANGED+=" $1"
  rm -f "$ROOT$1"
  case $1 in
    "$UNITS"/*.d/* | *.wants/*) rmdir "$ROOT$(dirname "$1")" 2>/dev/null || true ;;
  esac
}

# --- what follows from the robot file

place_machine_files() { # version folder
  local said
  [[ -e $ROOT$ROBOT ]] || return 0
  said=$(machine_files "$1" ${DRY_RUN:+--dry-run}) || stop "$ROBOT: the units cannot be made to fit it"
  while read -r line; do
    case $line in
      "") ;;
      unchanged:*) ;;
      "would be "* | new:* | changed:* | removed:*)
        CHANGES=$((CHANGES + 1))
        FILES_CHANGED+=" ${line##* }"
        printf '  %s\n' "$line"
        ;;
      *) printf '  %s\n' "$line" ;;
    esac
  done <<<"$said"
  enable_needed "$1"
}

machine_files() { # version folder, options of `python -m provision`
  local python=$1/venv/bin/python
  [[ -x $python ]] || return 0 # a dry run: it is told when the version is there
  (cd / && "$python" -I -m provision "$ROOT$ROBOT" --root "${ROOT:-/}" "${@:2}")
}

remove_machine_files() {
  local path
  [[ -e $ROOT$MACHINE_FILES ]] || return 0
  while read -r path; do
    [[ ! -e $ROOT$path ]] || change "remove $path" remove_one "$path"
  done < <(sed -n '/^\//p' "$ROOT$MACHINE_FILES")
  change "remove $MACHINE_FILES" rm -f "$ROOT$MACHINE_FILES"
}

remove_manifest_files() {
  local path
  while read -r path; do
    [[ ! -e $ROOT$path && ! -L $ROOT$path ]] || change "remove $path" remove_one "$path"
  done < <(remembered link; remembered file)
}
