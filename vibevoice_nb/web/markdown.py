"""Escaping of visitors' text, so that it is never markup, a link or an image."""

from __future__ import annotations

import html
import string

_AS_ENTITY = {ord(mark): f"&#{ord(mark)};" for mark in string.punctuation}


def in_html(text: str) -> str:
    """Escape text for HTML, such as Gradio's messages.

    >>> in_html("<b>Ben & Co</b>")
    '&lt;b&gt;Ben &amp; Co&lt;/b&gt;'
    """
    return html.escape(text)


def in_markdown(text: str) -> str:
    r"""Escape text for Markdown: every punctuation mark becomes an entity, line breaks become spaces.

    CommonMark never treats an entity as markup and shows its character; backslashes would not prevent
    automatic links.

    >>> in_markdown("**Ben**")
    '&#42;&#42;Ben&#42;&#42;'
    >>> in_markdown("see\n# www.example.org")
    'see &#35; www&#46;example&#46;org'
    """
    return " ".join(text.split()).translate(_AS_ENTITY)
