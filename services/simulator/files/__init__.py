"""The simulated world in partners' own formats: lists as workbooks, train messages of Europe as TAF XML."""

from services.simulator.files.folder import Written, write

__all__ = ["Written", "write"]
