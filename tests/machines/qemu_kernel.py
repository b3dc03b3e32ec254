"""A Debian kernel for the virtual machine, unpacked and not installed, and the two-megabyte file system it starts from.

The machine's root is this machine's own "/", read-only over 9p: the same Python, the same packages, the same source tree.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.machines.debian_packages import unpack_package

KERNEL_PACKAGE = "linux-image-amd64"  # names the kernel that this Debian carries
SHELL_PACKAGE = "busybox-static"
ROOT_MODULES = ("virtio_pci", "9pnet_virtio", "9p")
OPTIONS = {"vivid": "node_types=1 num_inputs=1 input_types=0"}  # one camera, and nothing else of all it can be


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked kernel package, and a shell that needs no libraries."""

    image: Path
    modules: Path
    shell: Path

    def load_order(self, names: Iterable[str]) -> list[Path]:
        """Return the files of these modules, each after those that it needs; what is no file is part of the kernel."""
        files = {path.name.removesuffix(".ko").replace("-", "_"): path for path in self.modules.rglob("*.ko")}
        order: list[Path] = []

        def add(name: str) -> None:
            path = files.get(name.replace("-", "_"))
            if path is not None and path not in order:
                for needed in _needs(path):
                    add(needed)
                order.append(path)

        for name in names:
            add(name)
        return order


def fetch_kernel(cache: Path) -> Kernel:
    """Return kernel and shell from `cache`, fetched there with apt-get where they are missing; raises CalledProcessError."""
    image = _only(cache / "kernel", "boot/vmlinuz-*")
    if image is None:
        unpack_package(_kernel_package(), cache / "kernel")
        image = _only(cache / "kernel", "boot/vmlinuz-*")
    shell = cache / "shell" / "bin" / "busybox"
    if not shell.exists():
        unpack_package(SHELL_PACKAGE, cache / "shell")
    modules = _only(cache / "kernel", "lib/modules/*")
    if image is None or modules is None:
        raise FileNotFoundError(f"no kernel in {cache / 'kernel'}: delete the folder, and try again")
    return Kernel(image, modules, shell)


def write_start_files(path: Path, kernel: Kernel, modules: Iterable[str], start: str) -> None:
    """Write the initial file system: loads `modules` and what reaches the root, mounts it, runs `start` in it, powers off."""
    order = kernel.load_order([*ROOT_MODULES, *modules])
    files = {"bin/busybox": (kernel.shell.read_bytes(), 0o755)}
    files |= {f"modules/{module.name}": (module.read_bytes(), 0o644) for module in order}
    files["init"] = (_init_script([module.name for module in order], start).encode(), 0o755)
    path.write_bytes(_archive(("bin", "modules", "proc", "sys", "dev", "host"), files))


def _init_script(modules: list[str], start: str) -> str:
    return "\n".join(
        [
            "#!/bin/busybox sh",
            "/bin/busybox --install -s /bin",
            "mount -t proc proc /proc",
            *[f"insmod /modules/{name} {OPTIONS.get(name.removesuffix('.ko'), '')}" for name in modules],
            "mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro root /host",
            "mount -t proc proc /host/proc",
            "mount -t sysfs sys /host/sys",
            "mount -t devtmpfs dev /host/dev",
            "mkdir -p /host/dev/shm /host/dev/pts",
            "mount -t tmpfs shm /host/dev/shm",
            "mount -t devpts pts /host/dev/pts",
            "mount -t tmpfs run /host/run",  # the one place where something can be written
            f"chroot /host /bin/sh -c '{start}'",
            "poweroff -f",
            "",
        ]
    )


def _kernel_package() -> str:
    said = subprocess.run(["apt-cache", "depends", KERNEL_PACKAGE], capture_output=True, text=True, check=True).stdout
    match = re.search(r"Depends: (linux-image-\S+)", said)
    return match[1] if match else KERNEL_PACKAGE


def _only(folder: Path, pattern: str) -> Path | None:
    return next(iter(sorted(folder.glob(pattern))), None)


def _needs(module: Path) -> list[str]:
    match = re.search(rb"\0depends=([^\0]*)\0", module.read_bytes())
    return [name for name in match[1].decode().split(",") if name] if match else []


def _archive(folders: Iterable[str], files: dict[str, tuple[bytes, int]]) -> bytes:
    """Return a cpio archive of the "newc" kind, the one that a kernel unpacks (its Documentation: initramfs buffer format)."""
    entries = [_entry(name, 0o40755, b"") for name in folders]
    entries += [_entry(name, 0o100000 | mode, data) for name, (data, mode) in files.items()]
    return b"".join([*entries, _entry("TRAILER!!!", 0, b"")])


def _entry(name: str, mode: int, data: bytes) -> bytes:
    encoded = name.encode() + b"\0"
    # inode, mode, uid, gid, links, time, size, four device numbers, name size, checksum
    numbers = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + encoded
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
