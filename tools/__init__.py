"""What joins the program and the local cloud in this repository."""

from tools.local_settings import apply

apply()
