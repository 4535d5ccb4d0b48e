"""Train nano 2: one module for each stage, run by ``python -m vibevoice_nb.training.nano STAGE``. See README.md."""
