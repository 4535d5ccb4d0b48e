"""`Importing`: import of texts and files that are pasted or dropped into the page's editor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vibevoice_nb.script.importing import import_script

from .base import Part, call

# The editor shows these as they are: they are scripts, or have no structure that an import could use.
_SHOWN_AS_THEY_ARE = ("script", "prose")


class Importing(Part):
    """Import of scripts for the page; it changes nothing by itself."""

    @call("import_script", slow=True)
    def _import(
        self, answers: Mapping[str, Any], buffers: Sequence[memoryview], text: str | None = None
    ) -> dict[str, Any]:
        # Always bytes, because a text could be taken for the name of a file.
        data = b"".join(buffers[:1]) if buffers else (text or "").encode()
        found = import_script(data, answers={str(key): str(value) for key, value in answers.items()})
        return {
            "text": found.text,
            "format": found.format,
            "useful": found.format not in _SHOWN_AS_THEY_ARE,
            "turns": len(found.turns),
            "speakers": list(found.speakers),
            "notes": list(found.notes),
            "questions": [
                {
                    "key": question.key,
                    "text": question.text,
                    "options": [[value, words] for value, words in question.options.items()],
                    "answer": question.answer,
                }
                for question in found.questions
            ],
        }
