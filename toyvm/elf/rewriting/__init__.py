"""Files changed and written anew: the model and the rules of `objcopy` and `strip`."""
