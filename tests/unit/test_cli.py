"""The command line: files, output and exit codes."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audio_helpers import small_disk
from cli_helpers import Bench, bench, interrupt, last_json, models, wait_for_audio, wav_seconds

from vibevoice_nb.audio.encode import read_manifest
from vibevoice_nb.audio.io import read_audio, write_audio
from vibevoice_nb.cli.terminal import Interrupt
from vibevoice_nb.voices import resolve as voices_module

__all__ = ["bench", "models"]  # fixtures

FRAME = 3200 / 24_000


# --- help ---------------------------------------------------------------------------------------------------


def test_help_brings_no_torch() -> None:
    code = """
import sys
from typer.testing import CliRunner
from vibevoice_nb.cli.app import app
for command in ([], ["speak"], ["voices"], ["info"], ["doctor"], ["verify"]):
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0, result.output
print("torch" in sys.modules, "transformers" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]


def test_version_and_unknown_command(bench: Bench) -> None:
    assert bench.run("--version").stdout.startswith("vibevoice-nb ")
    assert bench.run("sing").exit_code == 2


# --- one script ---------------------------------------------------------------------------------------------


def test_speak_reports_the_voices_and_the_seed(bench: Bench) -> None:
    result = bench.speak()
    assert result.exit_code == 0, result.output
    assert wav_seconds(bench.folder / "talk.wav") == pytest.approx(FRAME)
    assert "Speaker 1 -> hum" in result.stderr and "by default" not in result.stderr
    assert str(bench.brief) in result.stderr and "nano" not in result.stderr
    assert "talk.wav" in result.stderr and result.stdout == ""


def test_json_is_one_line_and_everything_else_is_on_stderr(bench: Bench) -> None:
    result = bench.speak("--json", "--cfg-scale", 2, "--num-steps", 4, "--temperature", 0.5)
    (line,) = result.stdout.splitlines()
    summary = json.loads(line)
    assert summary["ended"] == "finished" and summary["seed"] == 1
    assert (summary["cfg_scale"], summary["num_steps"], summary["temperature"]) == (2.0, 4, 0.5)
    assert Path(summary["file"]) == bench.folder / "talk.wav" and summary["cast"]["Speaker 2"] == "hum"


def test_quiet_prints_nothing(bench: Bench) -> None:
    result = bench.speak("--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_the_length_limit_is_reported_with_the_option_that_raises_it(bench: Bench) -> None:
    result = bench.speak("--max-seconds", 0.5, model=bench.endless)
    assert result.exit_code == 3
    assert "length limit of 0.5 s" in result.stderr and "--max-seconds 1" in result.stderr
    assert wav_seconds(bench.folder / "talk.wav") == pytest.approx(3 * FRAME)


def test_stdin_and_encoded_output(bench: Bench) -> None:
    result = bench.speak("--out", "hello.flac", script="-", stdin="Speaker 1: Hello.\nSpeaker 2: Hi!\n")
    assert result.exit_code == 0, result.output
    audio, info = read_audio(bench.folder / "hello.flac")
    assert info.format == "FLAC" and len(audio) == 3200
    assert sorted(path.name for path in bench.folder.iterdir()) == ["hello.flac", "hum.wav", "talk.txt"]


def test_stdin_is_called_out_by_default(bench: Bench) -> None:
    assert bench.speak(script="-", stdin="Speaker 1: A.\nSpeaker 2: B.\n").exit_code == 0
    assert (bench.folder / "out.wav").exists()


def test_voices_make_names_speakers(bench: Bench) -> None:
    script = bench.write("names.txt", "Anna: Good day.\nThis goes on.\nBen: Hello.\n")
    assert bench.speak(script=script).exit_code == 2
    voices = ("--voice", f"Anna={bench.voice}", "--voice", f"ben={bench.voice}")
    result = bench.speak(*voices, "--json", script=script)
    assert result.exit_code == 0, result.output
    assert set(last_json(result.stdout)["cast"]) == {"Anna", "ben"}
    script.write_text("Anna: Good day.\nBen: Hello.\n")  # here the names are found in the script itself
    assert "no cast" not in bench.speak(*voices, "--force", script=script).stderr
    script.write_text("Anna: Good day.\nThis goes on.\nBem: Hello.\n")
    assert "'Bem:' is not in the cast" in bench.speak(*voices, "--force", script=script).stderr


def test_defaults_are_explained_and_no_voice_is_shared(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    built_in = {name: bench.voice for name in ("Una", "Duo", "Tria")}
    for module in ("vibevoice_nb.voices.resolve", "vibevoice_nb.voices.casting"):
        monkeypatch.setattr(f"{module}.builtin_voices", lambda: built_in)
    assert voices_module.resolve_voice("duo").name == "Duo"
    result = bench.speak("--voice", "1=Duo")
    assert result.exit_code == 0, result.output
    assert "Speaker 1 -> Duo (built-in)" in result.stderr
    assert "Speaker 2 -> Tria (built-in by default)" in result.stderr


def test_existing_file_needs_force(bench: Bench) -> None:
    target = bench.folder / "talk.wav"
    target.write_bytes(b"precious")
    refused = bench.speak()
    assert refused.exit_code == 2 and "--force" in refused.stderr
    assert "loading" not in refused.stderr and target.read_bytes() == b"precious"
    assert bench.speak("--force").exit_code == 0
    assert wav_seconds(target) == pytest.approx(FRAME)


def test_same_seed_same_file(bench: Bench) -> None:
    for name in ("a.wav", "b.wav"):
        assert bench.speak("--out", name).exit_code == 0
    assert (bench.folder / "a.wav").read_bytes() == (bench.folder / "b.wav").read_bytes()


# --- several scripts ----------------------------------------------------------------------------------------


def test_several_scripts_and_one_bad_one(bench: Bench) -> None:
    good = [bench.write(f"{name}.txt", "Speaker 1: A.\nSpeaker 2: B.\n") for name in ("c", "a", "b")]
    bad = bench.write("bad.txt", "[pause:500]\n")
    args = bench.command("--out-dir", "made", "--batch-size", 2, "--json", *good[1:], bad, script=good[0])
    result = bench.run(*args)
    assert result.exit_code == 1, result.output
    assert sorted(path.name for path in (bench.folder / "made").iterdir()) == ["a.wav", "b.wav", "c.wav"]
    summary = last_json(result.stdout)
    assert [Path(entry["script"]).name for entry in summary["scripts"]] == [
        "c.txt",
        "a.txt",
        "b.txt",
        "bad.txt",
    ]
    assert "error" in summary["scripts"][3] and "bad.txt" in result.stderr
    # Each comes out as it would alone.
    assert bench.speak("--out", "alone.wav", script=good[2]).exit_code == 0
    alone, together = (read_audio(bench.folder / name)[0] for name in ("alone.wav", "made/b.wav"))
    assert np.array_equal(alone, together)
    manifest = read_manifest(bench.folder / "made" / "b.wav")
    assert manifest and (manifest["seed"], manifest["ended"]) == (1, "finished")


def test_a_script_that_fails_in_its_batch_leaves_the_others(bench: Bench) -> None:
    long = bench.write("long.txt", "Speaker 1: " + "long " * 1000 + "\nSpeaker 2: B.\n")
    result = bench.run(*bench.command("--out-dir", "made", long, "--json"))
    assert result.exit_code == 1 and "positions" in result.stderr
    assert [path.name for path in (bench.folder / "made").iterdir()] == ["talk.wav"]


def test_two_outputs_of_one_name_are_refused(bench: Bench) -> None:
    (bench.folder / "more").mkdir()
    other = bench.write("more/talk.json", '[{"speaker": 1, "text": "Hi."}]')
    result = bench.run(*bench.command(other))
    assert result.exit_code == 2 and "both be written" in result.stderr
    assert not list(bench.folder.rglob("talk.wav"))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--out", "x.wav", "talk.txt"), "--out-dir"),
        (("-",), "stdin"),
        (("talk.txt",), "twice"),
        (("--out", "x.wav", "--out-dir", "d"), "one of them"),
    ],
)
def test_contradictions_are_refused(bench: Bench, args: tuple[str, ...], message: str) -> None:
    result = bench.run(*bench.command(*args, script="talk.txt"))
    assert result.exit_code == 2 and message in result.stderr


def test_a_launcher_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    result = bench.run(*bench.command("--out-dir", "made"))
    assert result.exit_code == 2 and "without a launcher" in result.stderr and "--ray" in result.stderr
    assert not (bench.folder / "made").exists()


class Folder:
    """An output folder of three scripts, which `resume` completes."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.made = bench, bench.folder / "made"
        self.scripts = [bench.write(f"{name}.txt", "Speaker 1: A.\nSpeaker 2: B.\n") for name in "abc"]

    def resume(self, *args: object) -> tuple[Any, dict[str, str]]:
        """Run the command; return the result, and what was done with each script."""
        first, *others = self.scripts
        command = self.bench.command(
            "--out-dir", self.made, "--resume", "--json", *others, *args, script=first
        )
        result = self.bench.run(*command)
        assert result.exit_code in (0, 1), result.output
        done = {}
        for entry in last_json(result.stdout)["scripts"]:
            kinds = [kind for kind in ("skipped", "error", "ended") if kind in entry]
            done[Path(entry["script"]).stem] = kinds[0]
        return result, dict(sorted(done.items()))


def test_resume_skips_what_is_complete_and_replaces_what_is_outdated(bench: Bench) -> None:
    folder = Folder(bench)
    skipped = {"a": "skipped", "b": "skipped", "c": "skipped"}
    made = {"a": "ended", "b": "ended", "c": "ended"}
    assert folder.resume()[1] == made
    before = (folder.made / "a.wav").read_bytes()
    for script in folder.scripts:  # neither a later change nor a comment changes what is spoken
        script.write_text(f"# about {script.stem}\n" + script.read_text())
    result, done = folder.resume()
    assert (result.exit_code, done) == (0, skipped) and "a.wav: complete" in result.stderr
    assert "loading" not in result.stderr
    (folder.made / "b.wav").unlink()
    folder.scripts[2].write_text("Speaker 1: A.\nSpeaker 2: C.\n")
    result, done = folder.resume()
    assert (result.exit_code, done) == (0, {**skipped, "b": "ended", "c": "ended"})
    assert "c.wav: generated again" in result.stderr and (folder.made / "a.wav").read_bytes() == before
    assert folder.resume()[1] == skipped
    assert folder.resume("--num-steps", 3)[1] == made, "another option"
    assert folder.resume("--num-steps", 3)[1] == skipped
    other = write_audio(bench.voice, read_audio(bench.voice)[0] * 0.5, force=True)
    assert folder.resume("--num-steps", 3)[1] == made and other == bench.voice, "another recording"
    assert bench.run(*bench.command("--resume")).exit_code == 2


def test_resume_compares_the_seed_if_there_is_one(bench: Bench) -> None:
    scripts = [bench.write(f"{name}.txt", "Speaker 1: A.\n") for name in "ab"]
    command = ["speak", *scripts, "--out-dir", "made", "--resume", "--json", "--model", bench.brief]
    command += ["--device", "cpu", "--dtype", "float32", "--voice", f"1={bench.voice}"]
    found = []
    for seed in ([], [], ["--seed", 5], ["--seed", 5], []):
        result = bench.run(*command, *seed)
        assert result.exit_code == 0, result.output
        found.append({"skipped" in entry for entry in last_json(result.stdout)["scripts"]})
    assert found == [{False}, {True}, {False}, {True}, {True}]


def test_resume_leaves_other_files_alone(bench: Bench) -> None:
    folder = Folder(bench)
    folder.made.mkdir()
    (folder.made / "a.wav").write_bytes(b"precious")
    result, done = folder.resume()
    assert result.exit_code == 1 and done == {"a": "error", "b": "ended", "c": "ended"}
    assert "a.wav exists" in result.stderr and (folder.made / "a.wav").read_bytes() == b"precious"
    assert folder.resume("--force")[1] == {"a": "ended", "b": "skipped", "c": "skipped"}
    edited = bytearray((folder.made / "b.wav").read_bytes())
    edited[100] ^= 1
    (folder.made / "b.wav").write_bytes(edited)
    assert folder.resume()[1]["b"] == "skipped"
    assert folder.resume("--num-steps", 3)[1] == {"a": "ended", "b": "error", "c": "ended"}
    assert (folder.made / "b.wav").read_bytes() == edited


def test_an_interrupted_file_of_a_folder_has_another_name(bench: Bench) -> None:
    process = bench.start(*bench.command("--max-seconds", 3000, "--out-dir", "made", model=bench.endless))
    wait_for_audio(process, bench.folder / "made" / "talk.part.wav")
    code, _, err = interrupt(process)
    assert code == 130 and "talk.part.wav" in err
    assert [path.name for path in (bench.folder / "made").iterdir()] == ["talk.part.wav"]


# --- interrupted, killed, out of room -----------------------------------------------------------------------


def test_interrupt_keeps_the_audio(bench: Bench) -> None:
    process = bench.start(*bench.command("--max-seconds", 3000, "--json", model=bench.endless))
    wait_for_audio(process, bench.folder / "talk.wav")
    code, out, err = interrupt(process)
    assert code == 130, err
    assert "talk.wav" in err and "interrupted after" in err
    summary = last_json(out)
    assert summary["ended"] == "cancelled"
    assert wav_seconds(bench.folder / "talk.wav") == pytest.approx(summary["seconds"], abs=1e-3)


def test_a_second_interrupt_stops_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), Interrupt() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_interrupt_while_loading(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vibevoice_nb.cli.speak.load_engine", _raise(KeyboardInterrupt()))
    result = bench.speak()
    assert result.exit_code == 130 and "interrupted" in result.stderr
    assert not (bench.folder / "talk.wav").exists()


def test_out_of_memory_is_no_traceback(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    error = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9e12 bytes.")
    monkeypatch.setattr("vibevoice_nb.cli.speak.load_engine", _raise(error))
    result = bench.speak()
    assert result.exit_code == 1 and "vibevoice-nb info" in result.stderr
    monkeypatch.setattr("vibevoice_nb.cli.speak.load_engine", _raise(RuntimeError("a bug")))
    assert isinstance(bench.speak().exception, RuntimeError)  # our own mistakes keep their traceback


def _raise(error: BaseException) -> Callable[..., Any]:
    def call(*args: object) -> None:
        raise error

    return call


def test_kill_leaves_a_playable_file_and_the_old_one(bench: Bench) -> None:
    target, part = bench.folder / "talk.wav", bench.folder / "talk.part.wav"
    target.write_bytes(b"precious")
    process = bench.start(*bench.command("--force", "--max-seconds", 3000, model=bench.endless))
    wait_for_audio(process, part)
    process.kill()
    process.communicate()
    assert wav_seconds(part) >= 3 * FRAME
    assert target.read_bytes() == b"precious"


def test_full_disk(bench: Bench, tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        (disk / "rest").write_bytes(bytes(200_000))
        result = bench.speak("--out", disk / "talk.wav", "--max-seconds", 20, model=bench.endless)
        assert result.exit_code == 1 and "the disk is full" in result.stderr
        assert 0.5 < wav_seconds(disk / "talk.wav") < 2.0


# --- the other commands -------------------------------------------------------------------------------------


def test_voices_come_and_go(bench: Bench) -> None:
    added = bench.run("voices", "add", bench.voice, "--name", "Anna")
    assert added.exit_code == 0 and "no consent" in added.stderr
    listed = last_json(bench.run("voices", "list", "--json").stdout)
    assert [v["name"] for v in listed["voices"] if v["source"] == "library"] == ["Anna"]
    assert "Anna" in bench.run("voices", "list").stdout
    spoken = bench.speak("--voice", "1=anna", "--voice", "2=Anna")
    assert spoken.exit_code == 0 and "Speaker 1 -> Anna (library)" in spoken.stderr
    assert bench.run("voices", "remove", "anna").exit_code == 0
    gone = bench.run("voices", "remove", "anna")
    assert gone.exit_code == 2 and "Anna" not in bench.run("voices", "list").stdout


def test_checks_of_voices_are_printed_as_sentences(bench: Bench) -> None:
    silent = write_audio(bench.folder / "silent.wav", read_audio(bench.voice)[0] * 0)
    text = bench.write("text.wav", "not audio")
    result = bench.run("voices", "check", bench.voice, silent, text)
    assert result.exit_code == 1
    assert "good recording" in result.stdout and "no speech found" in result.stdout
    assert "a text file" in result.stderr
    assert bench.run("voices", "check", bench.voice).exit_code == 0


def test_verify_ends_in_a_json_line(bench: Bench, golden: Path) -> None:
    result = bench.run("verify", golden)
    assert result.exit_code == 0, result.output
    summary = last_json(result.stdout)
    assert summary["passed"] and summary["ok"] > 5 and summary["beyond"] == 0
    assert "main_audio" in result.stdout and "skipped: no inputs" in result.stdout


def test_verify_notices_a_changed_weight(bench: Bench, golden: Path) -> None:
    from safetensors.torch import load_file, save_file

    copy = bench.folder / "golden"
    shutil.copytree(golden, copy)
    weights: dict[str, Any] = load_file(copy / "model.safetensors")
    weights["model.acoustic_connector.fc1.weight"][0, 0] += 0.1
    save_file(weights, copy / "model.safetensors")
    result = bench.run("verify", copy)
    assert result.exit_code == 1
    assert "acoustic_connector" in [array["name"] for array in last_json(result.stdout)["arrays"]]


def test_verify_refuses_a_broken_folder(bench: Bench, golden: Path) -> None:
    result = bench.run("verify", bench.folder)
    assert result.exit_code == 2 and "config.json" in result.stderr
    shutil.copytree(golden, bench.folder / "part")
    (bench.folder / "part" / "inputs.npz").unlink()
    result = bench.run("verify", bench.folder / "part")
    assert result.exit_code == 2 and "inputs.npz" in result.stderr
    shutil.copytree(golden, bench.folder / "odd")
    np.savez(bench.folder / "odd" / "inputs.npz", stage_latents=np.zeros((1, 2, 5), np.float32))
    result = bench.run("verify", bench.folder / "odd")
    assert result.exit_code == 2 and "cannot be replayed" in result.stderr


def test_verify_fails_where_nothing_could_be_compared(bench: Bench, golden: Path) -> None:
    shutil.copytree(golden, bench.folder / "bare")
    np.savez(bench.folder / "bare" / "inputs.npz")
    result = bench.run("verify", bench.folder / "bare")
    assert result.exit_code == 1 and last_json(result.stdout)["passed"] is False


def test_bench_gets_its_own_options(bench: Bench) -> None:
    result = bench.run("bench", "--help")
    assert result.exit_code == 0 and "--threads" in result.stdout


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fast part of a recorded run: its stages, without the whole generations."""
    recorded = Path(__file__).parents[1] / "data" / "golden"
    folder = tmp_path_factory.mktemp("golden")
    for name in ("config.json", "meta.json", "model.safetensors"):
        shutil.copyfile(recorded / name, folder / name)
    for name, kept in (
        ("inputs.npz", "head_|norm|stage_"),
        ("expected.npz", "head_|norm|.*connector|main_audio"),
    ):
        with np.load(recorded / name) as arrays:
            np.savez(folder / name, **{key: arrays[key] for key in arrays if re.match(kept, key)})
    return folder


def test_a_line_of_output_has_one_severity_and_a_place(bench: Bench) -> None:
    script = bench.write(
        "paste.txt", "Speaker 1: One. [short pause] Two.\nand on\nSpeaker 2: Hm. Speaker 1: Ah.\n"
    )
    result = bench.speak("--json", script=script)
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stderr.splitlines() if "paste.txt:" in line]
    assert [line.split("paste.txt:")[1] for line in lines[:2]] == [
        "1: warning: '[short pause]' is read as [pause:500]. To fix it: write '[pause:500]'.",
        "3: warning: the label 'Speaker 1:' is inside a line and begins a turn."
        " To fix it: begin a new line before it.",
    ]
    assert "info" not in result.stderr and "warning: " + str(script) not in result.stderr
    found = last_json(result.stdout)["diagnostics"]
    assert [(item["line"], item["severity"]) for item in found] == [
        (1, "warning"),
        (2, "info"),
        (3, "warning"),
    ]
    more = bench.speak("--verbose", "--force", script=script)
    assert "paste.txt:2: info: the line continues the turn of Speaker 1." in more.stderr
    assert (
        "info" not in bench.speak("--force", script=script).stderr
    )  # one command leaves nothing to the next
