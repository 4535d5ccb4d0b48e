"""Arrays that users send to the native stream: limits for each user and for all."""

from __future__ import annotations

import numpy as np
import pytest

from vibevoice_nb.engine.remote.wire import Floats, Message, blob_digest
from vibevoice_nb.errors import ServerError
from vibevoice_nb.serve import blobs
from vibevoice_nb.serve.blobs import OVERHEAD, BlobLimits, BlobStore, Upload
from vibevoice_nb.serve.events import FailedError

VALUES = 1000
SIZE = 4 * VALUES + OVERHEAD


def array(number: int) -> Floats:
    return np.full(VALUES, number, np.float32)


def part(values: Floats, start: int = 0, stop: int | None = None) -> Message:
    fields = {"sha256": blob_digest(values), "shape": list(values.shape), "offset": start}
    return Message("blob", fields, {"part": values[start:stop]})


def kept(store: BlobStore, user: str, *names: str) -> list[str]:
    return list(store.find(user, names)[0])


def test_arrays_of_others_are_not_found_and_old_ones_are_dropped() -> None:
    store = BlobStore(BlobLimits(kept_per_user=2 * SIZE))
    store.keep("ann", "a", array(1))
    store.keep("ann", "b", array(2))
    assert kept(store, "ben", "a") == [] and kept(store, "ann", "a") == ["a"]
    store.keep("ann", "c", array(3))
    assert kept(store, "ann", "a", "b", "c") == ["a", "c"], "the one not used for longest is dropped"
    store.keep("ann", "d", np.zeros(3 * VALUES, np.float32))
    assert kept(store, "ann", "a", "c", "d") == ["a", "c"], "one that is larger than all together is not kept"


def test_one_user_does_not_displace_the_arrays_of_others() -> None:
    store = BlobStore(BlobLimits(kept=5 * SIZE))
    store.keep("ben", "b", array(0))
    for number in range(20):
        store.keep("ann", f"a{number}", array(number))
    assert kept(store, "ben", "b") == ["b"]
    assert kept(store, "ann", *(f"a{number}" for number in range(20))) == [f"a{n}" for n in range(16, 20)]
    for number in range(5):
        store.keep(f"user {number}", "c", array(number))
    assert sum(len(kept(store, f"user {number}", "c")) for number in range(5)) >= 4
    assert len(kept(store, "ann", *(f"a{number}" for number in range(20)))) <= 1


def test_small_arrays_count_too() -> None:
    store = BlobStore(BlobLimits(kept_per_user=10 * OVERHEAD))
    for number in range(100):
        store.keep("ann", str(number), np.zeros((0, number), np.float32))
    assert len(kept(store, "ann", *map(str, range(100)))) == 10


def test_a_user_sends_a_limited_amount_at_a_time() -> None:
    store = BlobStore(BlobLimits(used_per_user=2 * SIZE, used=3 * SIZE))
    first, second, third = array(1), array(2), array(3)
    with store.use("ann") as one, store.use("ann") as two:
        Upload([blob_digest(first)], one).add(part(first, 0, 10))
        Upload([blob_digest(second)], two).add(part(second, 0, 10))
        with store.use("ann") as more, pytest.raises(FailedError, match="of yours") as busy:
            Upload([blob_digest(third)], more).add(part(third, 0, 10))
        assert busy.value.kind == "busy"
        with store.use("ben") as other:
            Upload([blob_digest(third)], other).add(part(third, 0, 10))
            with store.use("carl") as all_users, pytest.raises(FailedError, match="at a time") as busy:
                Upload([blob_digest(third)], all_users).add(part(third, 0, 10))
            assert busy.value.kind == "busy" and "yours" not in str(busy.value)
    with store.use("ann") as later:
        for values in (first, second):
            Upload([blob_digest(values)], later).add(part(values, 0, 10))
    assert not store._used


def test_an_array_of_several_requests_counts_once() -> None:
    store = BlobStore(BlobLimits(used_per_user=2 * SIZE))
    values = array(1)
    digest = blob_digest(values)
    with store.use("ann") as one, store.use("ann") as two:
        uploads = [Upload([digest], use) for use in (one, two)]
        for upload in uploads:
            upload.add(part(values, 0, 10))  # twice in memory until they are complete
        for upload in uploads:
            upload.add(part(values, 10))
            assert upload.complete
        assert uploads[0].arrays[digest] is uploads[1].arrays[digest]
        for _ in range(5):
            with store.use("ann") as another:
                found, missing = another.find([digest])
                assert found[digest] is uploads[0].arrays[digest] and not missing
        with store.use("ann") as another:
            Upload(["0" * 64], another).add(
                Message("blob", {"sha256": "0" * 64, "shape": [VALUES], "offset": 0}, {"part": values[:10]})
            )


def test_what_is_complete_is_not_sent_again() -> None:
    store, first, second = BlobStore(), array(1), array(2)
    digests = [blob_digest(first), blob_digest(second)]
    with store.use("ann") as use:
        upload = Upload(digests, use)
        upload.add(part(first))
        with pytest.raises(ServerError):
            upload.add(part(second, 10))
    with store.use("ann") as use:
        assert use.find(digests)[1] == digests[1:]


def test_a_request_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "MAX_VALUES", 2 * VALUES - 1)
    store = BlobStore()
    with store.use("ann") as use:
        upload = Upload(map(blob_digest, (array(1), array(2))), use)
        upload.add(part(array(1)))
        with pytest.raises(FailedError, match="in a request") as failed:
            upload.add(part(array(2)))
    assert failed.value.kind == "too_large"


def test_a_use_that_was_closed_meanwhile_counts_nothing() -> None:
    store = BlobStore()
    with store.use("ann") as use:
        upload = Upload([blob_digest(array(1))], use)
    upload.add(part(array(1), 0, 10))
    assert not store._used
