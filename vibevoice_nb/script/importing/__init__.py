"""Import of whole files and pasted texts: detection of the format, decoding, turns, questions.

`vibevoice_nb.script.importers` reads the forms that appear inside a script, line by line and in place. This
package reads whole files in other formats and returns a new script.
"""

from .entries import Question, Target
from .formats import FORMATS
from .script_import import IMPORT_SUFFIXES, ImportedScript, import_script

__all__ = ["FORMATS", "IMPORT_SUFFIXES", "ImportedScript", "Question", "Target", "import_script"]
