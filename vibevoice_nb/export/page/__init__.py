"""Web page of an episode: one HTML file with a player, the waveform, the transcript and the audio.

The file needs no network and no server: it works from a disk, a mail and any web host, and a Content Security
Policy inside it forbids all requests. The audio is MP3, the only compressed format that plays in every
Chromium, Firefox and Safari: Opus in Ogg plays in Safari only since version 18.4, and builds of Chromium
without licensed codecs play no AAC. It is embedded as base64 in parts of 1 MB, because Firefox allows no data
URL of more than 32 MB; the page's script joins the parts to a Blob, in which every browser seeks exactly.

90 minutes are 43 MB of MP3 and 58 MB of HTML. The page is written in parts, so memory stays at a few MB.
"""

from .sink import PAGE as PAGE
from .sink import PageSink as PageSink
