"""Tests of the local cloud's modules, without Docker."""
