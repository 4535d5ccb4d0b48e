"""Static form of a project: the episode's player and a transcript, for notebooks without a kernel."""

from __future__ import annotations

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.display.static import Line, Static, paragraph, transcript
from vibevoice_nb.project import Project
from vibevoice_nb.texts import clock

from .player import static_take


def static_project(project: Project) -> Static:
    r"""Return the episode with its transcript; turns without audio say so.

    Parameters
    ----------
    project : Project

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Project.create(f"{folder}/talk", "Anna: Hello!") as project:
    ...         static_project(project).text
    'No audio was generated yet.\nnot generated  Anna: Hello!'
    """
    episode = project.assemble()
    starts = {turn.turn_id: clock(turn.start / SAMPLE_RATE) for turn in episode.turns}
    colors = {label: member.color for label, member in project.cast.items()}
    words = transcript(
        [
            Line(
                item.turn.label,
                item.turn.text,
                colors.get(item.turn.label, ""),
                starts.get(item.id, "not generated"),
            )
            for item in project.turns
        ]
    )
    if episode.source.samples:
        return static_take(episode, words)
    none = "No audio was generated yet."
    return Static(paragraph(none, "q") + words.html, f"{none}\n{words.text}".strip())
