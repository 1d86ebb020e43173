"""Bodies of answers, as pydantic models for the published description; answers themselves are not validated again."""
