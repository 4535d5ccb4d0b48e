"""Payloads of the traits: the values that a widget sends to its page, one class for each object.

Each module has the payloads of one part of the page. `payloads.json` is the table of the same objects, fields
and types. Tests compare this package and the interfaces of the page (`labextension/src/core/host/traits.ts`)
with it. A type of the table is one of `protocol.json`, or the name of a payload or of a list of choices. `T?`
is a value or null, `T[]` a list, and `T{}` an object with values of one type.
"""

from __future__ import annotations

# Lists of choices that other packages define.
from vibevoice_nb.engine.model_limits import OddLength as OddLength
from vibevoice_nb.project.jobs.generation import Mode as Mode
from vibevoice_nb.project.storage.music import Role as MusicRole  # noqa: F401
from vibevoice_nb.project.storage.schema import ListenBack as ListenBack
from vibevoice_nb.review.differences import Kind as DifferenceKind  # noqa: F401
from vibevoice_nb.script.turns import Severity as Severity

from .cast import AuditionState as AuditionState
from .cast import AuditionStatus as AuditionStatus
from .cast import AuditionVoice as AuditionVoice
from .cast import Check as Check
from .cast import KnownVoice as KnownVoice
from .cast import Speaker as Speaker
from .cast import SpeakerVoice as SpeakerVoice
from .cast import VoiceKind as VoiceKind
from .faults import TABLE as TABLE
from .faults import fault_in_payload as fault_in_payload
from .faults import fault_in_trait as fault_in_trait
from .generation import JobState as JobState
from .generation import JobStatus as JobStatus
from .generation import KnownModel as KnownModel
from .generation import ModelLimits as ModelLimits
from .generation import ModelState as ModelState
from .generation import ModelStatus as ModelStatus
from .generation import ServerState as ServerState
from .library import Home as Home
from .library import ListedProject as ListedProject
from .library import ListedTake as ListedTake
from .library import ListedVoice as ListedVoice
from .project import CoverPicture as CoverPicture
from .project import MusicState as MusicState
from .project import ProjectState as ProjectState
from .project import SaveAction as SaveAction
from .review import KnownRecognizer as KnownRecognizer
from .review import ReviewDifference as ReviewDifference
from .review import ReviewState as ReviewState
from .review import ReviewStatus as ReviewStatus
from .review import TakeReview as TakeReview
from .script import LexiconEntry as LexiconEntry
from .script import ReadWord as ReadWord
from .script import ScriptDiagnostic as ScriptDiagnostic
from .script import ScriptPlace as ScriptPlace
from .sweep import CellReview as CellReview
from .sweep import CellStatus as CellStatus
from .sweep import SweepCell as SweepCell
from .takes import TakeState as TakeState
from .takes import TakeSummary as TakeSummary
from .takes import TakeTurn as TakeTurn
from .takes import TurnState as TurnState
from .takes import TurnStatus as TurnStatus
from .traits import payload as payload
from .traits import payload_dict as payload_dict
from .traits import payload_list as payload_list
