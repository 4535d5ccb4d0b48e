"""Reader of published voice prompts (`.pt`), which are pickles: no code in them runs.

A `.pt` file is a zip archive with a pickle and the bytes of every tensor. The pickle is not unpickled: its
operations are read one by one, and only those that build dictionaries, lists, tuples, text, whole numbers and
three kinds of records are known. The five names that published files contain stand for those records; any
other name or operation is an error. Neither torch nor transformers resolve anything.
"""

from __future__ import annotations

import io
import math
import pickletools
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from ..errors import VoiceError
from ..ranges import shown

if TYPE_CHECKING:
    from torch import Tensor

MAX_FILE_BYTES = 256 << 20
_MAX_PICKLE_BYTES = 256 << 10
_MAX_ENTRIES = 2_000
_MAX_TENSORS = 2_000
_REMEDY = (
    "use one of the files of demo/voices/streaming_model in the repository of VibeVoice, unchanged; delete a "
    "file of unknown origin"
)

_OUTPUT, _CACHE, _TENSOR, _DICT, _STORAGE = "output", "cache", "tensor", "dictionary", "storage"
_NAMES = {
    "transformers.modeling_outputs BaseModelOutputWithPast": _OUTPUT,
    "transformers.cache_utils DynamicCache": _CACHE,
    "torch._utils _rebuild_tensor_v2": _TENSOR,
    "collections OrderedDict": _DICT,
    "torch BFloat16Storage": _STORAGE,
}
"""All names that may occur, and the record each stands for."""


@dataclass(frozen=True)
class _Name:
    record: str


@dataclass
class _Record:
    """A record of a kind, with its items and its state, which is not copied: many records may share one."""

    kind: str
    items: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] | None = None

    def get(self, name: str) -> Any:
        """Return an entry of the state, or else an item; None without either."""
        return self.state[name] if self.state and name in self.state else self.items.get(name)


@dataclass(frozen=True)
class _Storage:
    key: str
    count: int


@dataclass(frozen=True)
class _View:
    """A tensor: a strided view of a storage."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def read_pickled_prompt(path: Path) -> dict[str, Tensor]:
    """Read a published voice prompt; return its tensors under the names of `model.voice_prompt`.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict from name to Tensor
        bfloat16, contiguous.

    Raises
    ------
    VoiceError
        If it is not a voice prompt as it was published, with the first thing that is wrong.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            entries = _entries(archive, path)
            content = _run(_entry(archive, entries, "data.pkl", _MAX_PICKLE_BYTES))
            views = _views(content)
            return _tensors(views, archive, entries)
    except VoiceError as error:
        raise VoiceError(f"{path.name[:200]}: {error.got}", error.expected, error.remedy) from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise _refused(f"{path.name[:200]} is damaged ({str(error)[:200]})") from error
    except OSError as error:
        raise _refused(f"{path.name[:200]} can't be read ({error.strerror or error})") from error


def _entries(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """Return the archive's entries by their name below its one folder."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise _refused(f"over {MAX_FILE_BYTES >> 20} MB")
    listed = archive.infolist()
    if len(listed) > _MAX_ENTRIES:
        raise _refused(f"{len(listed)} entries")
    entries: dict[str, zipfile.ZipInfo] = {}
    folders = set()
    for info in listed:
        parts = PurePosixPath(info.filename).parts
        if (
            len(parts) < 2
            or ".." in parts
            or parts[0] == "/"
            or "\\" in info.filename
            or "\0" in info.filename
        ):
            raise _refused(f"an entry named {shown(info.filename)}")
        folders.add(parts[0])
        name = "/".join(parts[1:])
        if name in entries:
            raise _refused(f"two entries named {shown(name)}")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise _refused(f"the compressed entry {shown(name)}")
        entries[name] = info
    if len(folders) != 1:
        raise _refused(f"{len(folders)} top folders")
    # Stored entries that overlap would be larger together than the file.
    if sum(info.file_size for info in listed) > path.stat().st_size:
        raise _refused("entries that overlap")
    if "byteorder" in entries and _entry(archive, entries, "byteorder", 16) != b"little":
        raise _refused("another byte order than little-endian")
    return entries


def _entry(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], name: str, most: int) -> bytes:
    info = entries.get(name)
    if info is None:
        raise _refused(f"no entry {shown(name)}")
    if info.file_size > most:
        raise _refused(f"{info.file_size} bytes in {shown(name)}, where {most} are possible")
    return archive.read(info)


def _run(data: bytes) -> Any:
    """Return the object that a pickle describes, as far as the known operations describe it."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    for operation, argument, _ in pickletools.genops(io.BytesIO(data)):
        name, argument = operation.name, cast(Any, argument)
        if name == "STOP":
            if len(stack) != 1 or marks:
                raise _refused("an incomplete pickle")
            return stack[0]
        if name in ("PROTO", "FRAME"):
            continue
        if name == "MARK":
            marks.append(len(stack))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = _top(stack)
        elif name == "MEMOIZE":
            memo[len(memo)] = _top(stack)
        elif name in ("BINGET", "LONG_BINGET"):
            if argument not in memo:
                raise _refused("a reference to nothing")
            stack.append(memo[argument])
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name](argument))
        elif name in _STEPS:
            count = _COUNTS.get(name)
            if count is None:
                if not marks:
                    raise _refused("an incomplete pickle")
                count = len(stack) - marks.pop()
            if not 0 <= count <= len(stack) or (marks and len(stack) - count < marks[-1]):
                raise _refused("an incomplete pickle")
            taken = stack[len(stack) - count :]
            del stack[len(stack) - count :]
            _STEPS[name](stack, taken)
        else:
            raise _refused(f"the operation {name}")
    raise _refused("an incomplete pickle")


def _top(stack: list[Any]) -> Any:
    if not stack:
        raise _refused("an incomplete pickle")
    return stack[-1]


def _name(text: str) -> _Name:
    record = _NAMES.get(text)
    if record is None:
        raise _refused(f"the name {shown(text.replace(' ', '.'))}, which a voice prompt does not need")
    return _Name(record)


def _call(stack: list[Any], taken: list[Any]) -> None:
    """Make the record that a name and its arguments stand for; nothing is called."""
    name, arguments = taken
    if not isinstance(name, _Name) or not isinstance(arguments, tuple):
        raise _refused("a call of something that is not a known name")
    if name.record == _TENSOR:
        stack.append(_view(arguments))
    elif name.record == _STORAGE:
        raise _refused("a storage outside a tensor")
    else:
        stack.append(_Record(name.record))


def _view(arguments: tuple[Any, ...]) -> _View:
    if len(arguments) < 4:
        raise _refused("an incomplete tensor")
    storage, offset, size, stride = arguments[:4]
    whole = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= 4
    if not (whole and isinstance(storage, _Storage)):
        raise _refused("an incomplete tensor")
    numbers = (offset, *size, *stride)
    # No message prints what is not a number: pairs of pairs may be endless.
    if not all(type(number) is int and 0 <= number < 2**31 for number in numbers) or 0 in size:
        raise _refused("a tensor whose sizes, strides or offset are impossible")
    last = offset + sum((count - 1) * step for count, step in zip(size, stride, strict=True))
    # A view with more elements than its storage would repeat them.
    if last >= storage.count or math.prod(size) > storage.count:
        raise _refused(f"a tensor of size {size} in a storage of {storage.count} numbers")
    return _View(storage, offset, size, stride)


def _storage(stack: list[Any], taken: list[Any]) -> None:
    (reference,) = taken
    if not (isinstance(reference, tuple) and len(reference) == 5 and reference[0] == "storage"):
        raise _refused("a reference to something that is not a storage")
    _, kind, key, _, count = reference
    if not (isinstance(kind, _Name) and kind.record == _STORAGE):
        raise _refused("a storage that is not of bfloat16")
    if not (isinstance(key, str) and key.isascii() and key.isdigit() and len(key) <= 6):
        raise _refused(f"a storage named {shown(key) if isinstance(key, str) else 'by something else'}")
    if type(count) is not int or not 0 < count <= MAX_FILE_BYTES // 2:
        raise _refused("a storage of an impossible size")
    stack.append(_Storage(key, count))


def _put_items(stack: list[Any], taken: list[Any]) -> None:
    target = _top(stack)
    items = target.items if isinstance(target, _Record) else target
    if not isinstance(items, dict) or len(taken) % 2:
        raise _refused("items of something that is not a dictionary")
    for key, value in zip(taken[::2], taken[1::2], strict=True):
        if not isinstance(key, str):  # no other keys, whose hash may take forever
            raise _refused("a key that is not text")
        items[key] = value


def _append(stack: list[Any], taken: list[Any]) -> None:
    target = _top(stack)
    if not isinstance(target, list):
        raise _refused("items of something that is not a list")
    target.extend(taken)


def _build(stack: list[Any], taken: list[Any]) -> None:
    target = _top(stack)
    (state,) = taken
    if not isinstance(target, _Record) or not isinstance(state, dict):
        raise _refused("a state of something that has none")
    if target.state is not None:
        raise _refused("two states of one record")
    target.state = state


_CONSTANTS: dict[str, Callable[[Any], Any]] = {
    "GLOBAL": _name,
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2"), lambda value: value),
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_DICT": lambda _: {},
    "EMPTY_LIST": lambda _: [],
    "EMPTY_TUPLE": lambda _: (),
}
"""Operations that push a value, from their argument."""

_COUNTS = {
    **{"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "APPEND": 1, "SETITEM": 2},
    **{"REDUCE": 2, "NEWOBJ": 2, "BUILD": 1, "BINPERSID": 1, "STACK_GLOBAL": 2},
}
"""Values that an operation takes from the stack; all down to the last mark for the others."""


def _push_tuple(stack: list[Any], taken: list[Any]) -> None:
    stack.append(tuple(taken))


def _push_name(stack: list[Any], taken: list[Any]) -> None:
    stack.append(_name(" ".join(part if isinstance(part, str) else "?" for part in taken)))


_STEPS: dict[str, Callable[[list[Any], list[Any]], None]] = {
    **dict.fromkeys(("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"), _push_tuple),
    **dict.fromkeys(("SETITEM", "SETITEMS"), _put_items),
    **dict.fromkeys(("APPEND", "APPENDS"), _append),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), _call),
    "BUILD": _build,
    "BINPERSID": _storage,
    "STACK_GLOBAL": _push_name,
}


def _views(content: Any) -> dict[str, _View]:
    """Return the tensors of the four parts of a voice prompt."""
    if not isinstance(content, dict) or not {"lm", "tts_lm", "neg_tts_lm"} <= content.keys():
        raise _refused("other content than lm, tts_lm and neg_tts_lm")
    views: dict[str, Any] = {}
    for group in ("lm", "tts_lm", "neg_tts_lm"):
        output = content[group]
        if not isinstance(output, _Record) or output.kind != _OUTPUT:
            raise _refused(f"{group} of another kind")
        cache = output.get("past_key_values")
        if not isinstance(cache, _Record) or cache.kind != _CACHE:
            raise _refused(f"no cache in {group}")
        views[f"{group}_hidden"] = output.get("last_hidden_state")
        for key, name in (("key", "key_cache"), ("value", "value_cache")):
            layers = cache.get(name)
            if not isinstance(layers, list) or len(views) + len(layers) > _MAX_TENSORS:
                raise _refused(f"no list {name} in {group}")
            views.update({f"{group}_{key}_{index}": view for index, view in enumerate(layers)})
    odd = [name for name, view in views.items() if not isinstance(view, _View)]
    if odd:
        raise _refused(f"no tensor for {', '.join(odd[:4])}")
    counts = {view.storage.key: view.storage.count for view in views.values()}
    if sum(math.prod(view.size) for view in views.values()) > sum(counts.values()):
        raise _refused("tensors that are larger than their storages")
    return views


def _tensors(
    views: dict[str, _View], archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]
) -> dict[str, Tensor]:
    """Return copies of the views; each storage is read once, and not kept."""
    import torch

    by_storage: dict[_Storage, list[str]] = {}
    for name, view in views.items():
        by_storage.setdefault(view.storage, []).append(name)

    found: dict[str, Tensor] = {}
    for storage, names in by_storage.items():
        stored = _stored(storage, archive, entries)
        for name in names:
            view = views[name]
            # A view, even a contiguous one, would keep all of the storage in memory.
            strided = stored.as_strided(view.size, view.stride, view.offset)
            found[name] = strided.clone(memory_format=torch.contiguous_format)
    return {name: found[name] for name in views}


def _stored(storage: _Storage, archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> Tensor:
    import torch

    name = f"data/{storage.key}"
    data = _entry(archive, entries, name, 2 * storage.count)
    if len(data) != 2 * storage.count:
        raise _refused(f"{len(data)} bytes in {name}, where {2 * storage.count} belong")
    return torch.frombuffer(bytearray(data), dtype=torch.bfloat16)


def _refused(got: str) -> VoiceError:
    return VoiceError(got, "a voice prompt of VibeVoice-Realtime as published", _REMEDY)
