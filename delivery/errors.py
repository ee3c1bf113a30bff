"""The errors that a user of `delivery` sees."""


class DeliveryError(Exception):
    """Something went wrong that the user can act on: the message is one line with the remedy."""


class InterruptedDeliveryError(DeliveryError):
    """The user, or who runs the command, ended it: the message says what that leaves and what repairs it."""
