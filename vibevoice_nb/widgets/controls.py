"""`GenerationControls`: generation settings and model, as traits that other widgets can link to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict, cast

import traitlets

from vibevoice_nb.display.static import Static, table, text_table
from vibevoice_nb.engine.options import GenerationOptions
from vibevoice_nb.engine.remote.address import confirm, default_model, remember_token
from vibevoice_nb.errors import OptionError
from vibevoice_nb.model.config import SOLVERS
from vibevoice_nb.model.loading.checkpoint import NANO
from vibevoice_nb.ranges import GENERATION, real, shown, whole

from .base import Part, VibeVoiceWidget, call
from .model_loader import SUGGESTIONS, ModelLoader, model_defaults
from .payloads import KnownModel, ModelLimits, ModelState, payload, payload_list

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationSettings
    from vibevoice_nb.model.config import Solver
    from vibevoice_nb.model.kernels.quantized import Quantize

MODES = ("turns", "whole")
MAX_SEED = 2**53 - 1
"""Largest seed that JavaScript represents exactly."""

RANGES = {**GENERATION, "seed": (0, MAX_SEED, f"a whole number from 0 to {MAX_SEED}")}
"""Ranges of the options that pages set; `ranges.json` has them for the page."""
_CHOICES = {"solver": SOLVERS, "mode": MODES}


class ControlSettings(TypedDict, total=False):
    """Generation settings that `Studio` and `GenerationControls` accept as keyword arguments."""

    num_steps: int
    """Solver steps per frame, 1 to 999."""
    cfg_scale: float
    """Classifier-free guidance scale, 1.0 (off) to 10.0."""
    seed: int | None
    """Random seed; None draws one for each generation."""
    solver: Solver
    """Diffusion solver."""
    mode: Literal["turns", "whole"]
    """Generate turn by turn in context, or the whole script in one pass."""


class WholeNumber(traitlets.Int[Any, Any]):
    """An `Int` that accepts integers of any type, as `GenerationOptions` does."""

    def validate(self, obj: Any, value: Any) -> Any:
        number = whole(value)
        if number is None:
            self.error(obj, value)
        return super().validate(obj, number)


class RealNumber(traitlets.Float[Any, Any]):
    """A `Float` that accepts numbers of any type, as `GenerationOptions` does."""

    def validate(self, obj: Any, value: Any) -> Any:
        number = real(value)
        if number is None:
            self.error(obj, value)
        return super().validate(obj, number)


class ControlTraits(traitlets.HasTraits):
    """Settings of a generation; a value out of range is rejected and the previous one kept.

    Attributes
    ----------
    num_steps : int
        1 to 999.
    cfg_scale : float
        1.0 to 10.0.
    seed : int or None
        Random seed; None draws one for each generation.
    last_seed : int or None
        Seed of the last generation.
    solver : {"dpmsolver++", "sde-dpmsolver++"}
    mode : {"turns", "whole"}
        Turn by turn in context, or the whole script in one pass.
    model : str
        "nano", a Hugging Face model id, a folder, or the address of a server.
    models : list of KnownModel
        Suggested models.
    model_state : ModelState
        State, name, device, dtype, memory in bytes, message.
    model_limits : ModelLimits
        Languages, voices and lengths the model supports, and `sentences` that describe them.
    """

    num_steps = WholeNumber(10).tag(sync=True, page=True)
    cfg_scale = RealNumber(1.3).tag(sync=True, page=True)
    seed = WholeNumber(None, allow_none=True).tag(sync=True, page=True)
    last_seed = WholeNumber(None, allow_none=True).tag(sync=True)
    solver = traitlets.Unicode("dpmsolver++").tag(sync=True, page=True)
    mode = traitlets.Unicode("turns").tag(sync=True, page=True)
    model = traitlets.Unicode("nano").tag(sync=True, page=True)
    models = payload_list(KnownModel, SUGGESTIONS)
    model_state = payload(ModelState)
    model_limits = payload(ModelLimits)

    @traitlets.validate("num_steps", "cfg_scale", "seed")
    def _in_range(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        low, high, expected = RANGES[name]
        if value is not None and not low <= value <= high:
            raise OptionError(f"{name}={value}", expected, "choose a value in that range")
        return value

    @traitlets.validate("solver", "mode")
    def _one_of(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        if value not in _CHOICES[name]:
            raise OptionError(
                f"{name}={shown(value)}", f"one of {', '.join(_CHOICES[name])}", "choose one of them"
            )
        return value

    @traitlets.validate("model")
    def _named(self, proposal: Any) -> str:
        return model_name(proposal["value"])


def model_name(value: object) -> str:
    """Return the name of a model, without surrounding spaces.

    Raises
    ------
    OptionError
        If it is not a string, or empty.
    """
    if not isinstance(value, str) or not value.strip():
        got = "the model name is empty" if isinstance(value, str) else f"model={shown(value)}"
        raise OptionError(got, "'nano', a Hugging Face model id, a folder, or an address", "use model='nano'")
    return value.strip()


def speak_options(controls: ControlTraits) -> GenerationSettings:
    """Return the settings of a widget as keyword arguments of `Engine.speak`."""
    return {
        "num_steps": controls.num_steps,
        "cfg_scale": controls.cfg_scale,
        "seed": controls.seed,
        "solver": cast("Solver", controls.solver),
    }


class ModelPanel(Part):
    """Model of a widget: loaded and unloaded by the page, with its state and its limits.

    Parameters
    ----------
    widget : ControlTraits
    **how
        `device`, `dtype` and `quantize`, as for `Engine.load`.
    """

    def __init__(self, widget: ControlTraits, **how: Any) -> None:
        self._widget = widget
        self._loader = ModelLoader(self._show_state, **how)
        self.on_ready: Callable[[], None] = lambda: None
        """Called when a server's model becomes known, with its own default settings."""

    def show(self) -> None:
        """Update the state and the limits of the chosen model."""
        self._show_state(self._loader.state(self._widget.model))

    def engine(self, model: str) -> Engine:
        """Return the engine, loading it first if necessary. Blocks; do not call from the main thread."""
        return self._loader.engine(model)

    def close(self) -> None:
        """Stop following the queue of a server."""
        self._loader.close()

    def load(self) -> None:
        """Load the chosen model in the background; an error is shown in its state.

        Only call it when a person has chosen the model: it connects to a server.
        """
        confirm(self._widget.model)
        self._loader.load(self._widget.model)

    @call("load_model")
    def _load(self) -> None:
        self.load()

    @call("give_token")
    def _give_token(self, token: str) -> None:
        """Use a token for the server that is the model, and connect to it; the token is not a trait."""
        remember_token(self._widget.model, token)
        self.load()

    @call("unload_model")
    def _unload(self) -> None:
        self._loader.unload(self._widget.model)

    def _show_state(self, state: ModelState) -> None:
        was = self._widget.model_state.get("state")
        self._widget.model_state = state
        if state["server"] is not None and state["state"] == "ready" != was:
            self.on_ready()
        self._widget.model_limits = self._loader.limits(self._widget.model)


class GenerationControls(ControlTraits, VibeVoiceWidget):
    """Panel for the generation settings and the model.

    Parameters
    ----------
    model : str
        "nano", a Hugging Face model id, a folder, or the address of a server.
    device, dtype, quantize
        See `Engine.load`.
    **settings : Unpack[ControlSettings]
        `num_steps`, `cfg_scale`, `seed`, `solver`, `mode`; defaults of the model if omitted.

    Examples
    --------
    >>> controls = GenerationControls(num_steps=5, seed=7)
    >>> controls.options().num_steps, controls.options().cfg_scale
    (5, 2.0)
    >>> speech = controls.engine.speak("Speaker 1: Hello!", **controls.kwargs())  # doctest: +SKIP
    """

    _page: ClassVar[str] = "controls"

    def __init__(
        self,
        model: str | None = None,
        *,
        device: str = "auto",
        dtype: str = "auto",
        quantize: Quantize | None = None,
        **settings: Unpack[ControlSettings],
    ) -> None:
        model = model_name(default_model(NANO) if model is None else model)
        for name in settings:
            if name not in ControlSettings.__annotations__:
                expected = f"one of {', '.join(ControlSettings.__annotations__)}"
                raise OptionError(
                    f"GenerationControls got an unknown setting {name!r}", expected, "remove it"
                )
        confirm(model)
        self._model = ModelPanel(self, device=device, dtype=dtype, quantize=quantize)
        own = model_defaults(model)
        shown_settings: dict[str, Any] = {
            "num_steps": own.num_steps,
            "cfg_scale": own.cfg_scale,
            "solver": own.solver,
            **settings,
        }
        super().__init__(model=model, **shown_settings)
        self.add_parts(self._model)
        self._model.show()
        self._own = own
        self._model.on_ready = self._show_own
        self.observe(self._other_model, "model")

    def options(self) -> GenerationOptions:
        """Return the settings as `GenerationOptions`."""
        return GenerationOptions().updated(self.kwargs())

    def kwargs(self) -> GenerationSettings:
        """Return the settings as keyword arguments of `Engine.speak`."""
        return speak_options(self)

    def _repr_details(self) -> str:
        return (
            f"model={shown(self.model)}, num_steps={self.num_steps}, cfg_scale={self.cfg_scale}, "
            f"seed={self.seed}"
        )

    def _static(self) -> Static:
        names = ("model", "num_steps", "cfg_scale", "seed", "solver", "mode")
        values = [(name, getattr(self, name)) for name in names]
        rows = [(name, "drawn" if value is None else str(value)) for name, value in values]
        return Static(table(["Setting", "Value"], rows), text_table(["Setting", "Value"], rows))

    @property
    def engine(self) -> Engine:
        """The engine, loaded on first access."""
        return self._model.engine(self.model)

    def _other_model(self, change: Any) -> None:
        """Replace defaults of the previous model by those of the new one; keep chosen values."""
        confirm(self.model)
        self._show_own()
        self._model.show()

    def _show_own(self) -> None:
        before, self._own = self._own, model_defaults(self.model)
        for name in ("num_steps", "cfg_scale"):
            if getattr(self, name) == getattr(before, name):
                setattr(self, name, getattr(self._own, name))
