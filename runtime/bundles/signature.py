"""Somebody's word for a bundle: an Ed25519 signature over its manifest, which names the hash of every other file.

`manifest.sig` tells the key and the signature. A robot whose folder of trusted keys holds a *.pub takes only bundles signed with one of
them; a robot that trusts nobody in particular takes any that is whole.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from interfaces.bundle_manifest import MANIFEST_FILE, MANIFEST_MAX_BYTES, SIGNATURE_FILE
from interfaces.errors import BundleError, ConfigError, RefusedError
from interfaces.toml_loader import parse_toml, require
from interfaces.toml_writer import to_toml
from interfaces.trusted_path import ANY_OWNER, Trust, read_trusted

FORMAT = 1
_SIZE_MAX_BYTES = 10_000
_ID_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What manifest.sig says."""

    format: int = FORMAT
    key: str  # the first digits of the sha256 of the public key's 32 bytes
    signature: str  # 64 bytes, as hexadecimal digits

    def __post_init__(self) -> None:
        """Check the format and the digits."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
        for key, digits in (("key", _ID_DIGITS), ("signature", 128)):
            value: str = getattr(self, key)
            well_formed = len(value) == digits and set(value) <= set("0123456789abcdef")
            require(well_formed, key, value, f"{digits} hexadecimal digits")


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """Whose bundles a robot takes; where there are none, anybody's."""

    folder: Path
    by_id: dict[str, tuple[str, Ed25519PublicKey]]  # file name and key

    def told(self) -> str:
        """Return them for people."""
        return ", ".join(f"{name} ({key})" for key, (name, _) in self.by_id.items())


def key_id(key: Ed25519PublicKey) -> str:
    """Return by what a key is called."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:_ID_DIGITS]


def read_trusted_keys(folder: Path) -> TrustedKeys:
    """Return the keys in `folder`; none where there is no folder.

    Raises BundleError where one cannot be read or others may change it: no robot trusts everybody because a file is damaged.
    """
    by_id: dict[str, tuple[str, Ed25519PublicKey]] = {}
    try:
        paths = sorted(folder.iterdir()) if folder.exists() else []
        for path in (path for path in paths if path.name.endswith(".pub")):
            key = _public_key(path, read_trusted(path, Trust(root=folder), _SIZE_MAX_BYTES))
            by_id[key_id(key)] = (path.name, key)
    except OSError as error:
        raise BundleError(f"{error.filename or folder}: trusted keys cannot be read: {error.strerror}") from error
    return TrustedKeys(folder, by_id)


def check_signature(what: str, manifest: bytes, signature: bytes | None, keys: TrustedKeys) -> str:
    """Return in a few words who vouches for a bundle; raises BundleError where the robot wants that and nobody does.

    `signature` holds the bytes of manifest.sig, None where there is none; `what` is the bundle, for messages.
    """
    if signature is None:
        if keys.by_id:
            raise BundleError(f"{what}: is not signed; this robot wants it signed with one of {keys.told()}")
        return "not signed"
    said = read_signature(what, signature)
    known = keys.by_id.get(said.key)
    if known is None:
        if keys.by_id:
            raise BundleError(
                f"{what}: is signed with key {said.key}, which is not trusted: {keys.folder} lacks its .pub, and has {keys.told()}"
            )
        return f"signed with key {said.key}, not checked: no key is trusted here"
    name, key = known
    try:
        key.verify(bytes.fromhex(said.signature), manifest)
    except InvalidSignature as error:
        raise BundleError(
            f"{what}: the signature of {name} ({said.key}) is not for this manifest: it was changed"
        ) from error
    return f"signed with {name} ({said.key})"


def read_signed(folder: Path, trust: Trust = ANY_OWNER) -> tuple[bytes, bytes | None]:
    """Return the bytes of a bundle's manifest, and of its signature where there is one; raises BundleError."""
    signature = folder / SIGNATURE_FILE
    try:
        manifest = read_trusted(folder / MANIFEST_FILE, trust, MANIFEST_MAX_BYTES)
        return manifest, read_trusted(signature, trust, _SIZE_MAX_BYTES) if os.path.lexists(signature) else None
    except OSError as error:
        raise BundleError(f"{error.filename or folder}: {error.strerror}") from error


def read_signature(what: str, signature: bytes) -> Signature:
    """Return what a manifest.sig says; raises BundleError where that is nothing."""
    try:
        return parse_toml(signature.decode(), Signature, f"{what}: manifest.sig")
    except (ConfigError, UnicodeDecodeError) as error:
        raise BundleError(f"{error}: damaged signature of {what}") from error


def sign(manifest: bytes, key_file: Path) -> bytes:
    """Return the bytes of manifest.sig; raises RefusedError where the key cannot be read, or others can read it, too."""
    key = _private_key(key_file)
    return to_toml(Signature(key=key_id(key.public_key()), signature=key.sign(manifest).hex())).encode()


def make_key(key_file: Path) -> tuple[Path, str]:
    """Write a new key to `key_file`, and its public half beside it; return that one's path and the key's id.

    Raises RefusedError where either is there already, or cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    public_file = key_file.with_name(f"{key_file.name}.pub")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if public_file.exists():
        raise RefusedError(f"{public_file}: is there already; a key is never written over")
    for path, data, mode in ((key_file, private, 0o600), (public_file, public, 0o644)):
        _write_new(path, data, mode)
    return public_file, key_id(key.public_key())


def _write_new(path: Path, data: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except FileExistsError as error:
        raise RefusedError(f"{path}: is there already; a key is never written over") from error
    except OSError as error:
        raise RefusedError(f"{path}: cannot be written: {error.strerror}") from error


def _private_key(path: Path) -> Ed25519PrivateKey:
    try:
        data = read_trusted(path, ANY_OWNER, _SIZE_MAX_BYTES)
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise RefusedError(f"{path}: {error.strerror}") from error
    if mode & 0o077:
        raise RefusedError(f"{path}: others can read this key (mode {mode:04o}): chmod 600, and better make a new one")
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: it is encrypted
        raise RefusedError(f"{path}: no private key that can be read: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise RefusedError(f"{path}: a key of another kind; expected Ed25519, as forerun bundle keygen makes")
    return key


def _public_key(path: Path, data: bytes) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BundleError(f"{path}: no public key that can be read: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BundleError(f"{path}: a key of another kind; expected Ed25519, as forerun bundle keygen makes")
    return key
