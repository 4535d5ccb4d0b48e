"""A notebook in a browser, in whichever host, as a person sees and drives it."""

from __future__ import annotations

import re
from typing import Any

from host_server import JupyterServer, Kernel, until
from playwright.sync_api import ConsoleMessage, Page, Response

# What the hosts themselves complain about with nothing of ours on the page.
HARMLESS = {
    "lab": (),
    "notebook": (r"^Cannot read properties of undefined \(reading 'schema'\)",),
    "voila": (
        r"ERR_NAME_NOT_RESOLVED",  # Voila's own icon font is on the web
        r"shared module",  # JupyterLab's extensions are newer than what Voila is built on
        r"labextensions/vibevoice-nb|^Event$",  # a link in a checkout, which Voila refuses to follow
    ),
}
ANYWHERE = (r"ResizeObserver loop",)

READY = """(name) => {
  const { context } = window.jupyterapp?.shell?.currentWidget ?? {};
  return context?.isReady && context.path.endsWith(name);
}"""
CONNECTED = """async () => {
  const { sessionContext } = window.jupyterapp.shell.currentWidget;
  await sessionContext.ready;
  await sessionContext.session?.kernel?.info;
}"""


class NotebookPage:
    """One notebook, open in one page; `problems` are errors of the page, in words."""

    def __init__(self, page: Page, server: JupyterServer, name: str) -> None:
        self.page, self.server, self.name = page, server, name
        self.problems: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "the server responded with a status" not in message.text:
            self._note(message.text)

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self._note(f"{response.status} {response.url}")

    def _note(self, problem: str) -> None:
        harmless = HARMLESS[self.server.host] + ANYWHERE
        if not any(re.search(pattern, problem) for pattern in harmless):
            self.problems.append(problem)

    def open(self) -> NotebookPage:
        """Go there, and wait until the host and the kernel are ready."""
        self.page.goto(self.server.page(self.name))
        return self.connected()

    def reload(self) -> NotebookPage:
        self.page.reload()
        return self.connected()

    def connected(self) -> NotebookPage:
        if self.server.host != "voila":
            self.page.wait_for_function(READY, arg=self.name)
            self.page.evaluate(CONNECTED)
        return self

    def command(self, name: str, **options: Any) -> None:
        """Run one of the host's commands, and wait until it has run."""
        self.page.evaluate(
            "([name, options]) => window.jupyterapp.commands.execute(name, options).then(() => null)",
            [name, options],
        )

    def run_all(self) -> NotebookPage:
        self.command("notebook:run-all-cells")
        return self

    def run_again(self) -> None:
        """Empty all outputs and run the selected cell, which after `run_all` is the last."""
        self.command("notebook:clear-all-cell-outputs")
        self.command("notebook:run-cell")

    def save(self) -> str:
        """Save the notebook; return its text."""
        self.command("docmanager:save")
        return (self.server.root / self.name).read_text()

    def save_with_widgets(self) -> str:
        """Save the notebook with the widgets' state, which is a setting of the host; return its text."""
        switch = "@jupyter-widgets/jupyterlab-manager:saveWidgetState"
        self.command(switch)
        try:
            return self.save()
        finally:
            self.command(switch)

    def restart_kernel(self) -> None:
        """Restart as a user does: the menu's command, then the button of the dialog."""
        before = self.kernel.pid
        self.page.evaluate("() => void window.jupyterapp.commands.execute('notebook:restart-kernel')")
        self.page.locator(".jp-Dialog button.jp-mod-accept").click()
        until(lambda: self.kernel.pid != before, "another kernel")
        self.page.evaluate(CONNECTED)

    def restarted(self) -> None:
        """Wait until the server has started the kernel again after its death, and put the notice away."""
        dialog = self.page.locator(".jp-Dialog button.jp-mod-accept")
        dialog.click(timeout=30_000)
        self.page.evaluate(CONNECTED)

    @property
    def kernel(self) -> Kernel:
        return self.server.kernel(self.name)

    def theme(self, name: str) -> None:
        """`JupyterLab Light` or `JupyterLab Dark`."""
        self.command("apputils:change-theme", theme=name)
        wanted = "false" if "Dark" in name else "true"
        self.page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=wanted)

    def memory(self) -> float:
        """MB that the page holds: objects of JavaScript and of the browser, and the contents of arrays."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("HeapProfiler.collectGarbage")
        usage = session.send("Runtime.getHeapUsage")
        session.detach()
        return sum(usage[part] for part in ("usedSize", "embedderHeapUsedSize", "backingStorageSize")) / 1e6
