"""What goes wrong with input: one line that says what, where, and what to do"""


class Mistake(ValueError):
    """A bad input, told to the person in one line; the commands print it and exit with 2."""
