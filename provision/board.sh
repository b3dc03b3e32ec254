# shellcheck shell=bash
# What machine this is: board, JetPack, Python, TensorRT, power mode, kernel, systemd. Only reads, and all of it below $ROOT.

readonly SYSTEMD_OLDEST=249 # JetPack 6's; what the units use is no newer

fact() { # name, what was found
  printf '  %-12s %s\n' "$1" "$2"
}

tell_machine() {
  say "This machine${ROOT:+, as the tree $ROOT has it}"
  fact board "$(board_line)"
  fact JetPack "$(jetpack_line)"
  fact Python "$(python_line)"
  fact TensorRT "$(tensorrt_line)"
  fact "power mode" "$(power_line)"
  fact kernel "$(kernel_line)"
  fact "real time" "$(realtime_line)"
  fact CAN "$(can_line)"
  fact systemd "$(systemd_line)"
}

# --- board and JetPack

board_model() { # as the device tree names it; nothing on a PC
  [[ ! -r $ROOT/proc/device-tree/model ]] || tr -d '\0' <"$ROOT/proc/device-tree/model"
}

is_jetson() { [[ -r $ROOT/etc/nv_tegra_release || $(board_model) == *Jetson* ]]; }

board_line() {
  local model
  model=$(board_model)
  if is_jetson; then
    echo "${model:-a Jetson that does not say which}"
  else
    echo "${model:+$model, }no Jetson: ONNX Runtime on the CPU"
  fi
}

l4t_release() { # as 36.4.3; nothing where there is no L4T
  [[ ! -r $ROOT/etc/nv_tegra_release ]] ||
    sed -nE 's/^# R([0-9]+) \(release\), REVISION: ([0-9.]+).*/\1.\2/p' "$ROOT/etc/nv_tegra_release"
}

jetpack_of() { # L4T release
  case $1 in
    36.4.3) echo 6.2 ;;
    36.4.*) echo 6.2.1 ;;
    36.5.*) echo 6.2.2 ;;
    39.2.0) echo 7.2 ;;
    39.2.*) echo 7.2.1 ;;
  esac
}

jetpack_line() {
  local l4t jetpack
  l4t=$(l4t_release)
  jetpack=$(debian_version nvidia-jetpack)
  jetpack=${jetpack%%[-+]*}
  jetpack=${jetpack:-$(jetpack_of "$l4t")}
  if [[ ! $l4t ]]; then
    echo none
  elif [[ $jetpack ]]; then
    echo "$jetpack (L4T $l4t)$(unfamiliar_jetpack "$l4t")"
  else
    echo "of L4T $l4t$(unfamiliar_jetpack "$l4t")"
  fi
}

unfamiliar_jetpack() { # L4T release
  case $1 in
    36.4.[3-9]* | 36.5.* | 39.2.*) ;;
    *) echo "; forerun is made for 6.2 and 7.2" ;;
  esac
}

debian_version() { # package; nothing where it is not installed
  command -v dpkg-query >/dev/null || return 0
  dpkg-query --admindir="$ROOT/var/lib/dpkg" -W -f '${db:Status-Abbrev}${Version}\n' "$1" 2>/dev/null |
    sed -n 's/^ii //p' || true
}

# --- Python and TensorRT

robot_python() { # prints the path of the system's Python that the robot runs on: the service user must be able to, so none in a home
  local name candidate
  for name in python3 python3.12 python3.11 python3.10 python3.13; do
    # With --root, too, it is this machine's that is started; a whole system elsewhere is entered by chroot.
    for candidate in "/usr/bin/$name" "/usr/local/bin/$name"; do
      case $(version_of "$candidate") in
        3.10 | 3.11 | 3.12 | 3.13)
          echo "$candidate"
          return
          ;;
      esac
      # On a Jetson TensorRT's Python package belongs to the system's own python3.
      ! is_jetson || break 2
    done
  done
  return 1
}

python_line() {
  local python
  if python=$(robot_python); then
    echo "$(version_of "$python") ($python)"
  else
    echo "none of 3.10 to 3.13 in /usr/bin"
  fi
}

tensorrt_line() {
  local version package
  for package in python3-libnvinfer tensorrt libnvinfer10 libnvinfer11; do
    version=$(debian_version "$package")
    [[ ! $version ]] || break
  done
  if [[ ! $version && ! $ROOT ]] && robot_python >/dev/null; then
    version=$("$(robot_python)" -I -c 'import tensorrt; print(tensorrt.__version__)' 2>/dev/null) || true
  fi
  echo "${version:-none}"
}

# --- power, kernel, systemd

power_line() {
  local mode
  mode=$(power_mode)
  if ! is_jetson; then
    echo "not a Jetson's"
  else
    echo "${mode:-it does not tell}"
  fi
}

power_mode() {
  if [[ $ROOT ]]; then
    sed -n 's/^pmode:/mode /p' "$ROOT/var/lib/nvpmodel/status" 2>/dev/null || true
  elif command -v nvpmodel >/dev/null; then
    nvpmodel -q 2>/dev/null | sed -n 's/^NV Power Mode: //p' || true
  fi
}

kernel_release() {
  if [[ -r $ROOT/proc/sys/kernel/osrelease ]]; then
    cat "$ROOT/proc/sys/kernel/osrelease"
  elif [[ ! $ROOT ]]; then
    uname -r
  fi
}

kernel_config() { # prints the kernel's configuration, where it can be had
  local packed=$ROOT/proc/config.gz plain
  plain=$ROOT/boot/config-$(kernel_release)
  if [[ -r $packed ]]; then
    gzip -dc "$packed"
  elif [[ -r $plain ]]; then
    cat "$plain"
  fi
}

kernel_has() { # option: yes (built in), m (a module), no, or nothing where it cannot be told
  local config
  config=$(kernel_config)
  [[ $config ]] || return 0
  case $(grep -E "^$1=" <<<"$config" || true) in
    *=y) echo yes ;;
    *=m) echo m ;;
    *) echo no ;;
  esac
}

is_preempt_rt() { [[ $(cat "$ROOT/sys/kernel/realtime" 2>/dev/null) == 1 || $(kernel_has CONFIG_PREEMPT_RT) == yes ]]; }

kernel_line() {
  local release
  release=$(kernel_release)
  if is_preempt_rt; then
    echo "${release:-unknown}, PREEMPT_RT"
  else
    echo "${release:-unknown}, not PREEMPT_RT: late by tenths of a millisecond where an RT kernel is late by hundredths"
  fi
}

realtime_line() {
  case $(kernel_has CONFIG_RT_GROUP_SCHED) in
    yes) echo "CONFIG_RT_GROUP_SCHED is on: this kernel may refuse SCHED_FIFO to services; forerun doctor tells whether it does" ;;
    no) echo "SCHED_FIFO can be had" ;;
    *) echo "the kernel does not show its configuration; forerun doctor tries it" ;;
  esac
}

can_line() {
  local found
  case $(kernel_has CONFIG_CAN_RAW) in
    yes | m) echo "the kernel has SocketCAN" ;;
    *)
      found=$(find "$ROOT/lib/modules/$(kernel_release)" -name 'can-raw.ko*' -print -quit 2>/dev/null) || true
      echo "${found:+the kernel has SocketCAN}"
      ;;
  esac | sed 's/^$/no SocketCAN in this kernel; serial buses and slcan adapters work/'
}

systemd_version() { # as 252; nothing where there is none
  local version
  version=$(debian_version systemd)
  if [[ ! $version && ! $ROOT ]] && command -v systemctl >/dev/null; then
    version=$(systemctl --version | sed -n 's/^systemd \([0-9]*\).*/\1/p')
  fi
  echo "${version%%[.-]*}"
}

systemd_line() {
  local version
  version=$(systemd_version)
  echo "${version:-none}$([[ $ROOT || -d /run/systemd/system ]] || echo ", not running: nothing is started, all is set up for the next boot")"
}

require_fit_machine() {
  local version
  version=$(systemd_version)
  [[ ! $version ]] || ((version >= SYSTEMD_OLDEST)) || stop "systemd $version is too old: the units need $SYSTEMD_OLDEST (JetPack 6)"
}
