"""Runs whose processes, nodes and models are killed at random."""
