"""Projects: a script, its cast and its takes, in a folder; see `vibevoice_nb.project.project`."""

from .cast import Cast, CastMember
from .project import Project
from .storage.writer import TakeWriter
from .take import Take, TakeTurn
from .timeline import Segment, Timeline
from .turns import ContextTurn, ProjectTurn

__all__ = [
    "Cast",
    "CastMember",
    "ContextTurn",
    "Project",
    "ProjectTurn",
    "Segment",
    "Take",
    "TakeTurn",
    "TakeWriter",
    "Timeline",
]
