"""JupyterLab with our extension, as a person sees and drives it, without a notebook to begin with."""

from __future__ import annotations

from typing import Any

from host_server import TOKEN, JupyterServer
from notebook_page import NotebookPage
from playwright.sync_api import Locator, Page, expect
from studio_page import Ear, StudioPage

STARTED = "() => window.jupyterapp?.restored.then(() => true)"
DOCUMENT = """path =>
  [...window.jupyterapp.shell.widgets('main')].find(widget => widget.context?.path === path)?.id"""


class LabPage(NotebookPage):
    """One page of JupyterLab; each has a workspace of its own, named as it is."""

    def __init__(self, page: Page, server: JupyterServer, name: str) -> None:
        super().__init__(page, server, name)
        self.workspace = name

    def open(self) -> LabPage:
        self.page.goto(f"{self.server.url}/lab/workspaces/{self.workspace}?token={TOKEN}")
        return self.started()

    def reload(self) -> LabPage:
        self.page.reload()
        return self.started()

    def started(self) -> LabPage:
        self.page.wait_for_function(STARTED)
        return self

    def open_document(self, path: str, **options: Any) -> DocumentPage:
        """Open a file, and wait for its Studio."""
        self.command("docmanager:open", path=path, **options)
        return self.document(path)

    def document(self, path: str) -> DocumentPage:
        """Studio of an open document, in front or not."""
        return DocumentPage(self, path)

    def tab(self, path: str) -> Locator:
        """The tab of a document."""
        return self.page.locator("#jp-main-dock-panel .lm-TabBar-tab").filter(
            has_text=path.rpartition("/")[2]
        )


class DocumentPage(StudioPage):
    """The Studio that is a document."""

    def __init__(self, lab: LabPage, path: str) -> None:
        self.notebook, self.page, self.path = lab, lab.page, path
        self.page.wait_for_function(DOCUMENT, arg=path)
        self.root = self.page.locator(f"[id='{self.page.evaluate(DOCUMENT, path)}'] .vvnb-studio")
        self.ear = Ear(lab)
        expect(self.root.locator(".cm-content")).to_be_visible(timeout=60_000)

    @property
    def dirty(self) -> bool:
        """Return true if the tab shows unsaved changes."""
        return "jp-mod-dirty" in (self.notebook.tab(self.path).get_attribute("class") or "")

    def save(self) -> str:
        """Press Ctrl-S; return what is on the disk."""
        self.page.keyboard.press("Control+s")
        self.page.wait_for_function(
            "path => ![...window.jupyterapp.shell.widgets('main')]"
            ".find(widget => widget.context?.path === path).context.model.dirty",
            arg=self.path,
        )
        return (self.notebook.server.root / self.path).read_text()
