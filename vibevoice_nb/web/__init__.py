"""Web demo: a page where visitors write a script, choose voices, and listen while speech is generated.

`service` generates speech, one script at a time; `live_mp3` streams the audio during generation; `page` is
the page (Gradio, extra `web`); `server` binds it to a port; `voila` serves the Studio instead.
"""
