"""Version of the package; pyproject.toml and labextension/package.json have the same."""

__version__ = "0.2.0"
