"""Claims of the tutorials about their own results, as assertions that run behind the cell with that id."""

from __future__ import annotations

CLAIMS: dict[str, dict[str, str]] = {
    "01-quickstart.ipynb": {
        "01-10": """
assert before[:2] == after[:2] and before[2] != after[2], "speaks that line only"
assert [turn.state for turn in studio.project.turns] == ["spoken"] * 3
assert studio.project.path.name == "quickstart.vibevoice"
""",
        "01-12": """
from vibevoice_nb import Project

with Project.create("exercises", "Anna: Hello.\\nBen: Hello.\\nClara: Good morning.") as three:
    assert three.generate(lambda: __import__("vibevoice_nb").Engine.load("nano"), seed=1).result().seconds > 1
    given = [member.voice.name for member in three.cast.values()]
    assert len(set(given)) == 3, "a built-in voice that no other speaker has"
last = studio.turns[2]["id"]
chosen = studio.project.turns[2].chosen
await studio.regenerate(last)
assert len(studio.project.takes.of(last)) >= 2, "the earlier take is kept"
assert studio.project.turns[2].chosen != chosen, "a new take, and chooses it"
studio.project.choose(last, chosen)
assert 10 * 7.5 == 75 and 75 * 3200 == 240_000 == 10 * 24_000
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
assert 12e6 <= sum(p.numel() for p in engine.model.parameters()) < 13e6, "12 million parameters"
assert audio.size == 3200 and abs(audio.size / 24_000 - 0.133) < 0.001, "every 133 ms of audio"
""",
    },
    "02-voices-and-cloning-responsibly.ipynb": {
        "02-04": """
assert len(voices) == 8, "eight voices"
assert all(4 <= voice.seconds <= 6 for voice in voices.values()), "four to six seconds"
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
        "02-10": """
def quietest(audio):
    blocks = audio[: audio.size // 480 * 480].reshape(-1, 480)  # 20 ms
    return float(np.sqrt(np.square(blocks).mean(axis=1)).min())

clean, noisy_one = (quietest(load_voice(spoiled[name]).audio) for name in ("good", "in a noisy room"))
assert noisy_one > 5 * clean, "nowhere does it become thin"
""",
        "02-12": """
level = 20 * np.log10(np.sqrt(np.mean(np.square(loaded.audio))))
assert abs(level + 25) < 1, "the level becomes -25 dBFS"
assert loaded.seconds < raw.size / 24_000 - 2, "silence is cut off both ends"
""",
        "02-19": """
assert inside["content"] == "generated speech" and inside["speakers"]["Anna"]["consent"] is True
""",
        "02-23": """
ratio = np.log2(pitch["out"] / pitch["in"])
assert pitch["in"].corr(pitch["out"]) > 0.9 and ratio.abs().median() < 1 / 3, "rise with the recording"
assert (ratio > 0).sum() >= 6, "most of them a little above the line"
assert pitch["in"].max() > 2 * pitch["in"].min()

try:
    load_voice(voices["Ada"].audio[:4800])
    raise AssertionError("0.2 seconds were accepted")
except VoiceError as error:
    assert "0.3 s" in str(error), "at least 0.3 seconds of speech are needed"
short = load_voice(good[:48_000]).checks
assert any("3 s" in check.message and check.severity == "warning" for check in short), (
    "below 3 seconds, a warning"
)

stereo = np.stack(
    [np.repeat(good, 2), np.zeros(2 * good.size, np.float32)], axis=1
)  # 48 kHz, one side silent
import soundfile

soundfile.write(folder / "interview.wav", stereo, 48_000)
mixed = load_voice(folder / "interview.wav")
assert mixed.audio.ndim == 1 and abs(mixed.seconds - load_voice(good).seconds) < 0.2, "mono, at 24 kHz"
""",
    },
    "03-steps-and-cfg.ipynb": {
        "03-04b": """
assert len(table) == 16, "every combination"
assert {"seconds", "elapsed", "rtf", "ttfa"} <= set(table.columns)
assert {cell.take.seed for cell in sweep.cells} == {11}, "always from the same noise"
""",
        "03-07": """
made = counts.set_index(["network", "cfg_scale", "num_steps"])
for steps in (1, 2, 5, 10, 20):
    for scale, rows in ((1.0, 1), (3.0, 2)):
        assert tuple(made.loc["language model", scale, steps]) == (1, rows), (
            "once per frame, whatever the steps"
        )
        assert tuple(made.loc["diffusion head", scale, steps]) == (steps, rows * steps), "once per step"
""",
        "03-10": """
import numpy as np

table_of = {(n, s): cell.take for cell, (n, s) in zip(sweep.cells, itertools.product(steps, scales))}
assert [(cell.options["num_steps"], cell.options["cfg_scale"]) for cell in sweep.cells] == list(table_of)
height = {key: float(levels(take)[48:].mean()) for key, take in table_of.items()}  # above 6 kHz
loud = {key: cell.lufs for cell, key in zip(sweep.cells, table_of)}
assert loud[1, 5.0] > loud[10, 2.0] + 30, "more than 30 dB louder than speech"
change = {key: np.abs(np.diff(levels(take)[:48].clip(-90), axis=1)).mean() for key, take in table_of.items()}
assert change[1, 1.0] < change[10, 3.0], "changes less from one moment to the next"
assert height[1, 5.0] == max(height.values()), "fills the high frequencies with noise"
means = {key: levels(take).mean(axis=1) for key, take in table_of.items()}
for scale in scales:
    early, late = (np.abs(means[b, scale] - means[a, scale]).mean() for a, b in ((1, 2), (5, 10)))
    assert late < early, "less changes than from one step to two"
""",
        "03-12": """
def distances(scale):
    settled = first_latent(50, scale)
    return [float((first_latent(n, scale) - settled).norm() / settled.norm()) for n in (1, 5, 10)]

mild, strong = distances(1.0), distances(5.0)
assert mild[2] < distances(3.0)[2] < strong[2], "the distance is larger the stronger the guidance"
assert mild[0] > mild[1] > mild[2] and strong[0] > strong[1] > strong[2], "the solver settles"
assert (engine.defaults.num_steps, engine.defaults.cfg_scale) == (5, 2.0), "nano's own default"
assert (GenerationOptions().num_steps, GenerationOptions().cfg_scale) == (10, 1.3), "the published"
""",
        "03-16": """
heard = [cell.take.audio for cell in seeds.sweep.cells]
assert not any(np.array_equal(heard[0], other) for other in heard[1:]), "another reading"


def noisy(solver, seed=11):
    return engine.speak(
        "Ada: Every evening we listen to the sea.", "Ada", seed=seed, num_steps=5, solver=solver
    ).audio


plain, stochastic = noisy("dpmsolver++"), noisy("sde-dpmsolver++")
assert np.array_equal(stochastic, noisy("sde-dpmsolver++")), "the seed decides the fresh noise, too"
assert plain.shape != stochastic.shape or not np.array_equal(plain, stochastic), "another path"
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
        "04-18": """
shown = [float((heard[k] - heard[10]).norm()) for k in (0, 2, 5, 7, 10)]
assert shown == sorted(shown, reverse=True), "the distance to the result falls"
""",
        "04-20": """
assert torch.allclose(u + 0.0 * (c - u), u) and torch.allclose(u + 1.0 * (c - u), c, atol=1e-6)
tips = [np.array(in_plane(u + s * (c - u))) for s in (0.0, 1.0, 3.0)]
(ax, ay), (bx, by) = tips[1] - tips[0], tips[2] - tips[0]
assert abs(ax * by - ay * bx) < 1e-3, "the tips lie on one line"
""",
        "04-22": """
assert disagreement[-1] == min(disagreement), "in the last frame the two rows agree most"
""",
        "04-24": """
codec = parts["acoustic encoder"] + parts["acoustic decoder"]
assert round(codec / 1e6) == 5, "nano's codec has 5 million parameters"
""",
        "04-27": """
head = {n: per_frame[n]["diffusion head"] for n in order}
assert head[20] > 2 * head[1], "the head's time grows with the steps"

mute = [torch.cat([audio for audio, *_ in speak(prompt, seed=s, temperature=0.0)]) for s in (4, 9)]
assert torch.equal(*mute), "with no noise the seed has no effect"

swapped, own = sampler(conds, unconds, noises.roll(1, 0)), path[-1]
changed = [float(((swapped - x).norm(dim=-1) / own.norm(dim=-1)).mean()) for x in (own, own.roll(1, 0))]
assert 0.15 < changed[0] < 0.25 and changed[1] > 1.0, "by a fifth; by more than all of it"

import itertools

encode = model.semantic.forward
model.semantic.forward = lambda audio, state: encode(torch.zeros_like(audio), state)
deaf = sum(1 for _ in itertools.islice(speak(prompt, seed=4), 100))
model.semantic.forward = encode
assert deaf > len(frames), "it ends later"
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
kept = project.context_for(project.turns[-1].id)[0].spoken.frames
assert kept.latent.shape[1] + kept.semantic.shape[1] == 96, "96 numbers per frame with nano"
assert project.turn(swim.id).chosen == project.takes.of(swim.id)[1].id, "the second one is in the episode"
""",
        "05-25": """
assert 45 * 60 * engine.model.config.frame_rate == 20_250 and 44 < longest < 46
assert round((65_536 - 10_000) / 7.5 / 60) == 123, "123 minutes"
""",
        "05-28": """
shutil.copytree("sea.vibevoice", "copy.vibevoice")
with Project.open("copy") as copy:
    assert np.array_equal(copy.assemble().audio, project.assemble().audio), (
        "opening a project loads no model"
    )
takes = {take.id for turn in project.turns for take in project.takes.of(turn.id)}
assert len(takes) <= len(
    [file for file in Path("copy.vibevoice").rglob("*") if file.suffix in {".flac", ".wav"}]
)
""",
    },
    "06-batch-and-reproducible-experiments.ipynb": {
        "06-04": """
assert np.array_equal(first.audio, again.audio) and not np.array_equal(first.audio, other.audio)
""",
        "06-08": """
assert difference < 1e-3, "each comes out as it would alone"
frames_of = [speech.audio.size // 3200 for speech in alone]
assert frames_of == [13, 14, 14, 21]
passes.clear()
hook = engine.model.language_model.norm.register_forward_hook(lambda *_: passes.append(1))
engine.speak(lines[3], "Ada", seed=3)
hook.remove()
assert together == len(passes) < one_by_one, "as many passes as its longest script"
""",
        "06-15": """
assert len(data) == 36 and len(change) == 12, "three sentences, three scales, four seeds: twelve pairs"
""",
        "06-17": """
for row in rows:
    assert abs(np.log2(row["pitch (Hz)"] / row["its recording (Hz)"])) < 0.5, row["voice"]
""",
        "06-22": """
assert np.array_equal(remade.audio, episode.audio), "from the manifest alone"
assert remade.manifest.takes[0].prefill_sha256 == inside["prefill_sha256"]
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
assert all(counted["1.5B"][part] == counted["7B"][part] for part in counted["1.5B"] if "coder" in part)
assert counted["1.5B"]["diffusion head"] != counted["7B"]["diffusion head"]
small = memory_need(models["1.5B"], torch.bfloat16, device="cuda")
assert small.cache_per_minute == 450 * 2 * 28 * 2 * 2 * 128 * 2, "450 frames, in 2 rows, in 28 layers"

gigabytes = {
    (name, bits): memory_need(model, torch.bfloat16, device="cuda", quantize=bits).total(10) / 1e9
    for name, model in models.items()
    for bits in (None, "int4")
}
assert gigabytes["1.5B", None] < 8, "a card of 8 GB has room for 10 minutes of the 1.5B"
assert gigabytes["7B", None] < 24 and gigabytes["7B", "int4"] < 12
assert round(gigabytes["1.5B", None], 1) == 6.5 and round(gigabytes["7B", None], 1) == 19.2
""",
    },
    "08-writing-for-voices.ipynb": {
        "08-08": """
long, short = ([len(turn.text.split()) for turn in take.turns] for take in (eye, ear))
assert len(short) > len(long) and max(short) == 10 and max(long) > 25, "no turn is longer than ten words"
assert sum(short) == sum(long) + 1, "one word more"
assert "generated speech" in eye._repr_mimebundle_()["text/plain"]
""",
        "08-13": """
lengths = [turn.stop - turn.start for turn in quarrel.turns]
words = [len(turn.text.split()) for turn in quarrel.turns]
assert words == sorted(words, reverse=True), "shorter and shorter"
assert min(turn.stop - turn.start for turn in speeches.turns) > max(lengths), "speeches"
""",
        "08-16": """
named = ("Tom", "Mother", "Tom", "Doctor")
assert all(name in turn.text for name, turn in zip(named, scene.turns)), "a name or a role in every line"
""",
        "08-19": """
import numpy as np

heard = [cell.take.audio for cell in grid.sweep.cells]
assert all(a.shape != b.shape or not np.array_equal(a, b) for a, b in zip(heard, heard[1:])), (
    "the takes differ"
)
""",
        "08-25": """
asked, answer = silence.turns
assert answer.start - asked.stop == 36_000, "a second and a half"
assert np.abs(silence.audio[asked.stop + 4800 : answer.start - 4800]).max() < 0.01, "silence"
""",
        "08-28": """
assert all(a.stop == b.start for a, b in zip(cut.turns, cut.turns[1:])), (
    "follows at once, never two at a time"
)
""",
        "08-30": """
assert [d.severity for d in directed.diagnostics] == ["warning"] * 3, "reported"
assert [turn.text for turn in directed.turns] == ["He is in the garden.", "In this rain?"], "left out"
""",
        "08-37": """
assert 0.5 < scene.seconds / reading.seconds < 0.65, "a little more than half the time"
carroll = "".join(turn.text.lower() for turn in reading.turns)
for words in ("have some wine", "in an encouraging tone", "nothing on it but tea", "without being invited"):
    assert words in carroll
assert not any(take.odd_length for take in reading.manifest.takes or ()), "nothing invented"
""",
        "08-39": """
assert [old == turn.chosen for old, turn in zip(before, studio.project.turns)] == [
    True,
    True,
    True,
    False,
    True,
]
""",
        "08-41": """
assert len(studio.project.takes.of(last.id)) == 3, "two more takes"
""",
        "08-43": """
from vibevoice_nb.audio.encode import read_manifest

assert read_manifest(Path("out/alice.mp3"))["content"] == "generated speech"
assert Path("out/alice.vtt").is_file()
""",
    },
    "09-how-a-machine-hears.ipynb": {
        "09-05": """
assert table[-1, -1] == 3 and len(said) == 5
assert distances("one two three four".split(), "a b c d e f g h i j".split())[-1, -1] == 10, "250 %"
assert distances("ice cream".split(), ["icecream"])[-1, -1] == 2
from vibevoice_nb.review.alignment import align

assert all(pair.same for pair in align("ice cream".split(), ["icecream"])), "counts none"
""",
        "09-10": """
assert found.wer < 40, "most words are heard"
if recognizer.name == "pocketsphinx":
    assert not found.certain, "all its differences are uncertain"
""",
        "09-13": """
assert len(speech.turns[0].words) == len(text.split())
""",
        "09-15": """
assert speech.to_vtt(words=True).count("<00:") > 15, "every word has a time stamp"
""",
        "09-17": """
assert rates[-1] > rates[0], "noise changes what is heard"
if recognizer.name == "pocketsphinx":
    assert rates[-1] > 50, "fails"
""",
        "09-21": """
left = review(ruined, text, recognizer=recognizer).wer
assert left < rates[-1] and left < 50, "more than half of the words are still there"
""",
    },
    "10-a-talking-assistant.ipynb": {
        "10-05": """
assert " ".join(word.text for _, part in spoken for word in part.words) == REPLIES["weather"]
""",
        "10-08": """
assert first > clause, "the first clause is complete before it is spoken"
assert 4 < length[-1] < 16 and (late >= 0).all()
""",
        "10-10": """
assert stream.ended == "cancelled" and "afraid" not in heard
""",
    },
    "colab.ipynb": {
        "co-05": """
assert settings_for("NVIDIA L4", 23.6e9) == {"model": "vibevoice/VibeVoice-1.5B-hf", "num_steps": 10}
assert settings_for("any", 30e9)["model"] == "vibevoice/VibeVoice-7B-hf", "chosen from 30 GB"
""",
        "co-12": """
earlier = [turn.chosen for turn in studio.project.turns]
studio.script = studio.script.replace("Is there any coffee?", "Is there any tea?")
await studio.generate()
assert [a == b.chosen for a, b in zip(earlier, studio.project.turns)] == [True, False], "only Ben's"
""",
    },
}
