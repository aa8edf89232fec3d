"""`toyvm explore`: a page about one program and one real run of it. docs/design/explore.md."""
