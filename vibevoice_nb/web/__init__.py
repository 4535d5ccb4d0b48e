"""The web demo: a page where visitors write a script, cast it and hear it while it is made.

`service` speaks their scripts, one at a time; `live` is the sound while it is made; `page` is what they see
(Gradio, extra `web`); `server` binds it to a port; `studio_app` serves the Studio itself through Voila.
"""
