"""Charts and maps as SVG files."""
