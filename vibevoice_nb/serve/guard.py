"""Guard of a command: ends it, with all its processes, when standard input closes, and removes its folder.

Run as a script, without importing the package, by a process that holds the other end of the pipe. The
system closes the pipe however that process ends, also after SIGKILL.

    python guard.py FOLDER SECONDS COMMAND...
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading


def main(folder: str, seconds: str, *command: str) -> int:
    """Run the command; return its exit status.

    Parameters
    ----------
    folder : str
        Removed at the end.
    seconds : str
        Longest time that the command has to end in order.
    *command : str
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the pipe alone decides
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def end() -> None:
        while os.read(0, 4096):
            pass
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(float(seconds))
        except subprocess.TimeoutExpired:
            process.kill()

    threading.Thread(target=end, daemon=True).start()
    code = process.wait()
    if hasattr(os, "killpg"):  # processes that outlived it, in its session only
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    while os.path.isdir(folder) and os.read(0, 4096):  # its log is read before the folder goes
        pass
    shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
