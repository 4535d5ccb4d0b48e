"""Train nano 2: one module for each stage of ``python -m vibevoice_nb.training.nano2``. See README.md."""
