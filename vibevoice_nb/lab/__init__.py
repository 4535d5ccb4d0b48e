"""Server part of the JupyterLab extension: lists projects and voices without starting a kernel.

The routes only read, and only below the server's root folder and in the user's voice library. Like all routes
of the Jupyter server, they require its authentication.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "vibevoice_nb.lab"}]


def _load_jupyter_server_extension(app: Any) -> None:
    """Add the routes to a Jupyter server."""
    from .routes import routes

    app.web_app.add_handlers(".*$", routes(app.web_app.settings["base_url"]))
