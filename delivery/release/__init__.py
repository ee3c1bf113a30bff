"""What makes a release: its tests, its images with their tags, its manifest, its bill of materials."""
