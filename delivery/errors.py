"""The one kind of error that a user of `delivery` sees."""


class DeliveryError(Exception):
    """Something went wrong that the user can act on: the message is one line with the remedy."""
