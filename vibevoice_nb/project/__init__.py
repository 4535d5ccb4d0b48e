"""Projects: a script, its cast and its takes, in a folder; see `vibevoice_nb.project.project`."""

from .cast import CastMember
from .project import ContextTurn, Project, ProjectTurn
from .storage.writer import TakeWriter
from .take import Take, TakeTurn
from .timeline import Segment, Timeline

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
