"""The errors that a user of `delivery` sees."""


class DeliveryError(Exception):
    """Something went wrong that the user can act on: the message is one line with the remedy."""


class InterruptedDeliveryError(DeliveryError):
    """The user, or who runs the command, ended it: the message says what that leaves and what repairs it."""


class FailedReleaseError(DeliveryError):
    """A release failed once it was rolled out: the message is the failure and what serves since, told apart here."""

    def __init__(self, failure: object, serves: str) -> None:
        super().__init__(f"{failure}; {serves}")
        self.failure, self.serves = str(failure), serves
