"""A robot that trusts somebody takes only what they signed; the signature covers every byte of a bundle."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.bundle_rig import make_bundle
from interfaces.errors import BundleError, RefusedError
from interfaces.robot_config import RobotConfig
from runtime.bundles.install import Checks, install
from runtime.bundles.shelf_changes import ShelfPlace
from runtime.bundles.signature import TrustedKeys, check_signature, make_key, read_signature, read_trusted_keys
from runtime.bundles.signing import sign_bundle

Take = Callable[[Path], str]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder of trusted keys: that of alice."""
    folder = tmp_path / "trusted-keys"
    folder.mkdir()
    public_file, _ = make_key(tmp_path / "alice")
    public_file.rename(folder / "alice.pub")
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A bundle."""
    return make_bundle(tmp_path / "source", "1")


@pytest.fixture
def take(place: ShelfPlace, robot: RobotConfig, keys: Path, said: list[str]) -> Take:
    """Installs a bundle on the robot that trusts alice; returns what was said of its signature."""

    def take(source: Path) -> str:
        with place.changing():
            install(source, place, Checks(robot, read_trusted_keys(keys), said.append))
        return next(line for line in said if ": signed" in line)

    return take


def test_what_a_trusted_key_signed_is_taken(source: Path, tmp_path: Path, take: Take) -> None:
    key = sign_bundle(source, tmp_path / "alice")
    assert take(source) == f"tiny: signed with alice.pub ({key})"


def test_what_nobody_signed_is_not(source: Path, take: Take) -> None:
    with pytest.raises(
        BundleError, match=r"source: is not signed; this robot wants it signed with one of alice\.pub \("
    ):
        take(source)


def test_the_key_that_is_missing_is_named(source: Path, tmp_path: Path, take: Take) -> None:
    _, key = make_key(tmp_path / "mallory")
    sign_bundle(source, tmp_path / "mallory")
    with pytest.raises(
        BundleError, match=rf"signed with key {key}, which is not trusted: .* lacks its \.pub, and has alice"
    ):
        take(source)


def test_a_manifest_changed_after_signing_is_refused(source: Path, tmp_path: Path, take: Take) -> None:
    sign_bundle(source, tmp_path / "alice")
    manifest = source / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("edition 1", "edition 9"))
    with pytest.raises(BundleError, match=r"signature of alice\.pub .* is not for this manifest"):
        take(source)


@pytest.mark.parametrize("file", ["foresight.onnx", "action.onnx", "parity.npz"])
def test_so_is_every_other_file_by_its_hash(source: Path, tmp_path: Path, take: Take, file: str) -> None:
    sign_bundle(source, tmp_path / "alice")
    (source / file).write_bytes((source / file).read_bytes() + b" ")
    with pytest.raises(BundleError, match=f"{file}: its sha256"):
        take(source)


def test_and_no_file_comes_along_unnamed(source: Path, tmp_path: Path, take: Take) -> None:
    sign_bundle(source, tmp_path / "alice")
    (source / "more.onnx").write_bytes(b"more")
    with pytest.raises(BundleError, match="does not name this file"):
        take(source)


def test_a_robot_that_trusts_nobody_in_particular_takes_both(
    source: Path, tmp_path: Path, place: ShelfPlace, checks: Checks, said: list[str]
) -> None:
    with place.changing():
        install(source, place, checks)
        sign_bundle(source, tmp_path / make_key(tmp_path / "bob")[0].stem)
        done = install(source, place, checks, replace=True)
    assert done.new
    assert "not signed" in said[1]
    assert any("not checked: no key is trusted here" in line for line in said)


def test_no_folder_of_keys_trusts_nobody_in_particular(tmp_path: Path) -> None:
    assert read_trusted_keys(tmp_path / "none").by_id == {}


@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_damaged_key_is_not_overlooked(keys: Path, content: bytes) -> None:
    (keys / "bob.pub").write_bytes(content)
    with pytest.raises(BundleError, match=r"bob\.pub: no public key that can be read"):
        read_trusted_keys(keys)


@pytest.mark.parametrize("place", ["", "alice.pub"])
def test_keys_that_everybody_may_write_are_not_trusted(keys: Path, place: str) -> None:
    (keys / place).chmod(0o777)
    with pytest.raises(BundleError, match="everybody may write it"):
        read_trusted_keys(keys)


def test_a_bundle_that_is_not_whole_is_not_signed(source: Path, tmp_path: Path, keys: Path) -> None:
    assert keys.is_dir()
    (source / "parity.npz").write_bytes(b"nothing")
    with pytest.raises(BundleError, match="its sha256"):
        sign_bundle(source, tmp_path / "alice")
    assert not (source / "manifest.sig").exists()


def test_a_key_that_others_can_read_is_not_used(source: Path, tmp_path: Path, keys: Path) -> None:
    assert keys.is_dir()
    (tmp_path / "alice").chmod(0o640)
    with pytest.raises(RefusedError, match="others can read this key"):
        sign_bundle(source, tmp_path / "alice")


def test_the_public_half_does_not_sign(source: Path, keys: Path) -> None:
    (keys / "alice.pub").chmod(0o600)
    with pytest.raises(RefusedError, match="no private key that can be read"):
        sign_bundle(source, keys / "alice.pub")


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    public_file, _ = make_key(tmp_path / "alice")
    assert (tmp_path / "alice").stat().st_mode & 0o777 == 0o600
    for half in (tmp_path / "alice", public_file):
        with pytest.raises(RefusedError, match="never written over"):
            make_key(tmp_path / "alice")
        half.unlink()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_whatever_is_in_a_signature_it_is_refused_plainly(keys: Path, data: bytes) -> None:
    with pytest.raises(BundleError, match="damaged signature of it"):
        check_signature("it", b"manifest", data, read_trusted_keys(keys))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(position=st.integers(0, 127), digit=st.sampled_from("0123456789abcdef"))
def test_no_digit_of_a_signature_is_idle(keys: Path, position: int, digit: str) -> None:
    folder = keys.parent / "signed"
    if not folder.exists():
        make_bundle(folder, "1")
        sign_bundle(folder, keys.parent / "alice")
    manifest, signature = (folder / "manifest.toml").read_bytes(), (folder / "manifest.sig").read_bytes()
    said = read_signature("it", signature).signature
    changed = said[:position] + digit + said[position + 1 :]
    trusted = read_trusted_keys(keys)
    assert "signed with alice.pub" in check_signature("it", manifest, signature, trusted)
    if changed != said:
        with pytest.raises(BundleError, match="is not for this manifest"):
            check_signature("it", manifest, signature.replace(said.encode(), changed.encode()), trusted)


def test_who_trusts_nobody_has_nothing_to_tell(tmp_path: Path) -> None:
    assert TrustedKeys(tmp_path, {}).told() == ""
