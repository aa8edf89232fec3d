"""What a finished link gives beside the image: the link map, and an import library."""
