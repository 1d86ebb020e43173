"""The rules of arrival times: pure functions of facts, histories and moments."""
