"""The one error of the builder: its text is shown to the user as it is."""


class ImageError(Exception):
    """What went wrong, with the value concerned, and what to do about it."""
