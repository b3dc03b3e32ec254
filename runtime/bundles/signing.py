"""Signing a bundle, where it was made: only one that is whole."""

from __future__ import annotations

from pathlib import Path

from interfaces.bundle_manifest import MANIFEST_FILE, SIGNATURE_FILE
from interfaces.durable import write_whole
from interfaces.errors import RefusedError
from interfaces.trusted_path import ANY_OWNER, read_trusted
from runtime.bundles.signature import read_signature, sign
from runtime.policy.bundle import read_manifest, require_nothing_else, verify_files


def sign_bundle(folder: Path, key_file: Path) -> str:
    """Write the signature of the bundle in `folder` beside its manifest, replacing one that is there; return the key's id.

    Raises BundleError or ConfigError where the bundle is not whole, RefusedError where the key cannot be used or nothing be written.
    """
    manifest = read_manifest(folder)
    try:
        require_nothing_else(folder, manifest)
        verify_files(folder, manifest)
        signature = sign(read_trusted(folder / MANIFEST_FILE, ANY_OWNER), key_file)
        write_whole(folder / SIGNATURE_FILE, signature)
    except OSError as error:
        raise RefusedError(f"{folder}: cannot be signed: {error.strerror}") from error
    return read_signature(str(folder), signature).key
