"""`Engine`: generates speech. Scripts and voices in, audio out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..audio.sinks import MemorySink, Sink
from ..errors import OptionError
from ..model.loading.checkpoint import NANO
from ..progress import progress_bar
from ..ranges import GENERATION, shown
from ..script import Diagnostic, Script, Turn, parse_script
from ..script.pronunciation import AS_WRITTEN, Pronunciation
from ..script.speakable import check_script
from ..voices.casting import Voices, stand_ins
from ..voices.voice import Voice
from .attempts import best_of, check_attempts
from .delivery import Report, fill_sinks
from .facts import ModelFacts
from .frames import Spoken
from .interface import Cancelled, Run, never
from .options import GenerationOptions, GenerationSettings, Progress
from .remote.address import is_address
from .request import speech_request
from .speech import Speech

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..model.kernels.quantized import Quantize
    from ..model.prompt import Prompt
    from ..review import Recognizer
    from ..script.clauses import Unit
    from .cluster.tasks import LoadingOptions
    from .live_text.inbox import TextSource
    from .live_text.text_stream import TextStream


class Engine(ModelFacts):
    """Speech generation with one model, in memory or on a server.

    Create one with `Engine.load` or `Engine.connect`.

    Parameters
    ----------
    source : LoadedModel or RemoteModel

    Examples
    --------
    >>> engine = Engine.load("nano")
    >>> engine
    <Engine 'nano' on ..., float32>
    >>> speech = engine.speak("Speaker 1: Good morning.", seed=1)
    >>> speech.ended, speech.sample_rate
    ('finished', 24000)
    """

    @classmethod
    def load(
        cls,
        model: str | Path = NANO,
        *,
        device: str = "auto",
        dtype: str = "auto",
        revision: str | None = None,
        mirrors: Sequence[str] | None = None,
        quantize: Quantize | None = None,
        progress: bool | Callable[[float], None] | None = None,
    ) -> Engine:
        """Load a model.

        Parameters
        ----------
        model : str or Path
            ``"nano"`` (the embedded model), a folder, a hub id such as ``"microsoft/VibeVoice-1.5B"``, or the
            address of a server, see `connect`.
        device : str
            ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
        dtype : str
            ``"auto"``, ``"float32"``, ``"bfloat16"``, ``"float16"``.
        revision : str, optional
            Branch, tag or commit of the hub repository.
        mirrors : sequence of str, optional
            Repositories to try if the first is not available; by default its known mirrors, none if empty. A
            warning, `Engine.mirror` and `Engine.revision` name the one that was used.
        quantize : {"int8", "int4"}, optional
            Keep the language model's layers, most of the model, in 8 or 4 bits to save memory.
        progress : bool or callable, optional
            True shows a progress bar. A callable is called with the fraction completed, from 0 to 1; the last
            tenth, on CUDA, is the capture of graphs.

        Returns
        -------
        Engine

        Raises
        ------
        CheckpointError, ConfigError, DeviceError, OptionError
        """
        if is_address(model):
            return cls.connect(str(model))
        from .loading import load_model

        with progress_bar(progress, f"Loading {shown(model)}", lambda fraction: (fraction, 1.0)) as report:
            return cls(
                load_model(
                    model,
                    device=device,
                    dtype=dtype,
                    revision=revision,
                    mirrors=mirrors,
                    quantize=quantize,
                    progress=report or (lambda fraction: None),
                )
            )

    @staticmethod
    def on_ray(
        model: str | Path = NANO,
        *,
        address: str = "",
        workers: int | None = None,
        batch_size: int | None = None,
        **loading: Unpack[LoadingOptions],
    ) -> AbstractContextManager[Engine]:
        """Return an engine, within a ``with`` block, whose model runs in workers on a Ray cluster.

        `speak_many`, and several takes or settings of a project, use all workers at once. A script that a
        lost worker has begun is generated again by another one.

        Parameters
        ----------
        model : str or Path
            A folder must exist on every node.
        address : str
            ``"local"`` starts a cluster on this machine, ``"auto"`` finds that of this node, ``"HOST:PORT"``
            is the head of a cluster; by default, the environment's `RAY_ADDRESS`, or ``"local"``.
        workers : int, optional
            By default one for each GPU; without GPUs, one for each core with nano, else one for each node.
        batch_size : int, optional
            Scripts that a worker generates together. By default at most 4, and fewer if workers would have
            none.
        **loading
            `device`, `dtype`, `quantize`, `revision` and `mirrors`; see `Engine.load`.

        Raises
        ------
        OptionError
            If ray is not installed, or the address is not valid.
        ServerError
            If there is no cluster, or its workers end.
        CheckpointError, DeviceError
            If the workers cannot load the model.
        """
        from .cluster.model import on_ray

        return on_ray(model, address=address, workers=workers, batch_size=batch_size, **loading)

    @classmethod
    def connect(
        cls, address: str | None = None, *, token: str | None = None, insecure: bool | None = None
    ) -> Engine:
        """Connect to a server, which was started with `vibevoice-nb serve`.

        The engine has the interface of a loaded one, and gives the same audio. Scripts, recordings and frames
        are sent to the server; projects and takes stay here. A broken connection is opened again, and the
        audio continues without a gap.

        Parameters
        ----------
        address : str, optional
            For example ``"https://gpu.example.org:8000"``; by default that of the environment,
            `VIBEVOICE_NB_SERVER`.
        token : str, optional
            By default, for the address in `VIBEVOICE_NB_SERVER` only, that in `VIBEVOICE_NB_TOKEN`. It is not
            written to any file.
        insecure : bool, optional
            Accept http:// to another machine, which sends everything unencrypted.

        Returns
        -------
        Engine

        Raises
        ------
        ServerError
            If the server cannot be reached, rejects the token, or has another version.
        OptionError
            If the address is not valid.
        """
        from .remote.model import RemoteModel

        return cls(RemoteModel.connect(address, token=token, insecure=insecure))

    def speak(
        self,
        script: str | Script,
        voices: Voices | None = None,
        *,
        sink: Sink | None = None,
        progress: bool | Report | None = None,
        cancelled: Cancelled | None = None,
        pronunciation: Pronunciation | Mapping[str, str] | None = None,
        review: bool | str | Recognizer = False,
        attempts: int = 1,
        **options: Unpack[GenerationSettings],
    ) -> Speech:
        r"""Generate the speech of a script.

        Parameters
        ----------
        script : str or Script
            For example ``"Speaker 1: Hello.\nSpeaker 2: Hi!"``. A script of more than four speakers is
            generated in passages of at most four; a warning says where they begin.
        voices : mapping from speaker to voice, or sequence of voices, optional
            A voice is a built-in name, a name in the library, a file, a `Voice` or samples at 24 kHz. A
            sequence is in the order of the speakers' numbers; a single voice is enough for one speaker. By
            default the built-in voices, in order, and again from the first if there are more speakers (for
            VibeVoice-Realtime, the voice prompts in the library); ``{}`` lets the model invent voices.
        sink : Sink, optional
            Receives the audio while it is generated, 24 kHz; by default the result keeps it.
        progress : bool or callable, optional
            True shows a progress bar. A callable is called with a `Progress` after every frame.
        cancelled : callable, optional
            Called before every step of the model; if it returns True, generation stops and keeps the audio so
            far.
        pronunciation : Pronunciation or mapping from word to reading, optional
            Words that are said another way, such as ``{"Nguyen": "win"}``, and spoken forms of numbers.
        review : bool, str or Recognizer
            Compare the words of the audio with the script: True for the default recognizer, or the name of
            one (see `review.load_recognizer`). The result is `Speech.review()`.
        attempts : int
            With more than one, a speech in which a word differs is generated again with another seed, up to
            this often; the result is the one with the best score.
        **options
            See `GenerationOptions`.

        Returns
        -------
        Speech

        Raises
        ------
        ScriptError, VoiceError, OptionError, AudioError, LexiconError
        """
        sinks = None if sink is None else [sink]

        def speak(settings: GenerationSettings) -> Speech:
            return self.speak_many(
                [script],
                voices,
                sinks=sinks,
                progress=progress,
                cancelled=cancelled,
                pronunciation=pronunciation,
                **settings,
            )[0]

        if review is False and attempts == 1:
            return speak(options)
        check_attempts(attempts, sink)
        return best_of(speak, options, attempts, None if isinstance(review, bool) else review, cancelled)

    def speak_many(
        self,
        scripts: Sequence[str | Script],
        voices: Voices | None = None,
        *,
        sinks: Sequence[Sink] | None = None,
        progress: bool | Report | None = None,
        cancelled: Cancelled | None = None,
        pronunciation: Pronunciation | Mapping[str, str] | None = None,
        **options: Unpack[GenerationSettings],
    ) -> list[Speech]:
        """Generate the speech of several scripts in one batch; see `speak`.

        The result of each is that of a single run with the same seed.
        """
        if not _is_list(scripts):
            raise OptionError(
                f"scripts of type {type(scripts).__name__}", "a list of scripts", "use `speak` for one script"
            )
        if sinks is None:
            sinks = [MemorySink() for _ in scripts]
        if len(sinks) != len(scripts):
            raise OptionError(
                f"{len(sinks)} sinks for {len(scripts)} scripts", "one per script", "pass as many, or none"
            )
        chosen = self.defaults.updated(options).seeded()
        said = Pronunciation.of(pronunciation)
        requests = [speech_request(self, script, voices, chosen, said) for script in scripts]
        with _speaking_bar(progress) as report:
            fill_sinks(self._source, [request.run for request in requests], sinks, report, cancelled)
        return [request.speech(_audio_of(sink)) for request, sink in zip(requests, sinks, strict=True)]

    def stream(
        self,
        script: str | Script,
        voices: Voices | None = None,
        *,
        pronunciation: Pronunciation | Mapping[str, str] | None = None,
        **options: Unpack[GenerationSettings],
    ) -> Iterator[NDArray[np.float32]]:
        """Return an iterator over the audio, frame by frame (float32 [3200], 24 kHz, 133 ms); see `speak`.

        This call raises the errors of `speak`, before the first frame is generated. Stop iterating to stop
        generating.
        """
        said = Pronunciation.of(pronunciation)
        request = speech_request(self, script, voices, self.defaults.updated(options).seeded(), said)
        return _audio_from(request.run)

    def stream_text(
        self,
        source: TextSource,
        voices: Voices | None = None,
        *,
        unit: Unit = "clause",
        pronunciation: Pronunciation | Mapping[str, str] | None = None,
        **options: Unpack[GenerationSettings],
    ) -> TextStream:
        r"""Speak a text while it is written: the tokens of a language model, a socket, typing.

        Parameters
        ----------
        source : iterator, async iterator or queue.Queue of str
            Pieces of text of any length; None in a queue ends the text. A line may begin with the label of a
            speaker, as in ``"Anna: Hello."``.
        voices : mapping from speaker to voice, or sequence of voices, optional
            With a mapping, its names (and numbered speakers) are labels. Otherwise any name at the start of a
            line is one, and speakers have the voices in the order in which they appear; then built-in voices.
        unit : {"clause", "sentence"}
            Least text that is spoken at once. Sentences sound better, clauses start earlier.
        pronunciation : Pronunciation or mapping from word to reading, optional
        **options
            See `GenerationOptions`. `max_seconds` limits the whole stream; without it there is no limit.

        Returns
        -------
        TextStream
            Iterate it, with ``for`` or ``async for``, for audio and the words being spoken. It waits while
            text is late. The same text arriving at other times may be cut otherwise, and sound different.

        Raises
        ------
        OptionError, VoiceError, LexiconError
            Errors of the source are raised by the iteration, once the text before is spoken.

        Examples
        --------
        >>> stream = Engine.load("nano").stream_text(iter(["Anna: Hi, B", "en!\nBen: Hello."]), seed=1)
        >>> [(word.speaker, word.text) for spoken in stream for word in spoken.words]
        [('Anna', 'Hi,'), ('Anna', 'Ben!'), ('Ben', 'Hello.')]
        """
        from .live_text.text_stream import TextStream

        chosen, said = self.defaults.updated(options), Pronunciation.of(pronunciation)
        return TextStream(self, source, voices, chosen, said, unit)

    def resume(
        self,
        speech: Speech,
        *,
        max_seconds: float,
        sink: Sink | None = None,
        progress: bool | Report | None = None,
        cancelled: Cancelled | None = None,
    ) -> Speech:
        """Continue a speech that reached its length limit or was cancelled.

        Parameters
        ----------
        speech : Speech
            It is not changed; it can be resumed again.
        max_seconds : float
            Longest audio, including the audio so far.
        sink, progress, cancelled
            See `speak`.

        Returns
        -------
        Speech
            The whole audio from the start; or only the new part, if the audio goes, or went, to a sink.

        Raises
        ------
        OptionError
            If `max_seconds` is out of range, or another model generated the speech.
        """
        options = replace(speech.options, max_seconds=max_seconds)
        if options.max_seconds is None:
            raise OptionError("max_seconds=None", GENERATION["max_seconds"][2], "pass the longest length")
        if sink is None:
            sink = MemorySink()
            sink.write(speech.audio)
        run = speech.run.resumed(options.max_seconds, self._source)
        with _speaking_bar(progress) as report:
            fill_sinks(self._source, [run], [sink], report, cancelled)
        return speech.continued(run, _audio_of(sink))

    @property
    def workers(self) -> int:
        """Number of runs that are generated at the same time, each in a process of its own."""
        return getattr(self._source, "workers", 1)

    def advance(
        self, runs: Sequence[Run], cancelled: Cancelled | None = None
    ) -> Iterator[tuple[Run, NDArray[np.float32]]]:
        """Generate runs of this engine together; yield (run, audio), a frame or a pause at a time."""
        return self._source.advance(runs, cancelled or never)

    def run_whole(
        self,
        turns: Sequence[Turn],
        cast: Mapping[int, Voice],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
        *,
        pauses: bool = False,
    ) -> Run:
        """Return a run of a whole script, which is iterated for audio; see `SpeechRun.whole`."""
        return self._source.whole(turns, cast, options, cancelled, pauses=pauses)

    def run_in_context(
        self,
        turn: Turn,
        cast: Mapping[int, Voice],
        context: Sequence[Spoken],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
    ) -> Run:
        """Return a run of one turn after others, which is iterated for audio; see `SpeechRun.in_context`."""
        return self._source.in_context(turn, cast, context, options, cancelled)

    def prompt(self, turns: Sequence[Turn], cast: Mapping[int, Voice]) -> Prompt:
        """Lay out the prompt of a passage; see `LoadedModel.prompt`."""
        return self.loaded.prompt(turns, cast)

    def layout(self, turns: Sequence[Turn], cast: Mapping[int, Voice]) -> Prompt:
        """Lay out a prompt of any length; see `LoadedModel.layout`."""
        return self.loaded.layout(turns, cast)

    def check(self, script: Script, pronunciation: Pronunciation = AS_WRITTEN) -> tuple[Diagnostic, ...]:
        """Return diagnostics of text in a script that the model cannot speak; see `check_script`.

        Examples
        --------
        >>> engine = Engine.load("nano")
        >>> [item.message for item in engine.check(parse_script("Speaker 1: Hello 你好."))]
        ["nano leaves out '你好'"]
        """
        return check_script(script, self.frontend, self.name, pronunciation)

    def read_as(
        self,
        script: str | Script,
        pronunciation: Pronunciation | Mapping[str, str] | None = None,
    ) -> list[str]:
        """Return the words that the model would read for each turn; see `speak`.

        Examples
        --------
        >>> Engine.load("nano").read_as("Speaker 1: Dr. Nguyen has 2.", {"Nguyen": "win"})
        ['doctor win has two.']
        """
        whole = script if isinstance(script, Script) else parse_script(script)
        said = Pronunciation.of(pronunciation)
        return said.script_words(whole, self.frontend)

    def followed(self, cast: Mapping[int, Voice]) -> dict[int, Voice]:
        """Return the voices that are used: built-in ones for recordings, if the model cannot follow those.

        Raises
        ------
        VoiceError
            If a voice is of a kind that the model has no use for.
        """
        for voice in cast.values():
            if error := self.limits.voice_problem(self.name, voice):
                raise error
        if self.limits.voice_prompts is not None:
            return dict(cast)
        return {**cast, **({} if self.limits.follows_voices else stand_ins(dict(sorted(cast.items()))))}


def _audio_from(run: Run) -> Iterator[NDArray[np.float32]]:
    """Iterate over a run; closing the iterator, as dropping it does, closes the run's."""
    yield from run


def _audio_of(sink: Sink) -> NDArray[np.float32]:
    return sink.audio if isinstance(sink, MemorySink) else np.zeros(0, np.float32)


def _speaking_bar(progress: bool | Report | None) -> AbstractContextManager[Report | None]:
    return progress_bar(progress, "Generating", _seconds, unit=" s")


def _seconds(progress: Progress) -> tuple[float, float]:
    return progress.seconds, progress.estimated_seconds


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))
