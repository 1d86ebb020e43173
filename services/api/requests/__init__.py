"""Bodies of requests, as pydantic models; unknown members are refused."""
