"""What the local stack says when it cannot do its work."""


class StackError(Exception):
    """A server could not be prepared, started or stopped.

    The text says what was wrong, where (folder, port, log lines) and, after ``remedy``, what to do.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}\n  To do: {remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy
