"""Export of nano 2 as a checkpoint folder in the original layout.

``python -m vibevoice_nb.training.nano2 export --work-dir W --out FOLDER`` writes config.json,
model.safetensors, tokenizer.json, generation.json, voices/, TRAINING_LOG.jsonl and MODEL_CARD.md, from
``distil.safetensors`` if there is one, or else from ``language.safetensors`` (``--start-from FILE`` names
another). ``card --out FOLDER --figures FILE`` fills in the model card from the last line of
``vibevoice_nb.bench.intelligibility``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from vibevoice_nb.errors import OptionError
from vibevoice_nb.model.vibevoice import VibeVoiceModel
from vibevoice_nb.training.common import initialize, load_part, read_config, read_shape
from vibevoice_nb.training.export import (
    half_weights,
    load_language,
    write_checkpoint,
    write_log,
    write_voices,
)

from . import phones
from .copy_synthesis import load_codec
from .distil import DistilConfig
from .speech import Speech
from .voices import named_voices

FOLDER = Path(__file__).parent
CONFIGS = FOLDER / "configs"
CARD = FOLDER / "MODEL_CARD.template.md"
PARTS = ("encoder", "codec", "semantic", "language", "distil")
_FIELD = re.compile(r"\{(\w+)\}")
# The sum of all weights in 16 bits is 24.5 MB; these make it 23.8. Their rounding changes latents by 3 % of
# their standard deviation, and training puts noise of up to 20 % on prompts.
_IN_EIGHT_BITS = re.compile(r"model\.acoustic_tokenizer\.encoder\..*\.ffn\.linear\d\.weight")


def in_eight_bits(name: str) -> bool:
    """Return True for the weights that are stored in eight bits."""
    return _IN_EIGHT_BITS.fullmatch(name) is not None


def language_weights(work_dir: Path, given: Path | None = None) -> Path:
    """Return the file of the language model to export.

    Raises
    ------
    OptionError
        If there is none.
    """
    choices = [given] if given else [work_dir / f"{name}.safetensors" for name in ("distil", "language")]
    found = next((path for path in choices if path.exists()), None)
    if found is None:
        raise OptionError(
            f"no {' and no '.join(path.name for path in choices)} in {work_dir.name}",
            "a trained language model",
            "run the stage language first",
        )
    return found


def assemble(work_dir: Path, config: Path, language: Path) -> VibeVoiceModel:
    """Build the model from the weights that the stages wrote to `work_dir`."""
    shape = read_shape(config)
    model = VibeVoiceModel(shape, tied=True)
    initialize(model)
    model.acoustic.load_state_dict(load_codec(work_dir / "codec.safetensors", shape).state_dict())
    load_part(model.semantic, work_dir / "semantic.safetensors", "encoder.")
    load_language(model, language)
    with np.load(work_dir / "encode.npz", allow_pickle=False) as data, torch.no_grad():
        model.latent_scale.fill_(float(data["scale"]))
        model.latent_bias.fill_(float(data["bias"]))
    return model


def generation_settings(distilled: bool) -> dict[str, object]:
    """Return the contents of generation.json; guidance and steps of a distilled model are in its weights."""
    settings: dict[str, object] = json.loads((CONFIGS / "generation.json").read_text(encoding="utf-8"))
    if distilled:
        config = read_config(DistilConfig, CONFIGS / "distil.json")
        settings |= {"cfg_scale": 1.0, "num_steps": config.num_steps}
    return settings


def export(
    work_dir: Path,
    out: Path,
    *,
    given: Path | None = None,
    config: Path | None = None,
    voices: Path | None = None,
) -> dict[str, float]:
    """Write the checkpoint.

    Parameters
    ----------
    work_dir : Path
        Outputs of the stages.
    out : Path
    given : Path, optional
        Weights of the language model.
    config : Path, optional
        config.json of the model; default: that in ``configs/``.
    voices : Path, optional
        List of named voices; default: that in ``configs/``.

    Returns
    -------
    dict
        ``bytes`` of model.safetensors, and the number of ``voices``.
    """
    config, language = config or CONFIGS / "nano.json", language_weights(work_dir, given)
    weights = half_weights(assemble(work_dir, config, language), in_eight_bits=in_eight_bits)
    size = write_checkpoint(weights, config, phones.ALPHABET, out)
    settings = generation_settings(distilled=language.name.startswith("distil"))
    (out / "generation.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    named = named_voices(Speech(work_dir), voices or CONFIGS / "voices.json")
    write_voices(named, out / "voices")
    write_log(work_dir, PARTS, out / "TRAINING_LOG.jsonl")
    write_card(out, {"megabytes": f"{size / 1e6:.1f}", "millions": f"{_parameters(weights) / 1e6:.1f}"})
    return {"bytes": size, "voices": len(named)}


def _parameters(weights: Mapping[str, torch.Tensor]) -> int:
    return sum(tensor.numel() for tensor in weights.values())


def write_card(out: Path, figures: Mapping[str, object]) -> list[str]:
    """Fill figures in the model card in `out`, or in the template if there is none.

    Returns
    -------
    list of str
        Names of the figures that are still missing.
    """
    card = out / "MODEL_CARD.md"
    text = (card if card.exists() else CARD).read_text(encoding="utf-8")
    filled = _FIELD.sub(lambda match: str(figures.get(match[1], match[0])), text)
    card.write_text(filled, encoding="utf-8")
    return sorted(set(_FIELD.findall(filled)))


def fill_card(out: Path, figures: Path) -> dict[str, float]:
    """Fill in the model card from the last line of the benchmark's output."""
    measured = json.loads(figures.read_text(encoding="utf-8").strip().splitlines()[-1])
    missing = write_card(out, measured)
    if missing:
        print("still missing:", ", ".join(missing))
    return {"missing": len(missing)}
