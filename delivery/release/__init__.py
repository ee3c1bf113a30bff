"""Releases: tests, images and their tags, manifest, bill of materials."""
