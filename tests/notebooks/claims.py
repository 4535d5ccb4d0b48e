"""Claims of the tutorials about their own results, as assertions that run behind the cell with that id."""

from __future__ import annotations

CLAIMS: dict[str, dict[str, str]] = {
    "01-quickstart.ipynb": {
        "01-10": """
assert before[:2] == after[:2] and before[2] != after[2], "speaks that line only"
assert [turn.state for turn in studio.project.turns] == ["spoken"] * 3
assert studio.project.path.name == "quickstart.vibevoice"
""",
        "01-15": """
from vibevoice_nb.audio.io import read_audio
from vibevoice_nb.audio.encode import read_manifest
from vibevoice_nb.audio.meter import measure

sound, _ = read_audio(Path("out/morning.mp3"))
assert abs(measure(sound).lufs + 16) < 1, "at the loudness podcasts use (-16 LUFS)"
assert Path("out/morning.srt").is_file(), "with subtitles beside it"
assert read_manifest(Path("out/morning.mp3"))["content"] == "generated speech"
""",
        "01-19": """
assert 8e6 <= sum(p.numel() for p in engine.model.parameters()) < 9e6, "8 million parameters"
assert audio.size == 3200 and abs(audio.size / 24_000 - 0.133) < 0.001, "every 133 ms of audio"
""",
    },
    "02-voices-and-cloning-responsibly.ipynb": {
        "02-04": """
assert len(voices) == 4, "four voices"
assert all(0.7 < voice.seconds < 1.7 for voice in voices.values()), "a second long"
""",
        "02-08": """
verdicts = {}
for name, verdict, *_ in rows:
    verdicts.setdefault(name, set()).add(verdict)
assert len(verdicts) == 6 and not verdicts["good"] & {"warning", "error", "refused"}
assert verdicts["mostly silence"] == {"fine"} and verdicts["only silence"] == {"refused"}
for name in ("in a noisy room", "much too loud", "one second"):
    assert "warning" in verdicts[name], name
""",
        "02-12": """
level = 20 * np.log10(np.sqrt(np.mean(np.square(loaded.audio))))
assert abs(level + 25) < 1, "the level becomes -25 dBFS"
assert loaded.seconds < raw.size / 24_000 - 2, "silence is cut off both ends"
""",
        "02-19": """
assert inside["content"] == "generated speech" and inside["speakers"]["Anna"]["consent"] is True
""",
    },
    "03-steps-and-cfg.ipynb": {
        "03-04": """
assert len(table) == 16, "every combination"
assert {cell.take.manifest["seed"] for cell in sweep.cells} == {11}, "always from the same noise"
""",
        "03-07": """
for scale in costs:
    assert costs[scale][20] > 1.15 * costs[scale][1], "time grows with the steps"
assert (costs[3.0] / costs[1.0]).median() < 1.5, "on nano the two lines nearly coincide"

language_model, rows_seen = type(engine.model.language_model), []
step = language_model.step

def counted(self, pending, caches):
    rows_seen.append(len(pending))
    return step(self, pending, caches)

language_model.step = counted
for scale in (1.0, 3.0):
    rows_seen.clear()
    next(engine.stream("Ada: Hello.", "Ada", cfg_scale=scale, num_steps=1, seed=1))
    assert set(rows_seen) == {1 if scale == 1.0 else 2}, "one row instead of two"
language_model.step = step
""",
        "03-12": """
def distances(scale):
    settled = first_latent(50, scale)
    return [float((first_latent(n, scale) - settled).norm() / settled.norm()) for n in (1, 5, 10)]

mild, strong = distances(1.0), distances(5.0)
assert all(a < b for a, b in zip(mild, strong)), "the stronger the guidance, the more steps"
assert mild[0] > mild[1] > mild[2] and strong[0] > strong[1] > strong[2], "the solver settles"
assert (engine.defaults.num_steps, engine.defaults.cfg_scale) == (5, 3.0), "nano's own default"
assert (GenerationOptions().num_steps, GenerationOptions().cfg_scale) == (10, 1.3), "the published"
""",
        "03-16": """
import numpy as np

heard = [cell.take.audio for cell in seeds.sweep.cells]
assert not any(np.array_equal(heard[0], other) for other in heard[1:]), "another reading"
""",
    },
    "04-inside-the-model.ipynb": {
        "04-02": """
assert config.hop_length == 3200 and config.frame_rate == 7.5 and config.head.latent_size == 64
assert 3600 * config.frame_rate == 27_000, "an hour is 27,000"
assert 2 * 60 * config.frame_rate == 900, "900 positions a minute over both rows"
""",
        "04-06": """
assert float((torch.cat(pieces, -1) - back).abs().max()) < 1e-4, "frame by frame, or all at once"
assert float(before) == 0.0 and float(after) > 0.0, "changing a latent changes nothing before its frame"
""",
        "04-12": """
import inspect

assert len(inspect.getsource(speak).splitlines()) <= 50, "in fifty lines"
""",
        "04-14": """
assert np.array_equal(ours.shape, speech.audio.shape) and np.abs(ours - speech.audio).max() < 1e-3
again = torch.cat([audio for audio, *_ in speak(prompt, seed=5)]).numpy()
assert np.abs(again - engine.speak(text, voice, seed=5, num_steps=10).audio).max() < 1e-3, "whatever the seed"
""",
        "04-16": """
means = [float(distance[step].mean()) for step in (0, 5, 10)]
assert means[0] > means[1] > means[2] == 0.0, "from noise to a latent"
""",
        "04-22": """
assert disagreement[-1] < sorted(disagreement)[len(disagreement) // 2], "in the last ones they agree most"
""",
        "04-24": """
codec = parts["acoustic encoder"] + parts["acoustic decoder"]
assert 3.5e6 < codec < 4.5e6, "nano's codec has 4 million parameters"
""",
    },
    "05-long-form-and-projects.ipynb": {
        "05-08": """
assert [turn.state for turn in project.turns][:2] == ["spoken", "spoken"], "what was finished is there"
assert project.unfinished, "what was being spoken isn't lost either"
""",
        "05-10": """
assert finished == [turn.chosen for turn in project.turns][: len(finished)] and len(finished) >= 2
""",
        "05-14": """
assert [turn for turn, same in untouched.items() if not same] == [swim.id], "the others are untouched"
assert len(project.takes.of(swim.id)) == 2, "both takes are kept"
""",
        "05-18": """
assert [turn.state for turn in project.turns] == ["spoken"] * 6
""",
        "05-20": """
assert all(row["turns read"] <= row["turns before"] for row in rows)
assert engine.defaults.context_seconds == 2.0, "two seconds at most"
assert engine.defaults.passage_seconds == 8.0, "passages of about eight seconds"
""",
        "05-25": """
assert 45 * 60 * engine.model.config.frame_rate == 20_250 and 44 < longest < 46
""",
    },
    "06-batch-and-reproducible-experiments.ipynb": {
        "06-04": """
assert np.array_equal(first.audio, again.audio) and not np.array_equal(first.audio, other.audio)
""",
        "06-08": """
assert difference < 1e-3, "each comes out as it would alone"
""",
        "06-15": """
assert len(data) == 36 and len(change) == 12, "three sentences, three scales, four seeds: twelve pairs"
""",
        "06-17": """
from vibevoice_nb.voices import resolve_voice

assert 80 < mean_pitch([resolve_voice("Kai").audio]) < 125, "Kai's recording is at about 100 Hz"
kai = [mean_pitch([engine.speak(line, "Kai", seed=3, num_steps=10).audio]) for line in lines[:3]]
assert min(kai) < 125 and max(kai) > 2 * min(kai), "about that, and more than twice that"
""",
        "06-22": """
assert np.array_equal(remade.audio, episode.audio), "from the manifest alone"
assert remade.manifest["takes"][0]["prefill_sha256"] == inside["prefill_sha256"]
""",
    },
    "07-bring-the-big-model.ipynb": {
        "07-04": """
counted = {name: count_parameters(model) for name, model in models.items()}
layers = {name: parts["language model layers"] / sum(parts.values()) for name, parts in counted.items()}
assert 0.45 < layers["1.5B"] < 0.55 and 0.65 < layers["7B"] < 0.75, "half; seven tenths (notebook 4)"
codec = counted["1.5B"]["acoustic encoder"] + counted["1.5B"]["acoustic decoder"]
assert round(codec / 1e7) == 69, "690 million (notebook 4)"
""",
        "07-08": """
gigabytes = {
    (name, bits): memory_need(model, torch.bfloat16, device="cuda", quantize=bits).total(10) / 1e9
    for name, model in models.items()
    for bits in (None, "int4")
}
assert gigabytes["1.5B", None] < 8, "a card of 8 GB has room for 10 minutes of the 1.5B"
assert gigabytes["7B", None] < 24 and gigabytes["7B", "int4"] < 12
""",
    },
}
