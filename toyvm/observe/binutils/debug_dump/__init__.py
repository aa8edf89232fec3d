"""`readelf --debug-dump` and `objdump --dwarf`: debugging information as text, in GNU's format."""
