"""Storage: the files of a project, how they are written, locked and recovered."""
