"""Jobs: work on a project that runs in the background."""
