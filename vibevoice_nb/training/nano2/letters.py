"""Training of letter-to-sound: phones with stress of words that the lexicon does not have.

``python -m vibevoice_nb.training.nano2 letters --work-dir W`` trains a small convolutional network on the
lexicon, without 2,000 held-out words, evaluates it on those, and writes
``vibevoice_nb/nano/stress/letters.npz``.

Each letter gives two slots, each a unit (a phone, with the stress mark if it has one) or none: connectionist
temporal classification, so no alignment of letters and phones is needed.

Shapes: B words of T letters, C channels, U units; unit 0 is "none".
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vibevoice_nb.nano.stress.letters import FILE, LETTERS, SLOTS, LetterToSound, units_of
from vibevoice_nb.nano.stress.lexicon import lexicon
from vibevoice_nb.nano.stress.symbols import STRESS


@dataclasses.dataclass(frozen=True)
class LettersConfig:
    """Contents of ``configs/letters.json``."""

    channels: int
    layers: int
    kernel: int
    dropout: float
    held_out: int
    epochs: int
    batch: int
    learning_rate: float
    seed: int


class Network(nn.Module):
    """Residual convolutions over the letters of a word; see `LetterToSound` for the same in numpy."""

    def __init__(self, config: LettersConfig, units: int) -> None:
        super().__init__()
        size = config.channels
        self.embedding = nn.Embedding(len(LETTERS), size)
        self.norms = nn.ParameterList(torch.ones(size) for _ in range(config.layers + 1))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(size, size, config.kernel, padding=config.kernel // 2) for _ in range(config.layers)
        )
        self.head = nn.Linear(size, SLOTS * units)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, ids: Tensor) -> Tensor:
        """Return log-probabilities [B, 2 * T, U]."""
        x = self.embedding(ids)
        for norm, convolution in zip(self.norms, self.convolutions, strict=False):
            y = F.relu(_normal(x) * norm)
            x = x + self.dropout(convolution(y.transpose(1, 2)).transpose(1, 2))
        logits = self.head(_normal(x) * self.norms[-1])
        return logits.reshape(len(ids), ids.shape[1] * SLOTS, -1).log_softmax(-1)


def _normal(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5)


def usable(entries: Mapping[str, str]) -> dict[str, str]:
    """Return words and default phones that the network can learn: only letters, with enough slots."""
    found = {}
    for word, entry in entries.items():
        phones = entry.split(" ")[0]
        units = units_of(phones)
        repeats = sum(one == two for one, two in itertools.pairwise(units))
        if re.fullmatch("[a-z]{3,}", word) and len(units) + repeats <= SLOTS * len(word):
            found[word] = phones
    return found


def split(words: Mapping[str, str], config: LettersConfig) -> tuple[list[str], list[str]]:
    """Return words for training, and held-out ones."""
    held_out = random.Random(config.seed).sample(sorted(words), config.held_out)
    out = set(held_out)
    return [word for word in words if word not in out], held_out


def batches(words: Sequence[str], config: LettersConfig, rng: random.Random) -> list[list[str]]:
    """Group words of equal length, in random order."""
    by_length: dict[int, list[str]] = defaultdict(list)
    for word in words:
        by_length[len(word)].append(word)
    groups = []
    for pool in by_length.values():
        rng.shuffle(pool)
        groups += [pool[i : i + config.batch] for i in range(0, len(pool), config.batch)]
    rng.shuffle(groups)
    return groups


def train(
    words: Mapping[str, str], training: Sequence[str], config: LettersConfig, log: Path
) -> LetterToSound:
    """Train; every 200 steps a line is added to `log`."""
    torch.manual_seed(config.seed)
    rng = random.Random(config.seed)
    names = ["", *sorted({unit for phones in words.values() for unit in units_of(phones)})]
    ids = {unit: i for i, unit in enumerate(names)}
    net = Network(config, len(names))
    optimizer = torch.optim.AdamW(
        net.parameters(), config.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    plan = [group for _ in range(config.epochs) for group in batches(training, config, rng)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=len(plan), pct_start=0.1
    )
    started = time.process_time()
    for step, group in enumerate(plan, start=1):
        targets = [[ids[unit] for unit in units_of(words[word])] for word in group]
        log_probs = net(torch.tensor([[LETTERS.index(char) for char in word] for word in group]))
        loss = F.ctc_loss(
            log_probs.transpose(0, 1),
            torch.tensor([unit for target in targets for unit in target]),
            torch.full((len(group),), log_probs.shape[1]),
            torch.tensor([len(target) for target in targets]),
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 200 == 0 or step == len(plan):
            line = {"step": step, "of": len(plan), "loss": round(loss.item(), 4)}
            line["cpu"] = round(time.process_time() - started, 1)
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
    return to_numpy(net, names)


@torch.no_grad()
def to_numpy(net: Network, names: Sequence[str]) -> LetterToSound:
    """Return the network with weights in eight bits."""
    return LetterToSound(
        tuple(names),
        net.embedding.weight.numpy(),
        [norm.numpy() for norm in net.norms],
        [_arrays(conv) for conv in net.convolutions],
        (net.head.weight.T.numpy(), net.head.bias.numpy()),
    )


def _arrays(convolution: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    """Return weight [K, C, C] and bias [C]."""
    values = dict(convolution.named_parameters())
    return values["weight"].permute(2, 1, 0).numpy(), values["bias"].numpy()


def evaluate(model: LetterToSound, words: Mapping[str, str], held_out: Sequence[str]) -> dict[str, float]:
    """Compare the model's phones of held-out words with the lexicon's.

    Returns
    -------
    dict
        ``words``; in percent: ``phone_errors`` (edit distance over the number of phones, without stress),
        ``words_right`` without stress, and ``stressed_words_right`` with it.
    """
    errors = phones = right = stressed = 0
    for word in held_out:
        said, wanted = model(word), words[word]
        plain, plain_wanted = (re.sub(f"[{STRESS}]", "", one) for one in (said, wanted))
        errors += edit_distance(plain, plain_wanted)
        phones += len(plain_wanted)
        right += plain == plain_wanted
        stressed += said == wanted
    share = 100 / len(held_out)
    return {
        "words": len(held_out),
        "phone_errors": round(100 * errors / phones, 2),
        "words_right": round(share * right, 1),
        "stressed_words_right": round(share * stressed, 1),
    }


def edit_distance(first: str, second: str) -> int:
    """Return the smallest number of insertions, deletions and substitutions between two strings.

    >>> edit_distance("kæt", "kæts"), edit_distance("", "ab")
    (1, 2)
    """
    row = list(range(len(second) + 1))
    for i, one in enumerate(first, start=1):
        diagonal, row[0] = row[0], i
        for j, two in enumerate(second, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (one != two))
    return row[-1]


def build(work_dir: Path, out: Path, config: LettersConfig) -> dict[str, float]:
    """Train on the lexicon, write ``letters.npz`` and evaluate the weights as they are stored."""
    words = usable(lexicon())
    training, held_out = split(words, config)
    work_dir.mkdir(parents=True, exist_ok=True)
    train(words, training, config, work_dir / "letters.log.jsonl").save(out / FILE)
    model = LetterToSound.load((out / FILE).read_bytes())
    return evaluate(model, words, held_out) | {"bytes": (out / FILE).stat().st_size}
