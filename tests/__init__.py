"""The parts of the tests that are written in Python: the local cloud (local), the stories told on it (stories)."""
