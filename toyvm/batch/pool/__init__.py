"""Runs many jobs, each in a process of its own, here or on a Dask cluster; results are kept as they come.

A worker is a fork server: a process that has imported everything and forks a child for each job. A
job that crashes, hangs or uses up memory loses its child and nothing else.
"""
