"""Generators of pages and tables of the documentation, each made from committed result files."""
