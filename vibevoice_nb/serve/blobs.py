"""Arrays that users send to the native stream, with limits for each user and for all users."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from vibevoice_nb.engine.remote.wire import Floats, Message, blob_digest, malformed, size_of

from .events import Failed, FailedError

MAX_VALUES = 1 << 26
"""Most values of all arrays of a request: 256 MB."""
OVERHEAD = 1024
"""Bytes that an array takes beside its values, so that the number of small ones is limited too."""


@dataclass(frozen=True)
class BlobLimits:
    """Most bytes of arrays.

    Attributes
    ----------
    kept, kept_per_user : int
        Kept for later requests.
    used, used_per_user : int
        Of requests in progress, and being received. At least the largest request, 256 MB, has to fit.
    """

    kept: int = 1 << 29
    kept_per_user: int = 1 << 27
    used: int = 1 << 31
    used_per_user: int = 1 << 29


class BlobStore:
    """Arrays of users, by checksum.

    If too many are kept, those of the user with the most are dropped first, and of these the ones not used
    for longest: one user cannot displace the arrays of the others.

    Examples
    --------
    >>> store, array = BlobStore(), np.ones(3, np.float32)
    >>> store.keep("ann", "abc", array)
    >>> store.find("ann", ["abc", "def"])[1], store.find("ben", ["abc"])[1]
    (['def'], ['abc'])
    """

    def __init__(self, limits: BlobLimits | None = None) -> None:
        self.limits = limits or BlobLimits()
        self._lock = threading.Lock()
        self._kept: dict[str, _Arrays] = {}
        self._used: dict[str, _Arrays] = {}

    def find(self, user: str, digests: Iterable[str]) -> tuple[dict[str, Floats], list[str]]:
        """Return the arrays of a user that are here, and the checksums of the others."""
        found: dict[str, Floats] = {}
        missing = []
        with self._lock:
            for digest in digests:
                array = self._get(user, digest)
                if array is None:
                    missing.append(digest)
                else:
                    found[digest] = array
        return found, missing

    def keep(self, user: str, digest: str, array: Floats) -> None:
        """Keep an array, if it is not larger than the user's part of the store."""
        limits = self.limits
        if _size(array) > limits.kept_per_user:
            return
        with self._lock:
            own = self._kept.setdefault(user, _Arrays())
            own.add(digest, array)
            while own.nbytes > limits.kept_per_user:
                own.drop_oldest()
            while sum(arrays.nbytes for arrays in self._kept.values()) > limits.kept:
                most = max(self._kept, key=lambda name: self._kept[name].nbytes)
                self._kept[most].drop_oldest()
                if not self._kept[most].nbytes:
                    del self._kept[most]

    @contextmanager
    def use(self, user: str) -> Iterator[Use]:
        """Count the arrays of a request in progress for a user, until it ends."""
        use = Use(self, user)
        try:
            yield use
        finally:
            use.close()

    def _get(self, user: str, digest: str) -> Floats | None:
        for held in (self._kept, self._used):
            if user in held and (array := held[user].get(digest)) is not None:
                return array
        return None

    def _reserve(self, user: str, key: str, array: Floats) -> None:
        limits = self.limits
        with self._lock:
            own = self._used.setdefault(user, _Arrays())
            if own.get(key) is None:
                whole = sum(arrays.nbytes for arrays in self._used.values())
                for held, most, whose in (
                    (own.nbytes, limits.used_per_user, "of yours "),
                    (whole, limits.used, ""),
                ):
                    if held + _size(array) > most:
                        self._forget_user(user)
                        got = f"{_mega(held + _size(array))} of arrays {whose}in requests at a time"
                        expected = f"at most {_mega(most)}"
                        raise FailedError(Failed("busy", got, expected, "wait until a request ends"))
            own.add(key, array)

    def _complete(self, user: str, key: str, digest: str) -> Floats:
        """Count an array that was received under its checksum; return the one in use if there are two."""
        with self._lock:
            own = self._used[user]
            array = own.remove(key)
            return own.add(digest, array)

    def _release(self, user: str, keys: Iterable[str]) -> None:
        with self._lock:
            for key in keys:
                self._used[user].remove(key)
            self._forget_user(user)

    def _forget_user(self, user: str) -> None:
        if not self._used[user].nbytes:
            del self._used[user]


class Use:
    """Arrays of one request in progress, which count for its user; see `BlobStore.use`."""

    def __init__(self, store: BlobStore, user: str) -> None:
        self._store, self.user = store, user
        self._keys: list[str] = []
        self._closed = False

    def find(self, digests: Iterable[str]) -> tuple[dict[str, Floats], list[str]]:
        """Return the arrays that are here, and the checksums of the others; see `BlobStore.find`.

        Raises
        ------
        FailedError
            If the user has too many in use.
        """
        found, missing = self._store.find(self.user, digests)
        for digest, array in found.items():
            self._reserve(digest, array)
        return found, missing

    def begin(self, digest: str, array: Floats) -> None:
        """Count an array that is being received, for each request that receives it.

        Raises
        ------
        FailedError
            If the user has too many in use.
        """
        self._reserve(self._partial(digest), array)

    def finish(self, digest: str) -> Floats:
        """Keep an array that was received, and return it."""
        key = self._partial(digest)
        array = self._store._complete(self.user, key, digest)
        self._keys[self._keys.index(key)] = digest
        self._store.keep(self.user, digest, array)
        return array

    def close(self) -> None:
        """End the use."""
        self._closed = True
        keys, self._keys = self._keys, []
        if keys:
            self._store._release(self.user, keys)

    def _partial(self, digest: str) -> str:
        return f"{digest} {id(self)}"

    def _reserve(self, key: str, array: Floats) -> None:
        self._store._reserve(self.user, key, array)
        self._keys.append(key)
        if self._closed:  # by another thread, meanwhile
            self.close()


class _Arrays:
    """Arrays of one user, the one not used for longest first; one that was added twice is removed twice."""

    def __init__(self) -> None:
        self.nbytes = 0
        self._arrays: OrderedDict[str, tuple[Floats, int]] = OrderedDict()

    def get(self, key: str) -> Floats | None:
        if key not in self._arrays:
            return None
        self._arrays.move_to_end(key)
        return self._arrays[key][0]

    def add(self, key: str, array: Floats) -> Floats:
        kept, count = self._arrays.get(key, (array, 0))
        if not count:
            self.nbytes += _size(array)
        self._arrays[key] = kept, count + 1
        self._arrays.move_to_end(key)
        return kept

    def remove(self, key: str) -> Floats:
        array, count = self._arrays[key]
        self._arrays[key] = array, count - 1
        if count == 1:
            del self._arrays[key]
            self.nbytes -= _size(array)
        return array

    def drop_oldest(self) -> None:
        _, (array, _) = self._arrays.popitem(last=False)
        self.nbytes -= _size(array)


class Upload:
    """Arrays that a client sends in parts, checked against their checksums.

    Parameters
    ----------
    digests : iterable of str
        Those that are missing.
    use : Use
        Counts them, from their first part on.
    """

    def __init__(self, digests: Iterable[str], use: Use) -> None:
        self.arrays: dict[str, Floats] = {}
        self._missing, self._use = set(digests), use
        self._partial: dict[str, tuple[Floats, int]] = {}
        self._values = 0

    @property
    def complete(self) -> bool:
        """True if nothing is missing."""
        return not self._missing

    def add(self, message: Message) -> None:
        """Add a part; an array that is complete is kept at once, so that a client that retries goes on.

        Raises
        ------
        ServerError
            If it is not the next part of an array that is missing, or the array does not match its checksum.
        FailedError
            If the arrays of the request, or those of the user, are too large together.
        """
        digest, shape, offset = map(message.fields.get, ("sha256", "shape", "offset"))
        part = message.arrays.get("part")
        size = size_of(shape)
        if message.type != "blob" or str(digest) not in self._missing or part is None or size is None:
            raise malformed("a message in place of an array that is missing")
        assert isinstance(digest, str) and isinstance(shape, list)
        if digest not in self._partial:
            self._values += size
            check_size(self._values)
            array = np.empty(shape, np.float32)
            self._use.begin(digest, array)
            self._partial[digest] = array, 0
        array, count = self._partial[digest]
        if (
            list(array.shape) != shape
            or offset != count
            or count + part.size > size
            or (size and not part.size)
        ):
            raise malformed("a part of an array that is not the next one")
        array.reshape(-1)[count : count + part.size] = part.reshape(-1)
        self._partial[digest] = array, count + part.size
        if count + part.size == size:
            if blob_digest(array) != digest:
                raise malformed("an array that does not match its checksum")
            self._missing.discard(digest)
            del self._partial[digest]
            self.arrays[digest] = self._use.finish(digest)


def _size(array: Floats) -> int:
    return array.nbytes + OVERHEAD


def check_size(values: int) -> None:
    """Check the number of values of all arrays of a request.

    Raises
    ------
    FailedError
        If they are too large.
    """
    if values > MAX_VALUES:
        got, most = f"{_mega(4 * values)} of arrays in a request", f"at most {_mega(4 * MAX_VALUES)}"
        raise FailedError(Failed("too_large", got, most, "send less context or shorter recordings"))


def _mega(nbytes: int) -> str:
    """Return a size as text.

    >>> _mega(1 << 28)
    '256 MB'
    """
    return f"{nbytes / (1 << 20):.3g} MB" if nbytes < 1000 << 20 else f"{nbytes / (1 << 20):.0f} MB"
