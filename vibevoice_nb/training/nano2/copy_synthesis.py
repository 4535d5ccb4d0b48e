"""Copy synthesis of voices outside the training data: the quality gate before the language model.

``python -m vibevoice_nb.training.nano2 copy-synthesis --work-dir nano-work --clips tests/data/reserved_voices
--whisper base``

For every voice, the first half of the clips is encoded and decoded; the second half serves as reference for
speaker similarity.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import torch
from safetensors.torch import load_file

from vibevoice_nb.bench.following import direction
from vibevoice_nb.bench.judges import Naturalness, SpeakerEmbedding, own_and_others
from vibevoice_nb.bench.recognizers import Listener, Score, score
from vibevoice_nb.bench.references import Clip, mean_pitch, semitones
from vibevoice_nb.model.codec import AcousticCodec
from vibevoice_nb.model.config import SAMPLE_RATE, ModelConfig
from vibevoice_nb.training.frames import HOP_LENGTH


@torch.inference_mode()
def through_codec(codec: AcousticCodec, audio: np.ndarray) -> np.ndarray:
    """Return audio [N] float32, encoded and decoded."""
    padded = np.pad(audio, (0, -len(audio) % HOP_LENGTH))
    latents = codec.encode(torch.from_numpy(padded)[None, None])
    return codec.decode(latents)[0, 0].numpy()[: len(audio)]


def load_codec(path: Path, shape: ModelConfig) -> AcousticCodec:
    """Load the codec of `shape` from `path` (any dtype, other tensors ignored) in float32."""
    codec = AcousticCodec(shape.acoustic)
    parts = load_file(str(path))
    codec.load_state_dict({name: parts[name].float() for name in codec.state_dict()})
    return codec.eval().requires_grad_(False)


def measure(
    clips: list[Clip], codec: AcousticCodec | None, listener: Listener, out: Path | None = None
) -> dict[str, float]:
    """Evaluate the copies, or the clips themselves if `codec` is None.

    Returns
    -------
    dict
        ``wer`` in percent with its standard error, ``mos`` (DistilMOS), similarity to the ``own`` voice and
        to ``others``, and ``pitch_error`` in semitones.
    """
    natural, embed = Naturalness(), SpeakerEmbedding()
    voices = sorted({clip.voice for clip in clips})
    said = {voice: [clip for clip in clips if clip.voice == voice] for voice in voices}
    total, scores, errors, embeddings, references = Score(), [], [], [], []
    for voice, own in said.items():
        half = len(own) // 2
        copies = [clip.audio if codec is None else through_codec(codec, clip.audio) for clip in own[:half]]
        total += score(copies, [clip.text for clip in own[:half]], recognizer=listener)
        scores += [natural(copy) for copy in copies]
        for clip, copy in zip(own, copies, strict=False):
            errors.append(semitones(mean_pitch([copy]), mean_pitch([clip.audio])))
        embeddings.append(direction([embed(copy) for copy in copies]))
        references.append(direction([embed(clip.audio) for clip in own[half:]]))
        for index, copy in enumerate(copies if out is not None else []):
            assert out is not None
            out.mkdir(parents=True, exist_ok=True)
            soundfile.write(out / f"{voice}-{index}.wav", np.clip(copy, -1, 1), SAMPLE_RATE)
    similar, different = own_and_others(embeddings, references)
    return {
        "clips": len(scores), "wer": round(total.wer, 2), "wer_se": round(total.standard_error, 2),
        "mos": round(float(np.mean(scores)), 3),
        "mos_se": round(float(np.std(scores) / len(scores) ** 0.5), 3),
        "own": round(similar, 3), "others": round(different, 3),
        "pitch_error": round(float(np.mean(errors)), 2),
    }  # fmt: skip
