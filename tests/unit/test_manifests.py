"""Manifests of takes and exports: read from anything, written as they were, and still usable as mappings."""

from __future__ import annotations

import io
import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_helpers import conversation

from vibevoice_nb.audio import read_manifest
from vibevoice_nb.audio.encode import encode
from vibevoice_nb.engine.options import GenerationOptions
from vibevoice_nb.errors import AudioError, OptionError
from vibevoice_nb.export.export import export_take
from vibevoice_nb.export.json_records import MAX_ENTRIES, MAX_TEXT
from vibevoice_nb.export.manifest import ExportManifest
from vibevoice_nb.export.take_entries import ContextEntry, OptionsEntry, SpeakerEntry, VoiceEntry
from vibevoice_nb.export.take_manifest import TakeManifest
from vibevoice_nb.project import Project, Take
from vibevoice_nb.widgets.project_traits import take_cards

MADE_WITH_0_1_0 = Path(__file__).parents[1] / "data" / "project_0_1_0"
TAKES = sorted(MADE_WITH_0_1_0.glob("takes/*/take.json"))
SILENCE = np.zeros(4800, np.float32)

WRONG: dict[str, Any] = {
    "text": 5,
    "model": ["nano"],
    "seconds": "long",
    "voice": "Ada",
    "context": [{"turn_id": "a"}, "b"],
    "options": [1],
    "number": -1,
    "frames": True,
    "samples": 10**400,
    "rtf": float("inf"),
    "elapsed": 10**400,
    "confidence": "high",
    "error": "x" * (MAX_TEXT + 1),
    "run_frames": [0.5],
    "takes": {"a": {}},
    "speakers": {1: {}},
    "versions": dict.fromkeys(map(str, range(MAX_ENTRIES + 1)), "1.0"),
    "adjustments": "loud",
    "ttfa": None,
    "mood": "calm",
}


@pytest.mark.parametrize("path", TAKES, ids=lambda path: path.parent.name)
def test_a_take_of_0_1_is_written_as_it_was_read(path: Path) -> None:
    text = path.read_text("utf-8")
    manifest = TakeManifest.from_json(json.loads(text))
    assert json.dumps(manifest.to_json(), ensure_ascii=False, indent=1) == text
    assert isinstance(manifest.voice, VoiceEntry) and manifest.voice.sha256
    assert manifest.model == "nano" and manifest.audio_bytes
    assert set(manifest.kept.items()) <= {("follows", None)}
    assert manifest.options is not None and manifest.options.num_steps == 10
    assert manifest.options.seed == manifest.seed is not None
    assert GenerationOptions(**manifest.options.kwargs()).seed == manifest.seed
    assert all(isinstance(entry, ContextEntry) and entry.take_id for entry in manifest.context or ())


def test_values_of_a_wrong_type_or_size_are_unknown_and_kept() -> None:
    manifest = TakeManifest.from_json(WRONG)
    assert all(getattr(manifest, name, None) is None for name in WRONG)
    assert manifest.to_json() == WRONG and list(manifest.to_json()) == list(WRONG)
    assert manifest.summary(1.0) == ["generated speech", "1.0 s"]
    with pytest.raises(OptionError, match="a mapping"):
        TakeManifest.from_json([])
    wrong: Any = "nano"
    with pytest.raises(OptionError, match="a mapping"):
        Take.from_audio(SILENCE, manifest=wrong)


def test_unknown_keys_are_kept_inside_as_well() -> None:
    data = {
        "voice": {"sha256": "0", "mood": "calm"},
        "context": [{"turn_id": "a", "then": [1]}],
        "takes": [{"x": 1}],
    }
    assert TakeManifest.from_json(data).to_json() == data


def test_an_episode_names_its_voices_and_versions() -> None:
    data = {"speakers": {"Anna": {"voice": "Ada", "consent": True, "age": 30}}, "versions": {"torch": "2.6"}}
    manifest = TakeManifest.from_json(data)
    assert manifest.speakers == {"Anna": SpeakerEntry("Ada", consent=True)}
    assert manifest.versions == data["versions"] and manifest.to_json() == data
    for name, wrong in [("speakers", {"Anna": "Ada"}), ("versions", {"torch": 2.6}), ("versions", {2: "2"})]:
        manifest = TakeManifest.from_json({name: wrong})
        assert getattr(manifest, name) is None and manifest.to_json() == {name: wrong}


def test_every_valid_seed_is_read() -> None:
    for data in ({"options": {"seed": 2**63 - 1}}, {"seed": 2**63 - 1}):
        assert TakeManifest.from_json(data).seed == 2**63 - 1
    for seed in (True, -1, 2**63, "7"):
        assert TakeManifest.from_json({"options": {"seed": seed}}).seed is None


def test_the_takes_of_an_episode_have_no_takes() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"takes": [deep]}
    (inner,) = TakeManifest.from_json(deep).takes or ()
    assert inner.takes is None


def test_a_take_with_wrong_facts_opens(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(MADE_WITH_0_1_0, tmp_path / "talk.vibevoice"))
    file = folder / "takes" / TAKES[0].parent.name / "take.json"
    needed = {"text", "voice", "frames", "samples", "versions", "error", "elapsed", "rtf", "speakers"}
    damaged = {name: value for name, value in WRONG.items() if name not in needed}
    damaged["options"] = {"seed": "7", "num_steps": [5], "cfg_scale": {}, "solver": 1}
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **damaged}), "utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        project = Project.open(folder, read_only=True)
    take = project.take(file.parent.name)
    shown = take_cards(project)[take.id]
    assert [shown[name] for name in ("seed", "num_steps", "cfg_scale", "solver")] == [None] * 4
    assert (take.turns[0].confidence, take.number, take.model, take.seed) == (1.0, 0, "", None)


def test_a_manifest_is_still_a_mapping_and_warns() -> None:
    facts = {"model": "nano", "options": {"seed": 7}, "mood": "calm"}
    manifest = Take.from_audio(SILENCE, manifest=facts).manifest
    with pytest.warns(DeprecationWarning, match="to_json") as warned:
        assert manifest["options"]["seed"] == 7 and manifest.get("mood") == "calm"
        assert manifest.get("mode", 1) == 1 and "model" in manifest and "mode" not in manifest
        assert dict(manifest) == {**manifest} == facts and len(manifest) == 3
        assert list(manifest) == list(manifest.keys()) == list(facts)
        assert list(manifest.items()) == list(facts.items())
        assert list(manifest.values()) == list(facts.values())
        with pytest.raises(KeyError):
            manifest["mode"]
    assert {Path(one.filename).name for one in warned} == {Path(__file__).name}
    assert manifest == facts
    assert manifest == TakeManifest(model="nano", options=OptionsEntry(seed=7), kept={"mood": "calm"})


@pytest.mark.parametrize("loudness", [None, -16.0])
def test_the_manifest_of_an_export_is_read_back(tmp_path: Path, loudness: float | None) -> None:
    take = conversation(["Ada", "Ben"], model="nano", options={"seed": 7}, mood="calm")
    audio, beside = export_take(take, tmp_path / "talk.flac", loudness=loudness)
    data = json.loads(beside.read_text("utf-8"))
    manifest = ExportManifest.from_json(data)
    assert json.dumps(manifest.to_json()) == json.dumps(data)
    assert list(data["export"])[-3:] == ["loudness", "reached", "files"]
    assert (data["export"]["reached"] is None) == (data["export"]["loudness"] is None) == (loudness is None)
    assert manifest.take.seed == 7 and manifest.name == "Episode" and manifest.sample_rate == 24_000
    assert [turn.text for turn in manifest.spoken or ()] == ["Turn 0.", "Turn 1."]
    assert manifest.export.files and manifest.export.files[0].bytes == audio.stat().st_size
    if loudness is not None:
        plan, reached = manifest.export.loudness, manifest.export.reached
        assert plan is not None and (plan.target_lufs, plan.limiting) == (-16.0, plan.limiting is True)
        assert plan.before is not None and reached is not None and reached.seconds == manifest.seconds
        assert abs((reached.lufs or 0) + 16) < 1 < abs((plan.before.lufs or 0) + 16)
    inside = read_manifest(audio)
    assert inside is not None and not {"reached", "files"} & set(inside["export"])
    assert ExportManifest.from_json(inside).to_json() == inside
    found = ExportManifest.from_file(audio)
    assert found is not None and found.to_json() == inside
    for wrong in ([], {}, {"export": 3}, None):
        with pytest.raises(OptionError, match="manifest"):
            ExportManifest.from_json(wrong)


@pytest.mark.parametrize("given", ['{"seed": 7}', '{"export": [1]}', "no manifest"])
def test_a_file_of_another_kind_has_no_manifest_of_an_export(given: str) -> None:
    data = encode(SILENCE, "wav", metadata={"manifest": given})
    assert ExportManifest.from_file(io.BytesIO(data)) is None
    with pytest.raises(AudioError):
        ExportManifest.from_file(io.BytesIO(b"RIFF"))


def test_a_value_that_is_replaced_by_none_is_not_written() -> None:
    data = {"error": "OSError", "mood": "calm", "voice": {"name": "Ada", "sha256": "0"}, "model": "nano"}
    manifest = TakeManifest.from_json(data)
    assert manifest.voice is not None
    changed = replace(manifest, error=None, voice=replace(manifest.voice, sha256=None))
    assert json.dumps(changed.to_json()) == '{"mood": "calm", "voice": {"name": "Ada"}, "model": "nano"}'


def test_an_export_shows_a_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take = conversation(["Ada", "Ben"])
    take.save(tmp_path / "talk.flac", progress=True, loudness=-16)
    assert "Exporting talk.flac: 100%" in capsys.readouterr().err
    take.export(tmp_path / "turns", parts="turns", progress=True)
    assert "Exporting turns: 100%" in capsys.readouterr().err
    take.save(tmp_path / "silent.flac", progress=False)
    assert not capsys.readouterr().err
    wrong: Any = 3
    with pytest.raises(OptionError, match="progress=3"):
        take.save(tmp_path / "wrong.flac", progress=wrong)
    assert not (tmp_path / "wrong.flac").exists()
