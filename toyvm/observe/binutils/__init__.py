"""The listings of nm, objdump, readelf and size, in the formats of GNU binutils."""
