"""The listings of nm, objdump, readelf and size."""
