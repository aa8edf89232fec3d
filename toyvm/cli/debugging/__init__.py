"""Commands that stop a run, keep it, repeat it and go back in it."""
