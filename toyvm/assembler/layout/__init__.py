"""Sizes and addresses: from sections as they were read to sections with a place for every byte."""
