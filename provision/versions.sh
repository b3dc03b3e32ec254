# shellcheck shell=bash
# Versions of forerun, side by side in /opt/forerun/versions; one is complete when it carries the stamp, which is written last.

SOURCE= # the hash of everything in this checkout that an installation is made from

source_hash() { # of what the wheel, the units and the locked packages are made from
  [[ $SOURCE ]] || SOURCE=$(
    {
      find forerun interfaces drivers runtime export calibration models distill sim bench provision robots systemd \
        -type f -not -name '*.pyc' -not -name '*.part' -not -name '*.log' -print0
      printf '%s\0' pyproject.toml README.md LICENSE THIRD_PARTY_NOTICES.md
    } | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
  )
}

version_id() { # prints, as 0.1.0-1a2b3c4d-py3.10; another Python is another version
  local python
  python=$(robot_python) || stop "please install Python 3.10 to 3.13: apt-get install python3 python3-venv"
  echo "$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)-${SOURCE:0:8}-py$(version_of "$python")"
}

linked() { # current or previous: prints the version it names, nothing where there is none
  local target
  target=$(readlink "$ROOT$OPT/$1" 2>/dev/null) || return 0
  echo "${target##*/}"
}

require_wheels() { # version: looked at before anything is changed
  [[ ! $WHEELS || -e $ROOT$VERSIONS/$1/complete ]] || check_wheels "$(version_of "$(robot_python)")"
}

build_version() { # version
  local version=$ROOT$VERSIONS/$1
  [[ ! -e $version/complete ]] || return 0
  change "build version $1 in $VERSIONS/$1 (minutes where packages come over the network)" make_version "$1" "$version"
}

make_version() { # version, its folder
  local id=$1 version=$2 python wheels=$WHEELS
  python=$(robot_python)
  rm -rf "$version" # what an earlier run left half made
  mkdir -p "$version"
  if [[ ! $wheels ]]; then
    wheels=$version/wheels
    mkdir "$wheels"
    collect_wheels "$wheels" "$python" "$(version_of "$python")" "$(uname -m)"
  fi
  say "Version $id: its Python"
  make_robot_venv "$version/venv" "$python" "$wheels"
  add_pycuda "$version/venv"
  [[ $wheels == "$WHEELS" ]] || rm -rf "$wheels"
  move_venv "$version/venv"
  cp -r systemd robots "$version/"
  mkdir -p "$version/docs"
  [[ ! -d docs/robot ]] || cp -r docs/robot "$version/docs/"
  printf '%s\n' "$id" >"$version/VERSION"
  chown -R 0:0 "$version"
  chmod -R u=rwX,go=rX "$version"
  sync -f "$version"
  touch "$version/complete"
}

make_robot_venv() { # folder, Python, wheels
  local options=()
  ! is_jetson || options=(--system-site-packages) # TensorRT's Python package is the system's
  "$2" -m venv "${options[@]}" "$1"
  pip_of "$1" install --no-deps --no-index --find-links "$3" --require-hashes --ignore-installed -r "$3/requirements.txt"
}

move_venv() { # folder: with --root its files must name the place that they will have, not the one they are made in
  local file
  [[ $ROOT ]] || return 0
  grep -rlIF --exclude-dir=site-packages "$ROOT/" "$1/bin" "$1/pyvenv.cfg" | while read -r file; do
    sed -i "s|$ROOT/|/|g" "$file"
  done
}

add_pycuda() { # environment: TensorRT's memory and streams in Python; without it inference stays on ONNX Runtime
  local cuda=$ROOT/usr/local/cuda
  is_jetson || return 0
  if [[ ! -x $cuda/bin/nvcc ]]; then
    say "No pycuda: there is no $cuda/bin/nvcc (apt-get install nvidia-jetpack)"
  elif ! "$1/bin/python" -I -c 'import tensorrt' 2>/dev/null; then
    say "No pycuda: TensorRT cannot be imported (apt-get install python3-libnvinfer)"
  elif [[ $WHEELS ]]; then
    say "No pycuda: it is compiled on the board from its source, which takes the network"
  else
    say "pycuda, compiled against $cuda (minutes)"
    CUDA_ROOT=$cuda PATH=$cuda/bin:$PATH pip_of "$1" install --no-deps --require-hashes -r $CUDA_LOCK ||
      say "No pycuda: it could not be compiled; the lines above say why. Inference runs on ONNX Runtime"
  fi
}

# --- the self-test of a new version

test_version() { # version: a version that fails is removed, and was never switched to
  local version=$ROOT$VERSIONS/$1 robot=() status=0 now stays="nothing runs here yet"
  [[ ! -e $ROOT$ROBOT ]] || robot=("$ROOT$ROBOT")
  if [[ $DRY_RUN ]]; then
    change "test version $1 as the user $SERVICE_USER (forerun selftest)" true
    return
  fi
  say "Self-test of version $1, as the user $SERVICE_USER"
  as_service "$version/venv/bin/python" -I -m forerun selftest "${robot[@]}" || status=$?
  ((status)) || return 0
  now=$(linked current)
  [[ ! $now ]] || stays="version $now stays as it was"
  ((status != 2)) || stop "$ROBOT is refused, see above: mend it, and run this again. Version $1 is good; $stays"
  rm -rf "$version"
  stop "version $1 failed its self-test and was removed; $stays"
}

as_service() { # command: as the units run it, so that what the service user cannot read shows now
  local id
  read -ra id <<<"$(user_id $SERVICE_USER)"
  scratch
  chmod 711 "$SCRATCH"
  install -d -o "${id[0]}" -g "${id[1]}" -m 700 "$SCRATCH/home" # matplotlib and others keep something there
  (cd / && exec setpriv --reuid="${id[0]}" --regid="${id[1]}" --clear-groups --no-new-privs \
    nice -n 10 env -i PATH=/usr/bin:/bin LANG=C.UTF-8 HOME="$SCRATCH/home" TMPDIR="$SCRATCH/home" "$@" 9<&-)
}

# --- what is no longer needed

remove_old_versions() { # all but the current and the one before it
  local version
  for version in "$ROOT$VERSIONS"/*; do
    case ${version##*/} in
      '*' | "$(linked current)" | "$(linked previous)") ;;
      *) [[ $DRY_RUN ]] || change "remove version ${version##*/}" rm -rf "$version" ;;
    esac
  done
}

remove_code() {
  change "remove $OPT" rm -rf "$ROOT$OPT/current" "$ROOT$OPT/previous" "$ROOT$VERSIONS"
  change "remove $CACHE" rm -rf "$ROOT$CACHE"
  change "remove /run/forerun" rm -rf "$ROOT/run/forerun"
}
