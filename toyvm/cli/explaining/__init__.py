"""The kinds of `toyvm explain`: one module for each, with `parser()` and `main(argv)`."""
