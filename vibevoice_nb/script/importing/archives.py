"""Documents in ZIP archives: EPUB books and Word documents, with limits on what is unpacked."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from typing import Any
from urllib.parse import unquote

from vibevoice_nb.errors import ScriptError, VibeVoiceError
from vibevoice_nb.script.importing.entries import Entry, Reading
from vibevoice_nb.script.importing.html_tokens import Token, tokens
from vibevoice_nb.script.importing.pages import Block, Page, narration, parse_page
from vibevoice_nb.script.lines import quoted

MAX_MEMBERS = 10_000
MAX_UNPACKED_BYTES = 200_000_000
MAX_TEXT_BYTES = 20_000_000
_MAX_BOOK_CHARS = 900_000
_MOST_CHAPTERS = 200


def archive_kind(data: bytes) -> str:
    """Return "docx" or "epub"; raise an error for another archive.

    Raises
    ------
    ScriptError
        If the archive is damaged, too large when unpacked, encrypted, or of another kind.
    """
    names = {info.filename for info in _opened(data).infolist()}
    if "word/document.xml" in names:
        return "docx"
    if "META-INF/encryption.xml" in names and "META-INF/rights.xml" in names:
        raise ScriptError("the book is copy-protected", "an EPUB without DRM", "choose another file")
    if "META-INF/container.xml" in names:
        return "epub"
    raise ScriptError(
        "the file is an archive of another kind", "a .docx or .epub file", "save the text as .docx or .txt"
    )


def _opened(data: bytes) -> zipfile.ZipFile:
    """Open an archive whose sizes are within the limits; reading never exceeds the declared sizes."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ScriptError(
            f"the archive is damaged ({error})", "a .docx or .epub file", "save it again"
        ) from error
    members = archive.infolist()
    size = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS or size > MAX_UNPACKED_BYTES:
        raise ScriptError(
            f"the document has {len(members):,} parts of {size:,} bytes when unpacked",
            f"at most {MAX_MEMBERS:,} parts and {MAX_UNPACKED_BYTES:,} bytes",
            "save its text as a plain text file",
        )
    return archive


def _member(archive: zipfile.ZipFile, name: str) -> str:
    try:
        info = archive.getinfo(name)
        if info.file_size > MAX_TEXT_BYTES:
            raise ScriptError(
                f"{quoted(name)} in the document has {info.file_size:,} bytes",
                f"at most {MAX_TEXT_BYTES:,}",
                "save its text as a plain text file",
            )
        data = archive.read(info)
    except KeyError:
        raise ScriptError(
            f"the book has no {quoted(name)}", "a complete EPUB file", "save it again"
        ) from None
    except RuntimeError as error:  # encrypted
        raise ScriptError(
            f"{quoted(name)} cannot be read ({error})", "a file without a password", "remove it"
        ) from error
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, zlib.error) as error:
        raise ScriptError(f"the archive is damaged ({error})", "a complete file", "save it again") from error
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return data.decode(encoding, "replace")


def _elements(text: str) -> list[Token]:
    return [token for token in tokens(text) if token.kind == "start"]


def _chapters(data: bytes) -> list[Page]:
    """Return the chapters of a book in reading order; pages without text are left out."""
    archive = _opened(data)
    container = _elements(_member(archive, "META-INF/container.xml"))
    roots = (one.attributes.get("full-path", "") for one in container if one.text == "rootfile")
    root = next(filter(None, roots), "")
    package = _elements(_member(archive, root))
    files = {one.attributes.get("id", ""): one.attributes for one in package if one.text == "item"}
    pages: list[Page] = []
    size = 0
    for one in package:
        item = files.get(one.attributes.get("idref", ""), {}) if one.text == "itemref" else {}
        if "html" not in item.get("media-type", "") or "nav" in item.get("properties", "").split():
            continue
        name = posixpath.normpath(posixpath.join(posixpath.dirname(root), unquote(item.get("href", ""))))
        text = _member(archive, name)
        size += len(text)
        if size > MAX_TEXT_BYTES:
            raise ScriptError(
                "the book's text is too long", f"at most {MAX_TEXT_BYTES:,} bytes", "split the book"
            )
        page = parse_page(text)
        if page.blocks:
            pages.append(page)
    return pages


def read_epub(data: bytes, reading: Reading) -> list[Entry]:
    """Read a book as narration; one of several chapters can be chosen."""
    pages = _chapters(data)
    if len(pages) > 1:
        options = {"all": f"all {len(pages)} chapters"}
        options |= {str(number): _title(page) for number, page in enumerate(pages[:_MOST_CHAPTERS], 1)}
        whole = sum(len(block.text) for page in pages for block in page.blocks) <= _MAX_BOOK_CHARS
        text = f"The book has {len(pages)} chapters. Which one?"
        answer = reading.ask("chapter", text, options, "all" if whole else "1")
        pages = pages if answer == "all" else [pages[int(answer) - 1]]
    return [entry for page in pages for entry in narration(page)]


def _title(page: Page) -> str:
    heading = next((block.text for block in page.blocks if block.kind.startswith("h")), "")
    return (heading or page.blocks[0].text)[:60]


def docx_page(data: bytes) -> Page:
    """Return the paragraphs, headings and table rows of a Word document.

    Raises
    ------
    ScriptError
        If the document is damaged or too large.
    VibeVoiceError
        If python-docx is not installed.
    """
    archive = _opened(data)
    _member(archive, "word/document.xml")  # checks its size
    try:
        import docx
        from docx.table import Table
    except ImportError:
        raise VibeVoiceError(
            "reading .docx files needs python-docx, which is not installed",
            "the extra 'import'",
            'run `pip install "vibevoice-nb[import]"`, or save the document as plain text',
        ) from None
    try:
        document = docx.Document(io.BytesIO(data))
        page = Page()
        for item in document.iter_inner_content():
            if isinstance(item, Table):
                page.blocks += [Block("p", row) for row in _rows(item)]
            else:
                heading = (item.style.name if item.style else "") or ""
                kind = "h1" if heading.startswith(("Heading", "Title")) else "p"
                page.blocks += [Block(kind, line.strip()) for line in item.text.split("\n") if line.strip()]
    except VibeVoiceError:
        raise
    except Exception as error:  # lxml and python-docx raise many kinds for damaged files
        raise ScriptError(
            f"the Word document is damaged ({error})"[:300], "a .docx file", "save it again"
        ) from error
    return page


def _rows(table: Any) -> list[str]:
    """Return the rows of a table; of two columns, the first names the speaker."""
    rows = []
    for row in table.rows:
        cells = [" ".join(cell.text.split()) for cell in row.cells]
        cells = [cell for cell in cells if cell]
        if len(cells) == 2 and not cells[0].endswith(":"):
            cells[0] += ":"
        if cells:
            rows.append(" ".join(cells))
    return rows
