"""The benchmark: `make bench` runs the real `snapshot` beside other tools on the same data."""
