"""Benchmarks: figures beside what they are compared with, in one run. `make bench` runs them all."""
