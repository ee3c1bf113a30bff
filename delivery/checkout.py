"""The checkout that delivery runs from: image contexts and stack files are relative to it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
