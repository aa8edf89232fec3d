"""The guest's file system: nodes, open files, and the resolution of paths inside the sandbox."""
