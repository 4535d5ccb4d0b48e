"""`python -m vibevoice_nb` is the command line."""

from vibevoice_nb.cli.app import app

if __name__ == "__main__":
    app(prog_name="vibevoice-nb")
