"""The local cloud: starts it, builds and deploys the real stack into it, talks to the functions."""
