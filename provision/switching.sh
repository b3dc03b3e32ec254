# shellcheck shell=bash
# Going from one version to another: the link is renamed, the services are started, and where they do not come up, back again.
# /opt/forerun/switching notes what is under way, so that also after a power cut the next run ends what was begun.

readonly NOTE=$OPT/switching

SWITCHING= # yes: between the first step and the last

switch_version() { # to which
  local running=no
  if [[ $DRY_RUN ]]; then
    change "link $OPT/current to versions/$1" true
    place_files
    return
  fi
  say "Switching to version $1"
  ! services_run || running=yes
  note_switch "$(linked current)" "$(linked previous)" "$1" "$running"
  SWITCHING=yes
  if [[ $running == yes ]]; then
    keep_last_word
    stop_services
  fi
  point previous "$(linked current)"
  point current "$1"
  finish_switch
}

note_switch() { # old, the one before it, new, whether the services ran
  printf 'old %s\nolder %s\nnew %s\nrunning %s\n' "$@" | write_atomically "$ROOT$NOTE"
}

noted() { # old, older, new, running
  sed -n "s/^$1 //p" "$ROOT$NOTE"
}

point() { # current or previous; to which version, or none: one rename
  if [[ $2 ]]; then
    [[ $(linked "$1") != "$2" ]] || return 0
    change "link $OPT/$1 to versions/$2" point_now "$1" "$2"
  else
    rm -f "$ROOT$OPT/$1"
  fi
}

point_now() {
  rm -f "$ROOT$OPT/$1.new"
  ln -s "versions/$2" "$ROOT$OPT/$1.new"
  mv -T "$ROOT$OPT/$1.new" "$ROOT$OPT/$1"
  sync -f "$ROOT$OPT"
}

finish_switch() { # the link is set: files, services; back where they do not come up
  place_files
  reload_what_changed
  if ! come_up; then
    if [[ $(noted old) ]]; then
      switch_back "its services did not come up"
      remove_old_versions
      stop "version $(linked current) is back"
    fi
    end_switch
    stop "installed, but the services did not come up: see above, journalctl -u 'forerun*', and forerun doctor $ROBOT"
  fi
  end_switch
}

end_switch() {
  SWITCHING=
  rm -f "$ROOT$NOTE"
}

switch_back() { # why
  local old older new running
  SWITCHING=
  [[ -e $ROOT$NOTE ]] || return 0
  old=$(noted old) older=$(noted older) new=$(noted new) running=$(noted running)
  if [[ ! $old ]]; then
    say "Version $new was broken off on its way: run this again"
    return
  fi
  say "Back to version $old: version $new is not taken, $1"
  if [[ ! $ROOT && $running == yes ]]; then
    keep_last_word
    stop_services
  fi
  point current "$old"
  point previous "$older"
  place_files
  reload_what_changed
  if [[ $running == yes ]]; then
    start_and_wait || printf '  version %s did not come up either: see journalctl -u "forerun*"\n' "$old"
  fi
  end_switch
  [[ $new == "$older" || $new == "$(linked current)" ]] || rm -rf "$ROOT${VERSIONS:?}/$new" 2>/dev/null || true
}

finish_cut_off_switch() { # of an earlier run
  [[ -e $ROOT$NOTE ]] || return 0
  if [[ $DRY_RUN ]]; then
    change "end the switch to version $(noted new) that was cut off" true
    return
  fi
  if [[ $(linked current) == "$(noted new)" ]]; then
    say "An earlier switch to version $(noted new) was cut off: ending it"
    SWITCHING=yes
    finish_switch
    return
  fi
  say "An earlier switch to version $(noted new) was cut off before it happened"
  if [[ $(linked current) ]]; then # or on its way back: the files may still be the other one's
    point previous "$(noted older)"
    place_files
    reload_what_changed
  fi
  [[ $(noted running) != yes ]] || start_and_wait || true
  end_switch
}
