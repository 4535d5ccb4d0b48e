"""`Batch`: runs that advance together, a frame at a time; they join and leave between frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack

from ..errors import OptionError
from ..model.generation.cuda_graphs import GraphedFrame
from ..model.generation.loop import step_scripts
from ..model.generation.sampler import Sampler
from ..model.generation.state import GenerationState
from ..model.generation.step import Choose, Given, Step, from_seed, likeliest
from .interface import Audio, Cancelled, never
from .loaded_model import LoadedModel
from .options import GenerationOptions
from .run import SpeechRun

_Key = tuple[object, ...]


class Batch:
    """Runs of one model that advance together.

    A run joins at any time, and leaves when it is finished or halted, or on request. Runs with the same
    options of the sampler are computed in one batch, the others one group after the other. A small model on a
    CPU gives each run the same audio, bit for bit, whatever runs beside it; larger models, and GPUs,
    differ by rounding.

    Parameters
    ----------
    model : LoadedModel
    growing : bool
        Keep room for runs that join, so that fewer CUDA graphs are captured: one for each power of two.

    Examples
    --------
    >>> from vibevoice_nb import Engine, parse_script
    >>> model = Engine.load("nano").loaded
    >>> turns = parse_script("Speaker 1: Good morning.").turns
    >>> first, second = (SpeechRun.whole(model, turns, {}, model.defaults.updated({"seed": 1})) for _ in "12")
    >>> batch = Batch(model)
    >>> batch.join(first)
    >>> batch.begin([first])
    >>> frames = [batch.step() for _ in range(3)]
    >>> batch.join(second)
    >>> while batch.runs:
    ...     batch.begin(batch.waiting)
    ...     _ = batch.step()
    >>> first.ended, len(first.frames) == len(second.frames)
    ('finished', True)
    """

    def __init__(self, model: LoadedModel, *, growing: bool = False) -> None:
        self.model = model
        self._growing = growing
        self._runs: list[SpeechRun] = []
        self._slots: dict[_Key, _Slots] = {}

    @property
    def runs(self) -> list[SpeechRun]:
        """Runs that are neither finished nor halted."""
        self._runs = [run for run in self._runs if not run.done and not run.halted]
        return list(self._runs)

    @property
    def waiting(self) -> list[SpeechRun]:
        """Runs whose next passage has not begun."""
        return [run for run in self.runs if not run.speaking]

    def join(self, run: SpeechRun) -> None:
        """Add a run.

        Raises
        ------
        OptionError
            If it belongs to another model.
        """
        if run.model is not self.model:
            raise OptionError(f"a run of {run.model}", f"one of {self.model}", "make it with this engine")
        self._runs.append(run)

    def leave(self, run: SpeechRun) -> None:
        """Remove a run, which can be continued later; one that has left already is no error."""
        self._runs = [other for other in self._runs if other is not run]

    def begin(self, runs: Iterable[SpeechRun]) -> None:
        """Read the prompts of runs whose next passage has not begun."""
        for run in runs:
            run.begin_passage()

    def step(self) -> list[tuple[SpeechRun, Audio]]:
        """Advance every run that has begun by a step; return the audio of frames and pauses."""
        made = self.rest()
        groups: dict[_Key, list[SpeechRun]] = {}
        for run in self.runs:
            if run.speaking:
                groups.setdefault(sampler_key(run.options), []).append(run)
        for key in [key for key in self._slots if key not in groups]:
            self._slots.pop(key).close()
        for key, runs in groups.items():
            for run, step in self._advance(key, runs):
                made += [(run, audio) for audio in run.take(step)]
        return made

    def rest(self) -> list[tuple[SpeechRun, Audio]]:
        """Return the pauses that are due."""
        return [(run, audio) for run in self._runs if not run.full for audio in run.rest()]

    def close(self) -> None:
        """Release the CUDA graphs."""
        while self._slots:
            self._slots.popitem()[1].close()

    def _advance(self, key: _Key, runs: Sequence[SpeechRun]) -> Iterator[tuple[SpeechRun, Step]]:
        """Run a step of a group; frames that are given are not part of a graph."""
        pool = self.model.graph_pool
        given = {run: found for run in runs if (found := run.given()) is not None}
        fresh = [run for run in runs if run not in given]
        if pool is None or not fresh:
            yield from self._plain(runs, given)
            return
        if key not in self._slots:
            self._slots[key] = _Slots(self.model, self.model.sampler(runs[0].options), self._growing)
        steps = self._slots[key].step(fresh)
        yield from self._plain(fresh, {}) if steps is None else steps
        if given:
            yield from self._plain(list(given), given)

    def _plain(
        self, runs: Sequence[SpeechRun], given: dict[SpeechRun, Given]
    ) -> Iterator[tuple[SpeechRun, Step]]:
        special, options = self.model.tokenizer.special, runs[0].options
        steps = step_scripts(
            self.model.model,
            [run.state for run in runs],
            range(len(runs)),
            self.model.sampler(options),
            special,
            options.temperature,
            _chooser(dict(enumerate(runs)), special.valid_tokens.index(special.frame)),
            from_seed,
            {row: given[run] for row, run in enumerate(runs) if run in given},
        )
        return zip(runs, steps, strict=True)


class _Slots:
    """CUDA graphs for a group of runs: some of its slots are not in use."""

    def __init__(self, model: LoadedModel, sampler: Sampler, growing: bool) -> None:
        self.model, self.sampler, self.growing = model, sampler, growing
        self._states: list[GenerationState] = []
        self._graphed: GraphedFrame | None = None
        self._borrowed = ExitStack()

    def step(self, runs: Sequence[SpeechRun]) -> list[tuple[SpeechRun, Step]] | None:
        """Run one step of some runs; None if another generation uses the graphs."""
        places = {id(state): row for row, state in enumerate(self._states)}
        if any(id(run.state) not in places for run in runs):
            self._attach([run.state for run in runs])
            places = {id(state): row for row, state in enumerate(self._states)}
        if self._graphed is None:
            return None
        at = {places[id(run.state)]: run for run in runs}
        special = self.model.tokenizer.special
        choose = _chooser(at, special.valid_tokens.index(special.frame))
        steps = self._graphed.step(sorted(at), runs[0].options.temperature, choose, from_seed)
        return [(at[step.row], step) for step in steps]

    def _attach(self, states: Sequence[GenerationState]) -> None:
        self.close()
        pool, network = self.model.graph_pool, self.model.model
        assert pool is not None
        room = 1 << (len(states) - 1).bit_length() if self.growing else len(states)
        parked = [GenerationState.new(network, 0) for _ in range(room - len(states))]
        self._states = [*states, *parked]
        special = self.model.tokenizer.special
        self._graphed = self._borrowed.enter_context(
            pool.borrow(network, self._states, self.sampler, special)
        )

    def close(self) -> None:
        """Let other generations use the graphs."""
        self._borrowed.close()
        self._states, self._graphed = [], None


def generate_batch(
    runs: Sequence[SpeechRun], cancelled: Cancelled = never
) -> Iterator[tuple[SpeechRun, Audio]]:
    """Advance runs together until all have ended: yield (run, audio), a frame or a pause at a time.

    The runs share a model. When `cancelled` returns True, the audio of the current step is still yielded for
    every run, so that each can be resumed without a gap.
    """
    if not runs:
        return
    batch = Batch(runs[0].model)
    for run in runs:
        batch.join(run)
    try:
        while not cancelled():
            yield from batch.rest()
            if not batch.runs:
                return
            if waiting := batch.waiting:
                batch.begin(waiting)
                if cancelled():  # reading a long prompt takes a while
                    return
            yield from batch.step()
    finally:
        batch.close()


def sampler_key(options: GenerationOptions) -> _Key:
    """Return the options that runs of one group share."""
    return options.cfg_scale, options.num_steps, options.solver, options.temperature


def _chooser(runs: dict[int, SpeechRun], frame: int) -> Choose:
    """Return the choice of tokens for runs by row; `frame` is the index of the frame's token.

    Runs with pauses take the likeliest token, which a GPU does without host synchronization.
    """
    if not any(run.plan.gapless for run in runs.values()):
        return likeliest
    return lambda row, logits: frame if runs[row].needs_frame else likeliest(row, logits)
