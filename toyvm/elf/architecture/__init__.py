"""What a file says of its architecture: attributes, -march strings, names of extensions."""
