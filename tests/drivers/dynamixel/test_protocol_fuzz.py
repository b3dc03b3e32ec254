"""Answers through a bad wire: nothing is raised, no wrong value believed, and the next whole answer found.

What a CRC-16 promises: up to 16 spoilt bits in a row are always noticed. The crc goes over the wire low byte first, so that
for two neighbouring bytes the promise holds but where one is the last before the crc and one in it; and it does not hold for
the length, which says where the crc stands. What is spoilt otherwise passes once in 65536 times, if header, length, id and
code are right at all: of that nobody can expect more.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.dynamixel.fast_read import BLOCK_BYTES, LEAD_BYTES, build_fast_status, parse_fast_status
from drivers.dynamixel.parser import PacketParser
from drivers.dynamixel.protocol import BROADCAST_ID, STATUS_CODE, Packet, build_status
from drivers.dynamixel.registers import FEEDBACK_BYTES

IDS = range(1, 7)
OCTETS = bytes.fromhex("ff fd 00 55 01 80") * 4 + bytes(range(256))  # what can look like a header comes often


def payload(rng: random.Random) -> bytes:
    return bytes(rng.choices(OCTETS, k=FEEDBACK_BYTES))


def pair(rng: random.Random, frame: bytes) -> bytes:
    """Have two neighbouring bytes spoilt in any way, where the crc promises to notice."""
    if frame[4] == BROADCAST_ID:
        seams = {LEAD_BYTES + (FEEDBACK_BYTES + BLOCK_BYTES) * (i + 1) - 3 for i in range(len(IDS))}
    else:
        seams = {4, 5, 6, len(frame) - 3}
    start = rng.choice([i for i in range(len(frame) - 1) if i not in seams])
    spoilt = int.from_bytes(frame[start : start + 2], "big") ^ rng.randint(1, 0xFFFF)
    return frame[:start] + spoilt.to_bytes(2, "big") + frame[start + 2 :]


def cut(rng: random.Random, frame: bytes) -> bytes:
    """Lose the end."""
    return frame[: rng.randint(0, len(frame) - 1)]


def lose(rng: random.Random, frame: bytes) -> bytes:
    """Lose a byte or a few in a row."""
    start = rng.randrange(len(frame))
    return frame[:start] + frame[start + rng.randint(1, 4) :]


def insert(rng: random.Random, frame: bytes) -> bytes:
    """Gain some bytes."""
    start = rng.randrange(len(frame))
    return frame[:start] + bytes(rng.choices(OCTETS, k=rng.randint(1, 12))) + frame[start:]


def overwrite(rng: random.Random, frame: bytes) -> bytes:
    """Be spoilt in several places, as where two servos speak at once."""
    spoilt = bytearray(frame)
    for _ in range(rng.randint(2, 8)):
        spoilt[rng.randrange(len(frame))] = rng.choice(OCTETS)
    return bytes(spoilt)


def replace(rng: random.Random, frame: bytes) -> bytes:
    """Be something else altogether."""
    return bytes(rng.choices(OCTETS, k=rng.randint(0, 2 * len(frame))))


Spoiler = Callable[[random.Random, bytes], bytes]
AT_RANDOM: tuple[Spoiler, ...] = (cut, lose, insert, overwrite, replace)


def answers(rng: random.Random, n_frames: int, spoilers: tuple[Spoiler, ...]) -> Iterator[tuple[bytes, Packet, bool]]:
    """Yield what comes over the wire, frame for frame, one in two spoilt; what was sent; and whether it is whole."""
    for _ in range(n_frames):
        packet = Packet(rng.choice(IDS), STATUS_CODE, payload(rng), error=rng.choice((0, 0, 0x80)))
        frame = build_status(packet.servo_id, packet.error, packet.parameters)
        data = frame if rng.random() < 0.5 else rng.choice(spoilers)(rng, frame)
        yield data, packet, frame in data


def count_wrong(rng: random.Random, n_frames: int, spoilers: tuple[Spoiler, ...]) -> int:
    """Return how many packets came out that nobody sent; check that all that came whole came out, one frame late at most."""
    parser, waiting, n_wrong = PacketParser(FEEDBACK_BYTES), list[Packet](), 0
    sent: deque[Packet] = deque(maxlen=4)  # what a spoilt frame lacks, the next one may bring
    for data, packet, is_whole in answers(rng, n_frames, spoilers):
        due = len(waiting)  # what a spoilt beginning held back must be out once the frame after it has come
        sent.append(packet)
        waiting += [packet] if is_whole else []
        for found in parser.feed(data):
            n_wrong += found not in sent
            if found in waiting:
                due -= waiting.index(found) + 1
                del waiting[: waiting.index(found) + 1]
        if is_whole:
            assert due <= 0, waiting
    return n_wrong


def count_wrong_blocks(rng: random.Random, n_answers: int, spoilers: tuple[Spoiler, ...]) -> int:
    """Return how many blocks of fast answers came out that nobody sent."""
    counts, n_wrong = dict.fromkeys(IDS, FEEDBACK_BYTES), 0
    for _ in range(n_answers):
        sent = {servo_id: (0, payload(rng)) for servo_id in IDS}
        blocks = [Packet(servo_id, STATUS_CODE, data) for servo_id, (_, data) in sent.items()]
        whole = build_fast_status(sent)
        if rng.random() < 0.1:
            assert parse_fast_status(replace(rng, whole) + whole, counts) == blocks
        found = parse_fast_status(rng.choice(spoilers)(rng, whole), counts)
        n_wrong += sum(packet not in blocks for packet in found)
    return n_wrong


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_no_wrong_value_passes_a_few_frames(seed: int) -> None:
    rng = random.Random(seed)
    assert count_wrong(rng, 60, (pair,)) == 0
    assert count_wrong(rng, 60, AT_RANDOM) == 0
    assert count_wrong_blocks(rng, 10, (pair, *AT_RANDOM)) == 0


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(list(OCTETS)), max_size=200).map(bytes))
def test_bytes_at_random_are_nothing(data: bytes) -> None:
    assert PacketParser(FEEDBACK_BYTES).feed(data) == []
    assert parse_fast_status(data, dict.fromkeys(IDS, FEEDBACK_BYTES)) == []


@pytest.mark.slow
def test_of_a_million_frames_no_spoilt_pair_passes_and_of_the_rest_one_in_65536_at_most() -> None:
    n_frames = 500_000  # of each kind; one in two of them spoilt
    rng = random.Random(1)
    assert count_wrong(rng, n_frames, (pair,)) == 0
    n_wrong = count_wrong(rng, n_frames, AT_RANDOM)
    print(f"{n_frames // 2} frames spoilt at random: {n_wrong} believed")  # noqa: T201
    assert n_wrong <= 4 + 2 * (n_frames // 2) / 65_536


@pytest.mark.slow
def test_of_a_million_blocks_of_fast_answers_no_spoilt_pair_passes() -> None:
    n_answers = 85_000  # six blocks each, of each kind
    rng = random.Random(2)
    assert count_wrong_blocks(rng, n_answers, (pair,)) == 0
    n_wrong = count_wrong_blocks(rng, n_answers, AT_RANDOM)
    print(f"{n_answers} fast answers spoilt at random: {n_wrong} blocks believed")  # noqa: T201
    assert n_wrong <= 6 * (4 + 2 * n_answers / 65_536)
