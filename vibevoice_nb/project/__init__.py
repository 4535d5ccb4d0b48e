"""Projects: a script, its cast and its takes, in a folder; see `vibevoice_nb.project.project`."""

from .adjustments import Adjustments, SpeakerAdjustments
from .cast import Cast, CastMember
from .pieces import Piece
from .project import Project
from .storage.writer import TakeWriter
from .take import Take, TakeTurn
from .timeline import Segment, Timeline
from .turns import ContextTurn, ProjectTurn

__all__ = [
    "Adjustments",
    "Cast",
    "CastMember",
    "ContextTurn",
    "Piece",
    "Project",
    "ProjectTurn",
    "Segment",
    "SpeakerAdjustments",
    "Take",
    "TakeTurn",
    "TakeWriter",
    "Timeline",
]
