"""Files that the kernel makes up: /dev, /proc, /sys."""
