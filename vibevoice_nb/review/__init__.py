"""Listening back: a recognizer transcribes a take, and the words are compared with the script."""

from .comparison import review as review
from .differences import Difference as Difference
from .recognizers import HeardWord as HeardWord
from .recognizers import Recognizer as Recognizer
from .recognizers import load_recognizer as load_recognizer
from .recognizers import unload_recognizers as unload_recognizers
from .recordings import review_recording as review_recording
from .report import ReviewReport as ReviewReport
from .report import ReviewRow as ReviewRow
from .result import Review as Review
from .result import WordTime as WordTime
