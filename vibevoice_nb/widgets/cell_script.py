"""Script of a cell for a project that may have another one, for `Studio(script=...)` and `%%vibevoice`."""

from __future__ import annotations

from vibevoice_nb.project import Project


def use_cell_script(project: Project, script: str, *, replace: bool, option: str) -> str:
    """Apply the script of a cell by the rule of `Project.give_script`.

    Parameters
    ----------
    project : Project
    script : str
    replace : bool
        Replace the project's script in any case.
    option : str
        The option of the cell that sets `replace`.

    Returns
    -------
    str
        Message for the user; empty if the project had no other script.

    Raises
    ------
    ScriptError, ProjectError
    """
    outcome = project.give_script(script, replace=replace)
    if outcome == "kept":
        return (
            f"The project '{project.name}' already has a script, so the cell's script is not used. "
            f"To use it, add {option} to the cell; Undo brings the old script back."
        )
    if outcome == "replaced" and not replace:
        return (
            f"The script of the cell has changed and replaces the script of '{project.name}', which was "
            "edited in the meantime. Undo brings the edited script back."
        )
    return ""
