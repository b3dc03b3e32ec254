# shellcheck shell=bash
# Packages: Debian's, and Python's as a folder of wheels, which is all that an installation is made from, with a network or without.

readonly LOCK=provision/requirements-robot.txt    # every package of the robot, with the hashes of all its files
readonly BUILD_LOCK=provision/requirements-build.txt # what builds forerun's wheel, and ruckig's on a Jetson
readonly CUDA_LOCK=provision/requirements-cuda.txt
readonly ROBOT_PACKAGES=(libusb-1.0-0 libudev1 udev systemd util-linux)
readonly COMPILERS=(g++ cmake ninja-build python3-dev) # where a package comes as source: ruckig, on aarch64

need_packages() {
  local wanted=("${ROBOT_PACKAGES[@]}") missing
  [[ ! $ROOT ]] || return 0 # this machine stays as it is, and a tree elsewhere is entered by chroot
  robot_python >/dev/null && can_make_venv "$(robot_python)" || wanted+=(python3 python3-venv)
  [[ $WHEELS || $(uname -m) != aarch64 ]] || wanted+=("${COMPILERS[@]}")
  if [[ $DRY_RUN || $WHEELS ]] && command -v dpkg-query >/dev/null; then
    read -ra missing <<<"$(missing_packages "${wanted[@]}")"
    ((${#missing[@]})) || return 0
    [[ $DRY_RUN ]] || stop "without network, please install first: apt-get install ${missing[*]}"
    change "install the Debian packages ${missing[*]}" true
    return 0
  fi
  install_packages "${wanted[@]}"
}

# --- a folder of wheels: the wheels, requirements.txt (exactly these, with hashes), SHA256SUMS, and made-for

bundle_wheels() {
  local python folder
  { python=$(robot_python) && can_make_venv "$python"; } || stop "this needs Python 3.10 to 3.13 in /usr/bin, with venv (python3-venv)"
  change "make $WHEEL_FOLDER" mkdir -p "$WHEEL_FOLDER"
  [[ ! $DRY_RUN ]] || return 0
  folder=$(realpath "$WHEEL_FOLDER")
  [[ ! $(ls -A "$folder") || -e $folder/made-for || -e $folder/made-for.partial ]] ||
    refuse "$WHEEL_FOLDER holds something else: name an empty folder"
  scratch
  trap leave EXIT
  collect_wheels "$folder" "$python" "${FOR_PYTHON:-$(version_of "$python")}" "${FOR_MACHINE:-$(uname -m)}"
  step=
  printf '\n%s: %s wheels, %s. On the robot: sudo ./install.sh --wheels FOLDER, from this same checkout.\n' \
    "$WHEEL_FOLDER" "$(find "$folder" -name '*.whl' | wc -l)" "$(du -sh "$folder" | cut -f1)"
}

collect_wheels() { # folder, Python to do it with, Python and machine to do it for
  local folder=$1 python=$2 tools
  say "Python packages for Python $3 on $4"
  find "$folder" -mindepth 1 -maxdepth 1 \( -name '*.whl' -o -name made-for \) -delete
  touch "$folder/made-for.partial"
  scratch
  tools=$SCRATCH/tools
  "$python" -m venv --clear "$tools"
  pip_of "$tools" install --no-deps --require-hashes -r $BUILD_LOCK
  if [[ $3 == "$(version_of "$python")" && $4 == "$(uname -m)" ]]; then
    pip_of "$tools" wheel --no-deps --require-hashes --no-build-isolation -r $LOCK -w "$folder"
  else
    download_for_another "$folder" "$tools" "$3" "$4"
  fi
  pip_of "$tools" wheel --no-deps --no-build-isolation -w "$folder" .
  seal_folder "$folder" "$3" "$4"
}

pip_of() { # environment, pip's arguments
  "$1/bin/python" -I -m pip --disable-pip-version-check --quiet "${@:2}"
}

download_for_another() { # folder, tools, Python, machine: only wheels can be had; what has none is named
  local folder=$1 tools=$2 requirement glibc lacking=() platforms=(--platform "manylinux2014_$4" --platform "linux_$4")
  for glibc in {5..35}; do # JetPack 6's glibc is 2.35
    platforms+=(--platform "manylinux_2_${glibc}_$4")
  done
  "$tools/bin/python" -I provision/wheel_lock.py $LOCK --python "$3" --machine "$4" --each "$SCRATCH/each"
  for requirement in "$SCRATCH"/each/*; do
    "$tools/bin/python" -I -m pip --disable-pip-version-check -qqq download --no-deps --require-hashes \
      --only-binary=:all: --implementation cp --python-version "$3" --abi "cp${3/./}" --abi abi3 --abi none \
      "${platforms[@]}" -r "$requirement" -d "$folder" || lacking+=("${requirement##*/}")
  done
  ((!${#lacking[@]})) ||
    stop "there is no wheel of ${lacking[*]} for Python $3 on $4: run bundle-wheels on such a machine, which compiles what it must"
}

seal_folder() { # folder, Python, machine: written last, so that a folder that was cut off is not taken for whole
  local wheel name version
  (
    cd "$1"
    sha256sum -- *.whl >SHA256SUMS
    for wheel in *.whl; do
      IFS=- read -r name version _ <<<"$wheel"
      printf '%s==%s --hash=sha256:%s\n' "$name" "$version" "$(sha256sum <"$wheel" | cut -d' ' -f1)"
    done >requirements.txt
    printf 'python %s\nmachine %s\nforerun %s\n' "$2" "$3" "$SOURCE" >made-for
    rm -f made-for.partial
  )
}

check_wheels() { # Python's version: that --wheels is whole, unchanged, and for this machine and checkout
  local wanted
  [[ -e $WHEELS/made-for ]] || stop "$WHEELS: not a whole folder of wheels; make one with ./install.sh bundle-wheels FOLDER"
  (cd "$WHEELS" && sha256sum --check --strict --quiet SHA256SUMS) || stop "$WHEELS: a wheel is not what it was when the folder was made"
  for wanted in "python $1" "machine $(uname -m)"; do
    grep -qxF "$wanted" "$WHEELS/made-for" ||
      stop "$WHEELS was made for $(head -n 2 "$WHEELS/made-for" | paste -sd' '); this robot is $wanted"
  done
  grep -qxF "forerun $SOURCE" "$WHEELS/made-for" ||
    stop "$WHEELS was made from another state of this checkout: run bundle-wheels again"
}
