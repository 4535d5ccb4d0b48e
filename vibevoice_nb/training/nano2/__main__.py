"""One command for each stage: ``python -m vibevoice_nb.training.nano2 STAGE --work-dir FOLDER``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from vibevoice_nb.training.common import read_config, read_shape
from vibevoice_nb.training.language import train_language
from vibevoice_nb.training.semantic import SemanticConfig
from vibevoice_nb.training.student import LanguageTrainingConfig

from . import (
    agreement,
    checkpoints,
    codec,
    copy_synthesis,
    corpus,
    distil,
    encoder,
    export,
    language,
    letters,
    lexicon,
    mel,
    packs,
    semantic,
    speech,
    voices,
)

CONFIGS = Path(__file__).parent / "configs"


def run_speech(options: argparse.Namespace) -> dict[str, float]:
    """Decode teacher speech."""
    return speech.unpack(options.source, options.work_dir)


def run_latents(options: argparse.Namespace) -> dict[str, float]:
    """Fit the PCA."""
    config = read_config(mel.LatentsConfig, options.config or CONFIGS / "latents.json")
    return mel.fit(speech.Speech(options.work_dir), options.work_dir, config)


def run_encoder(options: argparse.Namespace) -> dict[str, float]:
    """Train the encoder to predict the PCA's latents."""
    config = read_config(encoder.EncoderConfig, options.config or CONFIGS / "encoder.json")
    trainer = encoder.train_encoder(
        speech.Speech(options.work_dir),
        options.work_dir,
        read_shape(CONFIGS / "nano.json"),
        config,
        resume=options.resume,
        start_from=options.start_from,
        until=options.until,
    )
    return {"step": trainer.progress.step}


def run_codec(options: argparse.Namespace) -> dict[str, float]:
    """Train encoder and decoder."""
    config = read_config(codec.CodecConfig, options.config or CONFIGS / "codec.json")
    trainer = codec.train_codec(
        speech.Speech(options.work_dir),
        options.work_dir,
        read_shape(CONFIGS / "nano.json"),
        config,
        resume=options.resume,
        start_from=options.start_from,
        until=options.until,
    )
    return {"step": trainer.progress.step}


def run_land(options: argparse.Namespace) -> dict[str, float]:
    """Copy the weights into the repository, so that training can resume on another machine."""
    return checkpoints.land(options.work_dir)


def run_restore(options: argparse.Namespace) -> dict[str, float]:
    """Copy the weights from the repository into the work folder."""
    return checkpoints.restore(options.work_dir)


def run_encode(options: argparse.Namespace) -> dict[str, float]:
    """Encode all speech with the codec."""
    config = read_config(corpus.EncodeConfig, options.config or CONFIGS / "encode.json")
    shape = read_shape(CONFIGS / "nano.json")
    return corpus.encode(speech.Speech(options.work_dir), options.work_dir, shape, config)


def run_semantic(options: argparse.Namespace) -> dict[str, float]:
    """Train the semantic encoder and write its features."""
    config = read_config(SemanticConfig, options.config or CONFIGS / "semantic.json")
    shape, people = read_shape(CONFIGS / "nano.json"), corpus.PersonCorpus(options.work_dir)
    trainer = semantic.train(people, options.work_dir, shape, config, resume=options.resume)
    return {"step": trainer.progress.step, "frames": semantic.apply(people, options.work_dir, shape)}


def run_voices(options: argparse.Namespace) -> dict[str, float]:
    """Write the speaker embedding and pitch of every voice."""
    features = language.voice_features(corpus.PersonCorpus(options.work_dir))
    np.save(options.work_dir / "voices.npy", features)
    return {"voices": len(features)}


def run_pack(options: argparse.Namespace) -> dict[str, float]:
    """Write encoded speech to a small file."""
    return packs.write(options.work_dir, options.out)


def _everyone(options: argparse.Namespace) -> corpus.PersonCorpus:
    """Return the corpus with all packs of the repository."""
    return corpus.PersonCorpus(options.work_dir, sorted(checkpoints.FOLDER.glob("speech-*.npz")))


def run_language(options: argparse.Namespace) -> dict[str, float]:
    """Train language model and diffusion head."""
    config = read_config(LanguageTrainingConfig, options.config or CONFIGS / "language.json")
    task = language.make_task(_everyone(options), options.work_dir, config)
    trainer = train_language(
        task,
        options.work_dir,
        config,
        read_shape(CONFIGS / "nano.json"),
        resume=options.resume,
        start_from=options.start_from,
        until=options.until,
    )
    return {"step": trainer.progress.step}


def run_distil(options: argparse.Namespace) -> dict[str, float]:
    """Distil guidance and steps."""
    config = read_config(distil.DistilConfig, options.config or CONFIGS / "distil.json")
    examples = read_config(LanguageTrainingConfig, CONFIGS / "language.json")
    task = language.make_task(_everyone(options), options.work_dir, examples)
    trainer = distil.train_distil(
        task,
        options.work_dir,
        read_shape(CONFIGS / "nano.json"),
        config,
        examples,
        resume=options.resume,
        until=options.until,
    )
    return {"step": trainer.progress.step}


def run_copy_synthesis(options: argparse.Namespace) -> dict[str, float]:
    """Evaluate the codec on voices outside the training data."""
    from vibevoice_nb.bench.judges import WhisperRecognizer
    from vibevoice_nb.bench.references import read_clips

    weights = options.start_from or options.work_dir / "codec.safetensors"
    shape = read_shape(CONFIGS / "nano.json")
    net = None if options.originals else copy_synthesis.load_codec(weights, shape)
    clips = read_clips(options.clips)
    return copy_synthesis.measure(clips, net, WhisperRecognizer(options.whisper), options.out)


def run_lexicon(options: argparse.Namespace) -> dict[str, float]:
    """Write the lexicon of the front end."""
    return lexicon.build(options.source, options.out or lexicon.PACKAGE)


def run_letters(options: argparse.Namespace) -> dict[str, float]:
    """Train and evaluate letter-to-sound."""
    config = read_config(letters.LettersConfig, options.config or CONFIGS / "letters.json")
    return letters.build(options.work_dir, options.out or lexicon.PACKAGE, config)


def run_names(options: argparse.Namespace) -> dict[str, float]:
    """Write the lexicon of names."""
    return lexicon.build_names(options.source, options.out or lexicon.PACKAGE)


def run_agreement(options: argparse.Namespace) -> dict[str, float]:
    """Compare the front end with the teacher's phones."""
    figures, differences = agreement.compare(speech.Speech(options.work_dir).rows)
    if options.out:
        lines = [f"{count}\t{ours}\t{theirs}" for (ours, theirs), count in differences.most_common()]
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return figures


def run_choose_voices(options: argparse.Namespace) -> dict[str, float]:
    """Propose people for the named voices."""
    people = None
    if options.source:
        listed = json.loads(options.source.read_text(encoding="utf-8"))
        people = {entry["person"]: entry for entry in listed}
    everyone = corpus.PersonCorpus(options.work_dir)
    found = voices.candidates(everyone, np.load(options.work_dir / "voices.npy"), people)
    for one in voices.choose(found, voices.COUNT):
        print(one.person, one.sex, f"{one.pitch:.0f} Hz", everyone.speech.rows[one.utterance]["text"])
    return {"candidates": len(found)}


def run_export(options: argparse.Namespace) -> dict[str, float]:
    """Write a checkpoint folder."""
    return export.export(options.work_dir, options.out, given=options.start_from)


def run_card(options: argparse.Namespace) -> dict[str, float]:
    """Fill in the model card of a checkpoint folder."""
    return export.fill_card(options.out, options.figures)


STAGES: dict[str, Callable[[argparse.Namespace], dict[str, float]]] = {
    "speech": run_speech,
    "latents": run_latents,
    "encoder": run_encoder,
    "codec": run_codec,
    "copy-synthesis": run_copy_synthesis,
    "land": run_land,
    "restore": run_restore,
    "encode": run_encode,
    "semantic": run_semantic,
    "pack": run_pack,
    "voices": run_voices,
    "language": run_language,
    "distil": run_distil,
    "lexicon": run_lexicon,
    "letters": run_letters,
    "names": run_names,
    "agreement": run_agreement,
    "choose-voices": run_choose_voices,
    "export": run_export,
    "card": run_card,
}


def main() -> None:
    """Run one stage; the last line is one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m vibevoice_nb.training.nano2", description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--work-dir", type=Path, default=Path("nano-work"))
    parser.add_argument("--config", type=Path, help="default: that of the stage in configs/")
    parser.add_argument(
        "--source",
        type=Path,
        help="speech: folder of the shards; lexicon: folder of us_gold.json and us_silver.json; "
        "names: cmudict.dict; choose-voices: people.json of the teacher speech",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="resume from the state in the work folder; codec: or from checkpoints/",
    )
    parser.add_argument(
        "--start-from",
        type=Path,
        help="encoder: checkpoint folder, codec: initial weights; copy-synthesis: weights to evaluate; "
        "export: weights of the language model",
    )
    parser.add_argument(
        "--clips", type=Path, help="copy-synthesis: recordings of voices outside the training data"
    )
    parser.add_argument(
        "--whisper", default="base", help="copy-synthesis: hub id or folder of a Whisper model"
    )
    parser.add_argument(
        "--originals", action="store_true", help="copy-synthesis: evaluate the clips themselves"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="copy-synthesis: folder for the decoded audio; lexicon, letters, names: folder (default: in the "
        "package); agreement: file for the differences; export, card: the checkpoint folder; pack: the file",
    )
    parser.add_argument("--figures", type=Path, help="card: output of the benchmark")
    parser.add_argument("--until", type=int, help="training stages: stop before this step")
    options = parser.parse_args()
    print(json.dumps(STAGES[options.stage](options)))


if __name__ == "__main__":
    main()
