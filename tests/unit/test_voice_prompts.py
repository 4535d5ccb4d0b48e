"""Voice prompts: files as published and as safetensors; hostile files are refused and run nothing."""

from __future__ import annotations

import os
import pickle
import pickletools
import shutil
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from realtime_helpers import REALTIME
from safetensors.torch import load_file, save_file

from vibevoice_nb.errors import VibeVoiceError, VoiceError
from vibevoice_nb.model.voice_prompt import VoicePrompt
from vibevoice_nb.voices.prompt_file import prompt_name, read_voice_prompt
from vibevoice_nb.voices.prompt_pickle import read_pickled_prompt
from vibevoice_nb.voices.voice import load_voice

PUBLISHED = REALTIME / "voice.pt"


def entries() -> dict[str, bytes]:
    """Contents of the published form, by their name in the archive."""
    with zipfile.ZipFile(PUBLISHED) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Write an archive and return the error of reading it."""

    def read(content: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> str:
        path = tmp_path / "en-Mike_man.pt"
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, data in content.items():
                archive.writestr(name, data)
        return refuse(path)

    return read


def refuse(path: Path) -> str:
    with pytest.raises(VoiceError) as caught:
        read_voice_prompt(path)
    assert str(path.parent) not in str(caught.value), "no folder of the machine is named"
    return str(caught.value)


def changed(old: bytes, new: bytes) -> dict[str, bytes]:
    """The published form with a part of its pickle replaced."""
    content = entries()
    data = content["voice/data.pkl"]
    assert old in data
    return content | {"voice/data.pkl": data.replace(old, new, 1)}


def unicode(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


# Good files.


def test_the_published_form_equals_the_safetensors() -> None:
    published, plain = read_voice_prompt(PUBLISHED), read_voice_prompt(REALTIME / "voice.safetensors")
    assert published.sha256 == plain.sha256
    assert published.lengths == (9, 22, 1) and published.frames == 13
    assert str(published.shape) == "2 + 3 layers, 2 key-value heads of size 16, hidden size 64"
    assert {tensor.dtype for tensor in published.tensors.values()} == {torch.bfloat16}
    assert all(tensor.is_contiguous() for tensor in published.tensors.values())


def test_it_needs_neither_transformers_nor_the_unpickler(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: Any, **options: Any) -> None:
        raise AssertionError("unpickled")

    for name in ("load", "loads", "Unpickler", "_Unpickler"):
        monkeypatch.setattr(pickle, name, forbidden)
    monkeypatch.setattr(torch, "load", forbidden)
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    assert read_voice_prompt(PUBLISHED).lengths == (9, 22, 1)


def test_a_voice_is_loaded_by_its_file() -> None:
    voice = load_voice(PUBLISHED)
    assert voice.prompt is not None and voice.audio.size == 0
    assert voice.sha256 == voice.prompt.sha256 and voice.seconds == pytest.approx(13 / 7.5)


@pytest.mark.parametrize(
    ("file", "name"),
    [("en-Mike_man.pt", "Mike"), ("pt-Spk0_woman.pt", "Spk0"), ("my voice.safetensors", "my voice")],
)
def test_names_come_from_published_files(file: str, name: str) -> None:
    assert prompt_name(file) == name


def test_safetensors_of_other_dtypes_are_read(tmp_path: Path) -> None:
    for dtype in (torch.float16, torch.float32):
        tensors = {
            name: tensor.to(dtype) for name, tensor in load_file(REALTIME / "voice.safetensors").items()
        }
        save_file(tensors, tmp_path / "voice.safetensors")
        assert read_voice_prompt(tmp_path / "voice.safetensors").lengths == (9, 22, 1)


# Pickles that would run code.


class _Runs:
    def __init__(self, call: Any, *args: Any) -> None:
        self.made = call, args

    def __reduce__(self) -> Any:
        return self.made


def _hostile_calls() -> list[Any]:
    import builtins
    import os
    import subprocess

    return [
        _Runs(os.system, "touch PWNED"),
        _Runs(builtins.eval, "open('PWNED', 'w')"),
        _Runs(builtins.exec, "open('PWNED', 'w')"),
        _Runs(subprocess.check_output, ["touch", "PWNED"]),
        _Runs(getattr, 1, "load"),
        _Runs(__import__, "os"),
        _Runs(Path, "PWNED"),
        _Runs(bytearray, 1 << 40),
    ]


@pytest.mark.parametrize("call", range(8))
@pytest.mark.parametrize("protocol", [2, 4])
def test_other_names_are_refused_and_run_nothing(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps({"lm": _hostile_calls()[call]}, protocol)
    said = refused(entries() | {"voice/data.pkl": data})
    assert "which a voice prompt does not need" in said or "the operation" in said
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_parameter\n"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n", b"cos\nsystem\n"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n"),
        (b"ccollections\nOrderedDict\n", b"ccollections\n_sys\n"),
        (b"ctransformers.cache_utils\nDynamicCache\n", b"ctransformers.cache_utils\nos\n"),
        (b"ctorch\nBFloat16Storage\n", b"ctorch\nload\n"),
    ],
)
def test_each_of_the_five_names_is_exact(refused: Callable[..., str], old: bytes, new: bytes) -> None:
    assert "which a voice prompt does not need" in refused(changed(old, new))


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02cos\nsystem\nX\x06\x00\x00\x00whoami\x85R.",  # GLOBAL and REDUCE
        b"\x80\x02(X\x06\x00\x00\x00whoamiios\nsystem\n.",  # INST
        b"\x80\x02(cos\nsystem\nX\x06\x00\x00\x00whoamio.",  # OBJ
        b"\x80\x02\x82\x01.",  # EXT1
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",  # STACK_GLOBAL
        b"\x80\x02ccollections\nOrderedDict\n(ccollections\nOrderedDict\n)R1.",
        b"\x80\x02}}b.",  # BUILD of a dictionary
        b"\x80\x02ctorch\nBFloat16Storage\n)R.",
        b"\x80\x02ctorch\nBFloat16Storage\n}b.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}R.",
        b"\x80\x02h\x00.",  # a reference to nothing
        b"\x80\x02.",
        b"\x80\x02}(",
        b"\x80\x02tR.",
        b"\x80\x02((t.",
        b"\x80\x02}(K\x01K\x02u.",  # a key that is a number
        b"\x80\x02](K\x01u.",
        b"\x80\x02}K\x01a.",
        b"not a pickle",
        b"",
    ],
)
def test_other_operations_and_broken_pickles_are_refused(refused: Callable[..., str], data: bytes) -> None:
    refused(entries() | {"voice/data.pkl": data})


def test_nothing_is_allocated_for_what_a_pickle_claims(refused: Callable[..., str]) -> None:
    started = time.perf_counter()
    refused(entries() | {"voice/data.pkl": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"."})  # BYTEARRAY8
    refused(entries() | {"voice/data.pkl": b"\x80\x04}r" + struct.pack("<I", 2**32 - 1) + b"."})  # memo index
    refused(entries() | {"voice/data.pkl": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"x."})
    # A key of nested pairs, whose hash doubles with every level.
    nested = b"\x80\x02}K\x01" + b"q\x00h\x00\x86" * 64 + b"K\x02s."
    assert "a key that is not text" in refused(entries() | {"voice/data.pkl": nested})
    # The same pairs as a size, which no message may print.
    pairs = b"K\x01" + b"r\x00\x00\x01\x00j\x00\x00\x01\x00\x86" * 64
    for size in (pairs, pairs + b"K\x01K\x02\x87"):
        assert "tensor" in refused(changed(_sizes(b""), size))
    assert time.perf_counter() - started < 10


def test_a_large_pickle_is_refused(refused: Callable[..., str]) -> None:
    assert "bytes in" in refused(entries() | {"voice/data.pkl": b"\x80\x02" + b"N0" * 400_000 + b"N."})


# Archives.


def test_compressed_entries_are_refused(refused: Callable[..., str]) -> None:
    bomb = entries() | {"voice/data/0": bytes(8 << 20)}
    assert "compressed entry" in refused(bomb, zipfile.ZIP_DEFLATED)
    assert "compressed entry" in refused(bomb, zipfile.ZIP_BZIP2)


@pytest.mark.parametrize(
    "name", ["../voice/data/0", "/etc/passwd", "voice/../../x", "voice\\data", "data.pkl"]
)
def test_paths_that_lead_elsewhere_are_refused(refused: Callable[..., str], name: str) -> None:
    said = refused(entries() | {name: b"x"})
    assert "an entry named" in said or "top folders" in said


def test_two_folders_and_nested_archives_are_refused(refused: Callable[..., str]) -> None:
    assert "2 top folders" in refused(entries() | {"other/extra": b"x"})
    assert "no entry" in refused({"voice/inner.pt": PUBLISHED.read_bytes()})


def test_doubled_entries_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "voice.pt"
    shutil.copyfile(PUBLISHED, path)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("voice/data.pkl", b"\x80\x02N.")
    assert "two entries" in refuse(path)


def test_entries_that_overlap_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "voice.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("voice/data/0", bytes(100_000))
        for index in range(1, 50):  # all refer to the bytes of the first
            info = zipfile.ZipInfo(f"voice/data/{index}")
            first = archive.infolist()[0]
            info.header_offset, info.CRC = first.header_offset, first.CRC
            info.file_size = info.compress_size = first.file_size
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
    assert "overlap" in refuse(path)


def test_another_byte_order_is_refused(refused: Callable[..., str]) -> None:
    assert "byte order" in refused(entries() | {"voice/byteorder": b"big"})


@pytest.mark.parametrize("count", [10, 100, 1000])
def test_cut_files_are_refused(tmp_path: Path, count: int) -> None:
    (tmp_path / "v.pt").write_bytes(PUBLISHED.read_bytes()[:-count])
    refuse(tmp_path / "v.pt")


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x03\x04" + bytes(40), b"\x80\x02N." + bytes(9), b"x" * 99])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "v.pt").write_bytes(data)
    refuse(tmp_path / "v.pt")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening it would wait for a writer for ever."""
    os.mkfifo(tmp_path / "v.pt")

    def opened(*args: Any, **options: Any) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(Path, "open", opened)
    assert "pipe" in refuse(tmp_path / "v.pt")
    with pytest.raises(VibeVoiceError):
        load_voice(tmp_path / "v.pt")


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pt", tmp_path):
        with pytest.raises(VoiceError):
            read_voice_prompt(path)


# Tensors.


def _sizes(data: bytes) -> bytes:
    """The first size tuple of the published pickle, (1, 9, 64)."""
    return b"K\x01K\x09K\x40\x87"


@pytest.mark.parametrize(
    "size",
    [
        b"K\x01K\x0aK\x40\x87",  # more than the storage
        b"K\x01K\x00K\x40\x87",  # empty
        b"K\x01K\x09J\xff\xff\xff\x7f\x87",  # huge
        b"K\x01K\x09J\xff\xff\xff\xff\x87",  # negative
        b"K\x01K\x09X\x01\x00\x00\x00a\x87",
        b"N",
    ],
)
def test_sizes_beyond_a_storage_are_refused(refused: Callable[..., str], size: bytes) -> None:
    assert "tensor" in refused(changed(_sizes(b""), size))


def test_strides_may_not_repeat_a_storage(refused: Callable[..., str]) -> None:
    """A stride of 0 would make gigabytes of a few bytes."""
    old = b"M\x40\x02K\x40K\x01\x87"  # (576, 64, 1)
    assert "in a storage of" in refused(
        changed(_sizes(b"") + b"q\x09" + old, b"M\xff\xffM\xff\xffK\x40\x87q\x09K\x00K\x00K\x00\x87")
    )


@pytest.mark.parametrize("key", ["../0", "/0", "0/../1", "", "²", "00000000000"])
def test_storages_are_named_by_numbers(refused: Callable[..., str], key: str) -> None:
    assert "a storage named" in refused(changed(unicode("0"), unicode(key)))


def test_a_storage_has_the_bytes_it_claims(refused: Callable[..., str]) -> None:
    assert "bytes in" in refused(entries() | {"voice/data/0": bytes(100)})
    assert "no entry" in refused({name: data for name, data in entries().items() if name != "voice/data/1"})


def _one_storage(count: int, size: bytes, layers: int) -> dict[str, bytes]:
    """A file all of whose tensors are one view (a size of four numbers) of one storage of `count` numbers."""
    storage = b"(" + unicode("storage") + b"ctorch\nBFloat16Storage\n" + unicode("0") + unicode("cpu")
    storage += b"J" + struct.pack("<i", count) + b"tQ"
    stride = b"(K\x01K\x01K\x01K\x01t"
    view = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + size + stride + b"tRq\x00"
    many = b"](" + b"h\x00" * layers + b"e"
    cache = b"ctransformers.cache_utils\nDynamicCache\n)\x81}("
    cache += unicode("key_cache") + many + unicode("value_cache") + many + b"ub"
    output = b"ctransformers.modeling_outputs\nBaseModelOutputWithPast\n)\x81}("
    output += unicode("last_hidden_state") + b"h\x00" + unicode("past_key_values") + cache + b"ub"
    groups = b"".join(unicode(group) + output for group in ("lm", "tts_lm", "neg_tts_lm"))
    data = b"\x80\x02}(" + unicode("first") + view + groups + b"u."
    return {"v/data.pkl": data, "v/byteorder": b"little", "v/data/0": bytes(2 * count)}


def test_a_storage_that_many_tensors_name_is_read_once_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, reads = tmp_path / "v.pt", []
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in _one_storage(1 << 16, b"(K\x01K\x01K\x01K\x01t", layers=8).items():
            archive.writestr(name, data)
    real = zipfile.ZipFile.read
    monkeypatch.setattr(
        zipfile.ZipFile, "read", lambda self, info: reads.append(info.filename) or real(self, info)
    )
    tensors = read_pickled_prompt(path)
    assert len(tensors) == 51 and reads.count("v/data/0") == 1
    assert {tensor.untyped_storage().nbytes() for tensor in tensors.values()} == {2}


def test_tensors_are_not_larger_than_their_storages(refused: Callable[..., str]) -> None:
    """51 tensors that all are one whole storage."""
    assert "larger than" in refused(_one_storage(200, b"(K\x01K\x01K\x01K\xc8t", layers=8))


def test_records_share_a_state_without_copies(refused: Callable[..., str]) -> None:
    """Thousands of records with one state of thousands of entries: gigabytes, if each had a copy."""
    state = b"}q\x00(" + b"".join(unicode(str(number)) + b"N" for number in range(2000)) + b"u"
    records = b"h\x01)\x81h\x00b" * 20_000
    data = b"\x80\x02" + state + b"ctransformers.cache_utils\nDynamicCache\nq\x01" + records + b"."
    tracemalloc.start()
    try:
        refused(entries() | {"voice/data.pkl": data})
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()
    twice = b"\x80\x02ctransformers.cache_utils\nDynamicCache\n)\x81}b}b."
    assert "two states" in refused(entries() | {"voice/data.pkl": twice})


def test_values_that_are_not_finite_are_refused(refused: Callable[..., str]) -> None:
    content = entries()
    content["voice/data/1"] = b"\xc0\x7f" + content["voice/data/1"][2:]
    assert "not finite" in refused(content)


def _plain() -> dict[str, torch.Tensor]:
    return load_file(REALTIME / "voice.safetensors")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lm_key_0": torch.zeros(1, 2, 9, 16, dtype=torch.int32)}, "dtype int32"),
        ({"lm_key_0": torch.zeros(1, 2, 9, 16, dtype=torch.float64)}, "dtype float64"),
        ({"lm_key_0": torch.zeros(1, 2, 8, 16)}, "positions in lm"),
        ({"lm_key_0": torch.zeros(2, 2, 9, 16)}, "wrong shapes"),
        ({"lm_key_0": torch.zeros(1, 4, 9, 16)}, "sizes of heads"),
        ({"lm_key_0": torch.zeros(2, 9, 16)}, "wrong shapes"),
        ({"lm_key_0": torch.full((1, 2, 9, 16), float("nan"))}, "not finite"),
        ({"lm_key_0": torch.full((1, 2, 9, 16), float("inf"))}, "not finite"),
        ({"lm_key_0": torch.zeros(1, 2, 0, 16)}, "empty"),
        ({"lm_key_7": torch.zeros(1, 2, 9, 16)}, "keys of layers"),
        ({"something": torch.zeros(1)}, "unknown tensor"),
        ({"neg_tts_lm_hidden": torch.zeros(1, 2, 64)}, "positions in neg_tts_lm"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    tmp_path: Path, change: dict[str, torch.Tensor], said: str
) -> None:
    save_file(_plain() | change, tmp_path / "voice.safetensors")
    assert said in refuse(tmp_path / "voice.safetensors")


@pytest.mark.parametrize("name", ["lm_key_1", "tts_lm_value_2", "neg_tts_lm_key_0", "neg_tts_lm_hidden"])
def test_a_missing_tensor_is_refused(name: str) -> None:
    tensors = _plain()
    del tensors[name]
    with pytest.raises(VoiceError):
        VoicePrompt.of(tensors)


def test_every_single_byte_changed_is_read_or_refused(tmp_path: Path) -> None:
    """A damaged pickle never ends in another error than ours."""
    content = entries()
    data = content["voice/data.pkl"]
    assert len(list(pickletools.genops(data))) > 1000
    for position in range(0, len(data), 61):
        for value in (0, 0x2E, 0x52, 0xFF):
            broken = bytearray(data)
            broken[position] = value
            path = tmp_path / "v.pt"
            with zipfile.ZipFile(path, "w") as archive:
                for name, part in (content | {"voice/data.pkl": bytes(broken)}).items():
                    archive.writestr(name, part)
            try:
                read_voice_prompt(path)
            except VoiceError:
                continue
