"""English front end with stress: the words of `vibevoice_nb.nano.english`, in the phones of nano 2."""
