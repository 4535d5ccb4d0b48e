"""Projects: a script, its cast and its takes, in a folder; see `vibevoice_nb.project.project`."""

from .cast import CastMember
from .project import ContextTurn, Project, ProjectTurn
from .take import Take, TakeTurn
from .timeline import Segment, Timeline
from .writer import TakeWriter

__all__ = [
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
