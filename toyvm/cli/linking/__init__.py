"""The command line of `toyvm ld`: what each option means, and the words parsed into inputs and options."""
